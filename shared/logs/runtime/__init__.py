"""Logs of servers: one numbered log for each environment of a project, of all its releases."""
