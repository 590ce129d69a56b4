"""Idempotency keys: one key and body, one effect, one answer."""
