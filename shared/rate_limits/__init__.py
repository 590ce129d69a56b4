"""Rate limits, counted in Redis and lent to processes in small leases."""
