"""The whole platform on a real Kubernetes: faults, loads, releases. Skipped where there is none."""
