"""Clients of the services around us: one class each, the only users of their SDKs."""
