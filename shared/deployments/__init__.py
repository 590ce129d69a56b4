"""Deployments: attempts to put one revision online, and how they move."""
