"""Accounts, their users and members, and the sessions that sign users in."""
