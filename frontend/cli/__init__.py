"""The command line's side of AstroCloud: a client of the public API and nothing else."""
