"""A container registry that answers as the OCI Distribution Specification says, for one test.

It holds manifests only, can want a login by token or by Basic authentication, and can fail.
"""

import base64
import json
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class RegistryServer:
    """Listens on a free port of 127.0.0.1 until it is closed."""

    def __init__(self) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.login: str | None = None
        self.kind = "Bearer"
        self.status: int | None = None
        self.asked: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._server.server_port}"

    def put(self, name: str, manifest: dict[str, Any], kind: str = MANIFEST) -> str:
        """Keep a manifest by a name such as ``acme/shop:v1``; its digest."""
        data = json.dumps(manifest).encode()
        digest = f"sha256:{sha256(data).hexdigest()}"
        repository = name.partition(":")[0]
        for key in (name, f"{repository}:{digest}"):
            self.manifests[key] = (kind, data)
        return digest

    def put_image(self, name: str, size: int = 1000) -> str:
        """A manifest of one layer."""
        return self.put(name, {"schemaVersion": 2, "config": {}, "layers": [{"size": size}]})

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        self.asked.append(request.path)
        if self.status is not None:
            self._send(request, self.status, b"{}")
        elif request.path.startswith("/token"):
            self._token(request)
        elif not self._may(request):
            self._challenge(request)
        else:
            self._manifest(request)

    def _token(self, request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("Authorization") != self._basic():
            self._send(request, 401, b"{}")
            return
        self._send(request, 200, json.dumps({"token": "good"}).encode())

    def _may(self, request: BaseHTTPRequestHandler) -> bool:
        given = request.headers.get("Authorization")
        wanted = "Bearer good" if self.kind == "Bearer" else self._basic()
        return self.login is None or given == wanted

    def _basic(self) -> str:
        return "Basic " + base64.b64encode((self.login or "").encode()).decode()

    def _challenge(self, request: BaseHTTPRequestHandler) -> None:
        realm = f'realm="http://{self.host}/token",service="test"'
        challenge = f"Bearer {realm}" if self.kind == "Bearer" else 'Basic realm="test"'
        self._send(request, 401, b"{}", {"WWW-Authenticate": challenge})

    def _manifest(self, request: BaseHTTPRequestHandler) -> None:
        repository, _, wanted = request.path.removeprefix("/v2/").partition("/manifests/")
        found = self.manifests.get(f"{repository}:{wanted}")
        if found is None:
            self._send(request, 404, b'{"errors": []}')
        else:
            self._send(request, 200, found[1], {"Content-Type": found[0]})

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
