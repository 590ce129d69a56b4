"""Looks up what an image's tag stands for right now: its digest, and how large it is.

Speaks the registry's published protocol (OCI Distribution Specification 1.1) and its token
authentication, over the guard. Everything blocks and belongs into a thread.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from shared.sources.errors import ImageNotFound, ImageRefused, RegistryUnavailable
from shared.sources.guard import Answer, Credentials, Guard, Outgoing
from shared.sources.image_reference import ImageReference
from shared.sources.streams import Watch

_SECONDS = 30.0
_MANIFEST_BYTES = 4 * 1024 * 1024
_PIECE = 65_536
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What a tag stands for; ``bytes`` are those of its compressed layers."""

    reference: str
    digest: str
    bytes: int


def find_image(
    reference: ImageReference,
    guard: Guard,
    credentials: Credentials | None = None,
    seconds: float = _SECONDS,
) -> FoundImage:
    """The image for Linux on x86-64; raises ImageNotFound, ImageRefused, RegistryUnavailable."""
    registry = _Registry(reference, guard, credentials, Watch(seconds))
    digest, manifest = registry.manifest(reference.wanted)
    chosen = manifest
    if "manifests" in manifest:
        chosen = registry.manifest(_platform(reference, manifest))[1]
    layers = chosen.get("layers")
    if not isinstance(layers, list):
        raise ImageRefused(f"{reference} is no image of layers that could be run")
    size = sum(int(layer.get("size", 0)) for layer in layers)
    return FoundImage(reference.at(digest), digest, size)


def _platform(reference: ImageReference, index: Mapping[str, Any]) -> str:
    for entry in index["manifests"]:
        platform = entry.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(entry["digest"])
    raise ImageRefused(
        f"{reference} has no image for linux/amd64: build one for that platform and push it"
    )


class _Registry:
    """Asks one registry for manifests of one repository."""

    def __init__(
        self,
        reference: ImageReference,
        guard: Guard,
        credentials: Credentials | None,
        watch: Watch,
    ) -> None:
        self._reference = reference
        self._guard = guard
        self._credentials = credentials
        self._watch = watch
        self._authorization: str | None = None
        scheme = "http" if reference.api in guard.allowed else "https"
        self._url = f"{scheme}://{reference.api}/v2/{reference.repository}"

    def manifest(self, wanted: str) -> tuple[str, dict[str, Any]]:
        """Digest and content of a manifest, which are one: the digest is reckoned here."""
        with self._ask(wanted) as answer:
            self._check(answer)
            data = _read(answer)
        digest = f"sha256:{sha256(data).hexdigest()}"
        if wanted.startswith("sha256:") and wanted != digest:
            raise ImageRefused(f"{self._reference.api} sent other bytes than {wanted} stands for")
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ImageRefused(f"{self._reference.api} sent a manifest that cannot be read")
        return digest, found

    def _ask(self, wanted: str) -> Answer:
        answer = self._get(wanted)
        challenge = answer.header("WWW-Authenticate") or ""
        if answer.status != 401 or self._authorization is not None:
            return answer
        answer.close()
        self._authorization = self._authorized(challenge)
        return self._get(wanted)

    def _get(self, wanted: str) -> Answer:
        headers = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
        if self._authorization:
            headers["Authorization"] = self._authorization
        request = Outgoing(
            url=f"{self._url}/manifests/{wanted}", headers=headers, max_bytes=_MANIFEST_BYTES
        )
        return self._guard.open(request, self._watch)

    def _authorized(self, challenge: str) -> str:
        """What the registry wants to see: the user's own, or a token that is asked for with it."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._credentials:
            return self._credentials.header
        told = dict(_PARAMETER.findall(rest))
        if kind.lower() != "bearer" or "realm" not in told:
            raise self._needs_login()
        scope = told.get("scope") or f"repository:{self._reference.repository}:pull"
        query = urlencode({"service": told.get("service", ""), "scope": scope})
        return "Bearer " + self._token(f"{told['realm']}?{query}")

    def _token(self, url: str) -> str:
        request = Outgoing(url=url, credentials=self._credentials, max_bytes=_MANIFEST_BYTES)
        with self._guard.open(request, self._watch) as answer:
            if answer.status in (401, 403):
                raise self._needs_login()
            self._check(answer)
            data = _read(answer)
        try:
            told = json.loads(data)
            return str(told.get("token") or told["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise ImageRefused(f"{self._reference.api} gave no token that could be read") from None

    def _check(self, answer: Answer) -> None:
        if answer.status == 404:
            raise ImageNotFound(
                f"There is no image {self._reference}: check its name and tag, and that it was"
                " pushed"
            )
        if answer.status in (401, 403):
            raise self._needs_login()
        if answer.status == 429 or answer.status >= 500:
            raise RegistryUnavailable(
                f"{self._reference.api} answered with status {answer.status}: it is asked again"
            )
        if answer.status != 200:
            raise ImageRefused(
                f"{self._reference.api} answered with status {answer.status}: check the address"
            )

    def _needs_login(self) -> ImageRefused:
        what = "refuses the project's user and token" if self._credentials else "wants a login"
        return ImageRefused(
            f"{self._reference.api} {what} for {self._reference.repository}, or there is no such"
            " image. Next: set registry in the project to a user and a token that may pull it"
        )


def _read(answer: Answer) -> bytes:
    pieces = []
    while piece := answer.read(_PIECE):
        pieces.append(piece)
    return b"".join(pieces)
