"""Workloads: what runs of dynamic releases, how many replicas there have to be, and tasks."""
