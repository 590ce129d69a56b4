"""How long browsers may keep a file: for ever only where its name changes with its content.

A file that is kept too short costs a small request, one that is kept too long stays wrong for a
year; so whatever is not surely a content hash is none.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

from shared.sites.media_types import is_html

REVALIDATE = "public, max-age=0, must-revalidate"
IMMUTABLE = "public, max-age=31536000, immutable"

# Folders into which a bundler writes hashed names only: Astro, Next.js, SvelteKit, Nuxt.
_HASHED_FOLDERS = re.compile(r"/(?:_astro|_next/static|_app/immutable|_nuxt)/")
_NOT_HASHED = re.compile(r"/_nuxt/builds/latest\.json$")
# `app.3f2a9c1b.js`, `3f2a9c1b.js`, `logo-0123456789abcdef.svg`, `app.3f2a9c1b.js.map`
_HEX = re.compile(
    r"(?:^|[.\-_])([0-9a-f]{8,64})(?:\.chunk|\.min|\.bundle)?(?:\.[a-z0-9]{1,11}){1,2}$"
)
# `index-DiwrgTda.js`: what Vite and Rollup write.
_BASE64 = re.compile(r"[.\-]([A-Za-z0-9_-]{8})\.[a-z0-9]{1,11}(?:\.map)?$")
_ASSETS = re.compile(r"/assets/[^/]+$")
_SCRIPTS = re.compile(r"\.(?:m?js|css)(?:\.map)?$")
_YEAR = re.compile(r"(?:19|20)\d\d")


class CachePolicies:
    """The policies of one site; which folder a bundler wrote is seen from all its names."""

    def __init__(self, paths: Iterable[str], rules: Iterable[tuple[str, bool]] = ()) -> None:
        self._rules = [(_pattern(path), immutable) for path, immutable in rules]
        folders: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if _ASSETS.search(path) and _SCRIPTS.search(path):
                folder, _, name = path.rpartition("/")
                folders[folder].append(name)
        self._bundled = {
            folder
            for folder, names in folders.items()
            if all(_BASE64.search(name) or _has_hex(name) for name in names)
        }

    def policy(self, path: str) -> str:
        """The value of Cache-Control: the first rule that fits decides, else the name."""
        for pattern, immutable in self._rules:
            if pattern.fullmatch(path):
                return IMMUTABLE if immutable else REVALIDATE
        return IMMUTABLE if self._is_hashed(path) else REVALIDATE

    def _is_hashed(self, path: str) -> bool:
        if is_html(path):
            return False
        if _HASHED_FOLDERS.search(path):
            return not _NOT_HASHED.search(path)
        folder, _, name = path.rpartition("/")
        return _has_hex(name) or (folder in self._bundled and _has_base64(name))


def _pattern(text: str) -> re.Pattern[str]:
    """`*` stands for anything, also over several folders."""
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _has_hex(name: str) -> bool:
    """A hexadecimal hash: with a digit and a letter, and no date such as 2024dec1."""
    found = _HEX.search(name)
    text = found[1] if found else ""
    has_both = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return has_both and not _YEAR.match(text)


def _has_base64(name: str) -> bool:
    """A hash in a bundler's folder, where other files may lie, too, such as `team-Portrait.png`."""
    found = _BASE64.search(name)
    return found is not None and (bool(_SCRIPTS.search(name)) or _is_random(found[1]))


def _is_random(text: str) -> bool:
    kinds = (str.isdigit, str.isupper, str.islower)
    return all(any(kind(c) for c in text) for kind in kinds) and not _YEAR.match(text)
