"""References of container images: ``[registry/]repository[:tag][@digest]``.

As every registry's client reads them (github.com/distribution/reference): without a registry it is
Docker Hub's, and there one word lies below ``library/``.
"""

import re
from dataclasses import dataclass

from shared.sources.errors import ImageReferenceRefused

_DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_MOST = 500
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REGISTRY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A reference in its parts; with a digest the tag means nothing."""

    registry: str
    repository: str
    tag: str
    digest: str | None = None

    @property
    def api(self) -> str:
        """The ``host[:port]`` that is asked."""
        return _DOCKER_HUB_API if self.registry == _DOCKER_HUB else self.registry

    @property
    def wanted(self) -> str:
        """What is asked for: the digest, or the tag."""
        return self.digest or self.tag

    def at(self, digest: str) -> str:
        """The same image by its digest, which nothing changes any more."""
        return f"{self.registry}/{self.repository}@{digest}"

    def __str__(self) -> str:
        named = f"{self.registry}/{self.repository}"
        return f"{named}@{self.digest}" if self.digest else f"{named}:{self.tag}"


def parse_reference(text: str) -> ImageReference:
    """The parts of a reference; raises ImageReferenceRefused."""
    if not text or len(text) > _MOST or "://" in text:
        raise _refused(text, "it is a name such as ghcr.io/acme/shop:1.4, without https://")
    name, _, digest = text.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise _refused(text, "a digest is sha256: and 64 hexadecimal digits")
    registry, repository = _split(name)
    repository, colon, tag = repository.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _refused(text, "a tag has letters, digits, dots, dashes and underscores")
    if not _REGISTRY.fullmatch(registry):
        raise _refused(text, "the registry is a host such as ghcr.io")
    if not all(_PART.fullmatch(part) for part in repository.split("/")):
        raise _refused(text, "a repository has small letters, digits, dots and dashes")
    return ImageReference(registry.lower(), repository, tag or "latest", digest or None)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return _DOCKER_HUB, name if slash else f"library/{name}"


def _refused(text: str, reason: str) -> ImageReferenceRefused:
    return ImageReferenceRefused(f"“{text[:100]}” is no image's name: {reason}")
