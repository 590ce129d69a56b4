"""The gateway through the real nginx: tables of requests, floods, outages, flips under load."""
