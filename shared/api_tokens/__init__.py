"""API tokens: what programs sign in with, hashed, scoped, within one account, for a while."""
