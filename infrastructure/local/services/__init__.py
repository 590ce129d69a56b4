"""The services that the stack runs: one module each, and nothing but how each is run."""
