"""What goes wrong with the local stack: one sentence with thing, reason and remedy."""


class StackError(Exception):
    """A failure that its text explains completely; shown without a traceback."""
