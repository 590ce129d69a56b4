"""Clusters: where releases with a server run. ``port`` is what they have in common."""
