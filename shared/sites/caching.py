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

    def __init__(self, paths: Iterable[str]) -> None:
        folders: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if _ASSETS.search(path) and _SCRIPTS.search(path):
                folder, _, name = path.rpartition("/")
                folders[folder].append(name)
        self._bundled = {
            folder for folder, names in folders.items() if all(map(_BASE64.search, names))
        }

    def policy(self, path: str) -> str:
        """The value of Cache-Control."""
        return IMMUTABLE if self._is_hashed(path) else REVALIDATE

    def _is_hashed(self, path: str) -> bool:
        if is_html(path):
            return False
        if _HASHED_FOLDERS.search(path):
            return not _NOT_HASHED.search(path)
        folder, _, name = path.rpartition("/")
        found = _HEX.search(name)
        if found and _is_random_hex(found[1]):
            return True
        return folder in self._bundled and self._is_bundled(name)

    def _is_bundled(self, name: str) -> bool:
        found = _BASE64.search(name)
        if found is None:
            return False
        if _SCRIPTS.search(name):
            return True
        # Other files may have been copied there as they were: `team-Portrait.png`.
        return _is_random(found[1])


def _is_random_hex(text: str) -> bool:
    """A digit and a letter, and no date such as 2024dec1."""
    has_both = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return has_both and not _YEAR.match(text)


def _is_random(text: str) -> bool:
    kinds = (str.isdigit, str.isupper, str.islower)
    return all(any(kind(c) for c in text) for kind in kinds) and not _YEAR.match(text)
