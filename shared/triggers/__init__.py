"""The edges: how a trigger's input becomes one service call and its result an answer."""
