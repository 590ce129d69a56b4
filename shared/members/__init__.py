"""Members of an account: who they are, what they may do, and how others join."""
