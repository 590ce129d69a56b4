"""The real services that tests use: started on first use by the same code as ``./dev up``."""
