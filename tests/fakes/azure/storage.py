"""Blobs with signed addresses: sources that are uploaded, and logs that grow."""

import secrets
from dataclasses import dataclass, field
from email.utils import formatdate

from aiohttp import web

_XML = '<?xml version="1.0" encoding="utf-8"?><Error><Code>{0}</Code><Message>{0}</Message></Error>'


@dataclass(slots=True)
class LogBlob:
    """A log: absent until it has been begun, whole once it is complete."""

    data: bytearray = field(default_factory=bytearray)
    has_begun: bool = False
    is_complete: bool = False
    signatures: set[str] = field(default_factory=set)


class Storage:
    """Sources by path, logs by run."""

    def __init__(self) -> None:
        self.sources: dict[str, bytes] = {}
        self.logs: dict[str, LogBlob] = {}
        self._blocks: dict[str, dict[str, bytes]] = {}
        self.signature = secrets.token_hex(8)

    def upload_address(self, host: str) -> tuple[str, str]:
        """Where the next source goes, and how a run names it."""
        path = f"{secrets.token_hex(8)}.tar.gz"
        url = f"https://{host}/account/sources/{path}?sp=cw&sig={self.signature}"
        return url, f"source/{path}"

    def log_address(self, host: str, run: str) -> str:
        """A fresh address of a run's log."""
        signature = secrets.token_hex(8)
        self.logs.setdefault(run, LogBlob()).signatures.add(signature)
        return f"https://{host}/account/logs/{run}?sp=r&sig={signature}"

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.put("/account/sources/{path}", self._put),
            web.get("/account/logs/{run}", self._get),
        ]

    async def _put(self, request: web.Request) -> web.Response:
        if request.query.get("sig") != self.signature:
            return _refused(403, "AuthenticationFailed")
        path, data = request.match_info["path"], await request.read()
        if request.query.get("comp") == "block":
            self._blocks.setdefault(path, {})[request.query["blockid"]] = data
        elif request.query.get("comp") == "blocklist":
            self.sources[f"source/{path}"] = b"".join(self._blocks.pop(path).values())
        else:
            self.sources[f"source/{path}"] = data
        headers = {"ETag": '"1"', "Last-Modified": formatdate(usegmt=True)}
        return web.Response(status=201, headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        """Both GET with a range and HEAD."""
        blob = self.logs.get(request.match_info["run"])
        if blob is None or request.query.get("sig") not in blob.signatures:
            return _refused(403, "AuthenticationFailed")
        if not blob.has_begun:
            return _refused(404, "BlobNotFound")
        headers = {
            "ETag": f'"{len(blob.data)}"',
            "Last-Modified": formatdate(usegmt=True),
            "x-ms-blob-type": "AppendBlob",
            "Accept-Ranges": "bytes",
        }
        if blob.is_complete:
            headers["x-ms-meta-Complete"] = "successful"
        if request.method == "HEAD":
            return web.Response(body=bytes(blob.data), headers=headers)
        begin, _, end = request.headers["x-ms-range"].removeprefix("bytes=").partition("-")
        if int(begin) >= len(blob.data):
            return _refused(416, "InvalidRange")
        piece = bytes(blob.data[int(begin) : int(end) + 1 if end else None])
        last = int(begin) + len(piece) - 1
        headers["Content-Range"] = f"bytes {begin}-{last}/{len(blob.data)}"
        return web.Response(body=piece, status=206, headers=headers)


def _refused(status: int, code: str) -> web.Response:
    return web.Response(
        text=_XML.format(code),
        status=status,
        content_type="application/xml",
        headers={"x-ms-error-code": code},
    )
