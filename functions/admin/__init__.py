"""The admin API: HTTP triggers of operators, served on the admin host only."""
