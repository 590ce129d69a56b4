"""The registry's data plane: OAuth, ``/v2`` and ``/acr/v1`` as the specifications say."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

TOKEN = "an-entra-token"


@dataclass(slots=True)
class Stored:
    """A manifest: its bytes, its type and when it came."""

    data: bytes
    type: str
    time: datetime


@dataclass(slots=True)
class Repository:
    """Blobs, manifests by digest, tags by name, and which tags are locked."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Stored] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)


class RegistryData:
    """What is stored, and the routes that speak of it."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests = 0
        self._uploads: dict[str, bytearray] = {}
        self._access: dict[str, float] = {}

    def put(self, name: str, tag: str, data: bytes, kind: str) -> str:
        """Store a manifest under a tag."""
        place = self.repositories.setdefault(name, Repository())
        digest = digest_of(data)
        now = datetime.now(UTC)
        place.manifests.setdefault(digest, Stored(data, kind, now))
        if not tag.startswith("sha256:"):
            place.tags[tag] = digest
            place.times[tag] = now
        return digest

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/oauth2/exchange", self._exchange),
            web.post("/oauth2/token", self._token),
            web.get("/acr/v1/_catalog", self._guarded(self._catalog)),
            web.delete("/acr/v1/{name:.+?}/_tags/{tag}", self._guarded(self._delete_tag)),
            web.patch("/acr/v1/{name:.+?}/_tags/{tag}", self._guarded(self._lock_tag)),
            web.get("/acr/v1/{name:.+?}/_tags/{tag}", self._guarded(self._tag)),
            web.get("/acr/v1/{name:.+?}/_tags", self._guarded(self._tags)),
            web.get("/acr/v1/{name:.+?}/_manifests", self._guarded(self._manifests)),
            web.delete("/acr/v1/{name:.+}", self._guarded(self._delete_repository)),
            web.get("/v2/{name:.+}/manifests/{reference}", self._guarded(self._get_manifest)),
            web.put("/v2/{name:.+}/manifests/{reference}", self._guarded(self._put_manifest)),
            web.delete("/v2/{name:.+}/manifests/{reference}", self._guarded(self._drop_manifest)),
            web.post("/v2/{name:.+}/blobs/uploads/", self._guarded(self._begin_upload)),
            web.patch("/v2/{name:.+}/blobs/uploads/{id}", self._guarded(self._chunk)),
            web.put("/v2/{name:.+}/blobs/uploads/{id}", self._guarded(self._end_upload)),
            web.get("/v2/{name:.+}/blobs/{digest}", self._guarded(self._blob)),
        ]

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self.requests += 1
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._access.get(token, 0) > time.time():
                return await handler(request)  # type: ignore[no-any-return]
            scope = f"repository:{request.match_info.get('name', 'catalog')}:*"
            challenge = (
                f'Bearer realm="https://{request.host}/oauth2/token",service="{request.host}",'
                f'scope="{scope}"'
            )
            body = _errors("UNAUTHORIZED", "authentication required")
            return web.json_response(body, status=401, headers={"WWW-Authenticate": challenge})

        return guarded

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "access_token" or form.get("access_token") != TOKEN:
            return web.json_response(_errors("UNAUTHORIZED", "not ours"), status=401)
        claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 10800}).encode())
        return web.json_response({"refresh_token": f"e30.{claims.decode().rstrip('=')}.s"})

    async def _token(self, request: web.Request) -> web.Response:
        token = secrets.token_hex(16)
        self._access[token] = time.time() + 3600
        return web.json_response({"access_token": token})

    async def _catalog(self, request: web.Request) -> web.Response:
        return web.json_response({"repositories": sorted(self.repositories) or None})

    async def _tags(self, request: web.Request) -> web.Response:
        name, place = self._place(request)
        tags = [self._told_tag(name, tag) for tag in sorted(place.tags)]
        return web.json_response({"registry": request.host, "imageName": name, "tags": tags})

    async def _tag(self, request: web.Request) -> web.Response:
        name, place = self._place(request)
        tag = request.match_info["tag"]
        if tag not in place.tags:
            raise _missing("TAG_UNKNOWN")
        told = {"registry": request.host, "imageName": name, "tag": self._told_tag(name, tag)}
        return web.json_response(told)

    async def _lock_tag(self, request: web.Request) -> web.Response:
        name, place = self._place(request)
        tag = request.match_info["tag"]
        if tag not in place.tags:
            raise _missing("TAG_UNKNOWN")
        wanted = (await request.json()).get("writeEnabled")
        if wanted is not None:
            (place.locked.discard if wanted else place.locked.add)(tag)
        told = {"registry": request.host, "imageName": name, "tag": self._told_tag(name, tag)}
        return web.json_response(told)

    async def _delete_tag(self, request: web.Request) -> web.Response:
        _, place = self._place(request)
        tag = request.match_info["tag"]
        if tag in place.locked:
            raise _locked()
        if place.tags.pop(tag, None) is None:
            raise _missing("TAG_UNKNOWN")
        return web.Response(status=202)

    async def _manifests(self, request: web.Request) -> web.Response:
        name, place = self._place(request)
        told = [self._told_manifest(place, digest) for digest in place.manifests]
        return web.json_response({"registry": request.host, "imageName": name, "manifests": told})

    async def _delete_repository(self, request: web.Request) -> web.Response:
        name, place = self._place(request)
        if place.locked:
            raise _locked()
        del self.repositories[name]
        return web.json_response({"manifestsDeleted": [], "tagsDeleted": []}, status=202)

    async def _get_manifest(self, request: web.Request) -> web.Response:
        _, place = self._place(request)
        reference = request.match_info["reference"]
        digest = place.tags.get(reference, reference)
        if digest not in place.manifests:
            raise _missing("MANIFEST_UNKNOWN")
        found = place.manifests[digest]
        headers = {"Docker-Content-Digest": digest, "Content-Type": found.type}
        return web.Response(body=found.data, headers=headers)

    async def _put_manifest(self, request: web.Request) -> web.Response:
        name, reference = request.match_info["name"], request.match_info["reference"]
        place = self.repositories.setdefault(name, Repository())
        if reference in place.locked:
            raise _locked()
        data = await request.read()
        manifest = json.loads(data)
        for blob in (manifest["config"], *manifest["layers"]):
            if blob["digest"] not in place.blobs:
                raise web.HTTPNotFound(
                    text=json.dumps(_errors("MANIFEST_BLOB_UNKNOWN", "blob unknown")),
                    content_type="application/json",
                )
        digest = self.put(name, reference, data, request.headers["Content-Type"])
        return web.Response(status=201, headers={"Docker-Content-Digest": digest})

    async def _drop_manifest(self, request: web.Request) -> web.Response:
        _, place = self._place(request)
        digest = request.match_info["reference"]
        if any(tag in place.locked for tag, named in place.tags.items() if named == digest):
            raise _locked()
        if place.manifests.pop(digest, None) is None:
            raise _missing("MANIFEST_UNKNOWN")
        place.tags = {tag: named for tag, named in place.tags.items() if named != digest}
        return web.Response(status=202)

    async def _begin_upload(self, request: web.Request) -> web.Response:
        name, upload = request.match_info["name"], secrets.token_hex(8)
        self._uploads[upload] = bytearray()
        return web.Response(
            status=202, headers={"Location": f"/v2/{name}/blobs/uploads/{upload}", "Range": "0-0"}
        )

    async def _chunk(self, request: web.Request) -> web.Response:
        self._uploads[request.match_info["id"]] += await request.read()
        return web.Response(status=202, headers={"Location": request.path, "Range": "0-1"})

    async def _end_upload(self, request: web.Request) -> web.Response:
        data = bytes(self._uploads.pop(request.match_info["id"]) + await request.read())
        digest = digest_of(data)
        if request.query["digest"] != digest:
            body = json.dumps(_errors("DIGEST_INVALID", "digest"))
            raise web.HTTPBadRequest(text=body, content_type="application/json")
        place = self.repositories.setdefault(request.match_info["name"], Repository())
        place.blobs[digest] = data
        return web.Response(status=201, headers={"Docker-Content-Digest": digest, "Location": "/"})

    async def _blob(self, request: web.Request) -> web.Response:
        _, place = self._place(request)
        data = place.blobs.get(request.match_info["digest"])
        if data is None:
            raise _missing("BLOB_UNKNOWN")
        begin, end = request.headers["Range"].removeprefix("bytes=").split("-")
        piece = data[int(begin) : int(end) + 1]
        last = int(begin) + len(piece) - 1
        headers = {"Content-Range": f"bytes {begin}-{last}/{len(data)}"}
        return web.Response(body=piece, status=206, headers=headers)

    def _place(self, request: web.Request) -> tuple[str, Repository]:
        name = request.match_info["name"]
        if name not in self.repositories:
            raise _missing("NAME_UNKNOWN")
        return name, self.repositories[name]

    def _told_tag(self, name: str, tag: str) -> dict[str, Any]:
        place = self.repositories[name]
        time_ = place.times[tag].isoformat()
        may = {"deleteEnabled": True, "listEnabled": True, "readEnabled": True}
        return {
            "name": tag,
            "digest": place.tags[tag],
            "createdTime": time_,
            "lastUpdateTime": time_,
            "signed": False,
            "changeableAttributes": {**may, "writeEnabled": tag not in place.locked},
        }

    def _told_manifest(self, place: Repository, digest: str) -> dict[str, Any]:
        found = place.manifests[digest]
        manifest = json.loads(found.data)
        size = manifest["config"]["size"] + sum(one["size"] for one in manifest["layers"])
        tags = [tag for tag, named in place.tags.items() if named == digest]
        return {
            "digest": digest,
            "imageSize": size,
            "createdTime": found.time.isoformat(),
            "lastUpdateTime": found.time.isoformat(),
            "mediaType": found.type,
            **({"tags": tags} if tags else {}),
        }


def digest_of(data: bytes) -> str:
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _errors(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, "detail": None}]}


def _missing(code: str) -> web.HTTPNotFound:
    body = json.dumps(_errors(code, "not found"))
    return web.HTTPNotFound(text=body, content_type="application/json")


def _locked() -> web.HTTPMethodNotAllowed:
    error = web.HTTPMethodNotAllowed("PUT", ["GET"])
    error.text = json.dumps(_errors("UNSUPPORTED", "The operation is disallowed: it is locked"))
    error.content_type = "application/json"
    return error
