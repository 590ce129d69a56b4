"""Projects: what is put online, under which name."""
