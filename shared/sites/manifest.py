"""The path table of a release, complete: what njs answers is looked up, never worked out.

Its shape is fixed by the gateway's reader (docs/static-sites.md). What a path's bytes are comes
from the publisher; which paths lead to them is decided here.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from shared.sites.caching import CachePolicies
from shared.sites.media_types import media_type
from shared.sites.models import NO_RULES, Encoding, Form, SiteFile, SiteRules

PATHS_A_SHARD = 256
_NOT_FOUND = "/404.html"
_FALLBACK = "/200.html"
_INDEX = "index.html"
_PERMANENT = 308

Forms = Mapping[str, Mapping[Encoding, Form | None]]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The compiled site: its shards, ready to be written, and its special pages."""

    shards: tuple[bytes, ...]
    not_found: str | None
    fallback: str | None


def compile_manifest(
    files: Iterable[SiteFile], forms: Forms, rules: SiteRules = NO_RULES
) -> Manifest:
    """Every path that the site answers; ``forms`` are those of each digest."""
    by_path = {file.path: file for file in files}
    policies = CachePolicies(by_path, rules.cache)
    served = {path: _entry(file, policies, forms) for path, file in by_path.items()}
    table = {**dict(_derived(served)), **served}
    return Manifest(
        shards=_shards(table),
        not_found=_NOT_FOUND if _NOT_FOUND in served else None,
        fallback=_fallback(served, rules),
    )


def _fallback(served: Mapping[str, Any], rules: SiteRules) -> str | None:
    page = _FALLBACK if rules.fallback is None else rules.fallback
    return page if page in served else None


def shard_of(path: str, shards: int) -> int:
    """In which shard a path stands; njs computes the same."""
    return int(hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()[:8], 16) % shards


def _entry(file: SiteFile, policies: CachePolicies, forms: Forms) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "d": file.digest,
        "s": file.size,
        "t": media_type(file.path),
        "c": policies.policy(file.path),
    }
    encoded = {e: [f.digest, f.size] for e, f in forms.get(file.digest, {}).items() if f}
    if encoded:
        entry["e"] = encoded
    return entry


def _derived(served: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Clean addresses; a file of that very name always comes before them."""
    for path, entry in served.items():
        folder, _, name = path.rpartition("/")
        if name == _INDEX:
            yield f"{folder}/", entry
            if folder and f"{folder}.html" not in served:
                yield folder, _redirect(f"{folder}/")
        elif name.endswith(".html") and name != ".html" and path not in (_NOT_FOUND, _FALLBACK):
            clean = path.removesuffix(".html")
            yield clean, entry
            if f"{clean}/{_INDEX}" not in served:
                yield f"{clean}/", _redirect(clean)


def _redirect(path: str) -> dict[str, Any]:
    # The target goes into a header: percent-encoded here, so that njs need not.
    return {"r": [_PERMANENT, quote(path, safe="/!$&'()*+,;=:@~")]}


def _shards(table: Mapping[str, dict[str, Any]]) -> tuple[bytes, ...]:
    count = max(1, -(-len(table) // PATHS_A_SHARD))
    parts: list[dict[str, dict[str, Any]]] = [{} for _ in range(count)]
    for path in sorted(table):
        parts[shard_of(path, count)][path] = table[path]
    return tuple(
        json.dumps(
            {"version": 1, "paths": part}, ensure_ascii=False, separators=(",", ":")
        ).encode()
        for part in parts
    )
