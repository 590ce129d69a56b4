"""Routes: what answers a host, projected from rows to Blob where the gateway reads it."""
