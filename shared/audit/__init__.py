"""Who did what, when, to what: one row beside the change it tells of."""
