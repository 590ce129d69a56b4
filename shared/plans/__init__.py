"""Plans: what an account may use."""
