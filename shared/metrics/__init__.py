"""How servers are used: requests, errors, latency, processor time and memory, for a day."""
