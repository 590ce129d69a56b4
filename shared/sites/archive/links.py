"""Symbolic links of a source: which of them may be made where it is unpacked."""


def stays_within(path: str, target: str) -> bool:
    """Whether a link leads to a place within the source, also through other links.

    It may go up first and down then, never down and up: what stands between could be a link.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if not parts or target.startswith("/") or "\\" in target or not target.isprintable():
        return False
    ups = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    return ups <= path.count("/") and ".." not in parts[ups:] and ".git" not in parts
