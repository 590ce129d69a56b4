"""The steps: each does the work of one state and answers what comes next."""
