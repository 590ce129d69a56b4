"""What every app of the control plane shares: domains, services, ports and clients."""
