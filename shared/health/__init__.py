"""Whether what we depend on answers."""
