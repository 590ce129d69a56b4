"""Static sites: safe archives, content-addressed objects and the manifest the gateway reads."""
