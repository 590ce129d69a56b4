"""From any name to a project's slug: what the platform accepts as part of a host name."""

import re
import unicodedata

LENGTH = 40
FALLBACK = "site"


def slug_of(name: str) -> str:
    """A valid slug that resembles the name; the platform decides whether it is free."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    letters = plain.encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    return slug[:LENGTH].strip("-") or FALLBACK
