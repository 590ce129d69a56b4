"""The registry that images of dynamic projects are pushed to: its address, and what is asked of it.

Engines push; sizes, settings and deletion are the registry's own HTTP interface (version 2). Who
we are there is in the file in which ``docker login`` and ``podman login`` keep it.
"""

import base64
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import Unavailable

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

VARIABLE = "ASTROCLOUD_REGISTRY"
_ADDRESS = re.compile(r"(?:(http|https)://)?([A-Za-z0-9.-]+(?::\d{1,5})?)((?:/[a-z0-9._-]+)*)/?")
_BY_DIGEST = re.compile(r"([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@(sha256:[0-9a-f]{64})")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_SECONDS = 30.0


class WrongRegistry(ValueError):
    """An address or reference that is none, or of another registry; says which."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a registry tells of an image: bytes as they are stored, and who it runs as."""

    bytes: int
    user: str


@dataclass(frozen=True, slots=True)
class Registry:
    """``host`` with its port, and what stands before the names of all repositories."""

    host: str
    prefix: str
    is_plain: bool

    @classmethod
    def parse(cls, address: str) -> "Registry":
        """``HOST[:PORT][/prefix]``; raises WrongRegistry. ``http://`` before it: without TLS."""
        match = _ADDRESS.fullmatch(address.strip())
        if match is None:
            raise WrongRegistry(
                f"{address[:80]!r} is no registry."
                f" Next: set {VARIABLE} to HOST[:PORT][/prefix], such as localhost:5000."
            )
        host = match[2]
        return cls(host, match[3].strip("/"), match[1] == "http" or _is_loopback(host))

    def reference(self, repository: str) -> str:
        """How an engine names a repository here, without a tag."""
        return "/".join(part for part in (self.host, self.prefix, repository) if part)

    def is_of_another(self, image: str, repository: str) -> bool:
        """Whether an image lies in this registry, but in no repository of that name."""
        name = image.partition("@")[0]
        inside = name.lower().startswith(f"{self.host.lower()}/")
        own = self.reference(repository)
        return inside and name.rpartition(":")[0] != own and name != own

    async def describe(self, repository: str, digest: str) -> Pushed:
        """What was pushed under a digest; raises Unavailable."""
        async with _Client(self) as client:
            manifest = await client.json(f"{self._path(repository)}/manifests/{digest}")
            if "config" not in manifest:
                # A list of one image: what Docker pushes together with a note of how it was made.
                real = next(one for one in manifest["manifests"] if _is_image(one))
                path = f"{self._path(repository)}/manifests/{real['digest']}"
                manifest = await client.json(path)
            config = manifest["config"]
            told = await client.json(f"{self._path(repository)}/blobs/{config['digest']}")
        size = sum(layer["size"] for layer in manifest["layers"]) + config["size"]
        return Pushed(size, (told.get("config") or {}).get("User") or "")

    async def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest; silent where it is gone. Raises Unavailable."""
        async with _Client(self) as client:
            await client.delete(f"{self._path(repository)}/manifests/{digest}")

    async def delete_reference(self, reference: str) -> None:
        """The same by ``HOST/…@sha256:…``; raises WrongRegistry for one of another registry."""
        start = f"{self.host}/"
        match = _BY_DIGEST.fullmatch(reference.removeprefix(start))
        if not reference.startswith(start) or match is None:
            raise WrongRegistry(
                f"{reference[:200]} is no image by digest in {self.host}, so it is not deleted."
                f" Next: set {VARIABLE} to the registry that it is in, or delete it there."
            )
        async with _Client(self) as client:
            await client.delete(f"/v2/{match[1]}/manifests/{match[2]}")

    def _path(self, repository: str) -> str:
        return "/".join(part for part in ("/v2", self.prefix, repository) if part)


def _is_image(entry: Mapping[str, Any]) -> bool:
    return (entry.get("platform") or {}).get("os") != "unknown"


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class _Client:
    """A session of one call: who we are is read anew each time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._base = f"{'http' if registry.is_plain else 'https'}://{registry.host}"
        self._login = login_of(registry.host)
        self._authorization = f"Basic {self._login}" if self._login else ""
        self._session: ClientSession | None = None

    async def __aenter__(self) -> "_Client":
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def json(self, path: str) -> Any:
        async with self._asked("GET", path) as answer:
            if answer.status != 200:
                raise Unavailable(
                    f"The registry {self._registry.host} answers {answer.status} when asked for an"
                    " image that was just pushed: it is asked again"
                )
            return json.loads(await answer.read())

    async def delete(self, path: str) -> None:
        async with self._asked("DELETE", path) as answer:
            if answer.status == 405:
                raise WrongRegistry(
                    f"The registry {self._registry.host} deletes nothing, so the image stays."
                    " Next: allow deletion there (REGISTRY_STORAGE_DELETE_ENABLED=true)."
                )
            if answer.status not in {200, 202, 204, 404}:
                raise Unavailable(
                    f"The registry {self._registry.host} answers {answer.status} to the deletion"
                    " of an image: it is asked again"
                )

    @asynccontextmanager
    async def _asked(self, method: str, path: str) -> AsyncIterator["ClientResponse"]:
        """The answer; where the registry wants a token first, the one with it."""
        import aiohttp

        assert self._session is not None, "the client is open"
        try:
            for attempt in (1, 2):
                headers = {"Accept": ", ".join(_MANIFESTS)}
                if self._authorization:
                    headers["Authorization"] = self._authorization
                async with self._session.request(
                    method, f"{self._base}{path}", headers=headers
                ) as answer:
                    wanted = answer.headers.get("WWW-Authenticate", "")
                    if answer.status == 401 and attempt == 1 and wanted.startswith("Bearer "):
                        await self._take_token(wanted)
                        continue
                    yield answer
                    return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(
                f"The registry {self._registry.host} does not answer ({type(error).__name__}): see"
                f" whether it runs, and whether {VARIABLE} is right"
            ) from error

    async def _take_token(self, challenge: str) -> None:
        assert self._session is not None, "the client is open"
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.pop("realm", "")
        headers = {}
        # The password goes to who is named by the registry, but never in clear over a network.
        if self._login and (realm.startswith("https://") or self._registry.is_plain):
            headers["Authorization"] = f"Basic {self._login}"
        if urlsplit(realm).scheme not in {"http", "https"}:
            return
        async with self._session.get(realm, params=asked, headers=headers) as answer:
            told = json.loads(await answer.read()) if answer.status == 200 else {}
        token = told.get("token") or told.get("access_token")
        if token:
            self._authorization = f"Bearer {token}"


def login_of(host: str, environ: Mapping[str, str] | None = None) -> str:
    """What ``login`` has kept for a registry: user and password in Base64, or empty."""
    import os

    for path in _files(os.environ if environ is None else environ):
        try:
            told = json.loads(path.read_text())["auths"][host]["auth"]
            base64.b64decode(told, validate=True)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Not there, or kept by a helper: then the next one may know.
        return str(told)
    return ""


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "/"))
    if named := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers", "auth.json")
    yield Path(environ.get("XDG_CONFIG_HOME", home / ".config"), "containers", "auth.json")
    yield Path(environ.get("DOCKER_CONFIG", home / ".docker"), "config.json")
