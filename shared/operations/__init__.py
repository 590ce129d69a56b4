"""What operators see of the whole platform."""
