"""Azure Resource Manager as far as AKS needs it, and an API server that answers as it is told.

Answers have the shapes of the published specifications: ARM's errors are
``{"error": {code, message}}``, Kubernetes' a ``Status``. Both are one server with TLS.
"""

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from azure.core.credentials import AccessToken

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP, CLUSTER = "platform", "apps"
PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
    f"/Microsoft.ContainerService/managedClusters/{CLUSTER}/listClusterUserCredential"
)
PROGRAM = {
    "apiVersion": "client.authentication.k8s.io/v1beta1",
    "command": "kubelogin",
    "args": ["get-token", "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"],
}


@dataclass(frozen=True)
class Answer:
    """What is answered once, instead of the usual."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    authorization: str


class StubCredential:
    """Gives tokens that are named by their number; ``lifetime`` in seconds."""

    def __init__(self, lifetime: float = 3600, fixed: str = "") -> None:
        self.lifetime = lifetime
        self.fixed = fixed
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token."""
        self.scopes += scopes
        until = datetime.datetime.now(datetime.UTC).timestamp() + self.lifetime
        return AccessToken(self.fixed or f"token-{len(self.scopes)}", int(until))


class FakeAks:
    """ARM and one cluster. ``arm`` and ``api`` hold answers that go before the usual ones;
    ``revoked`` is a token that the cluster does not accept."""

    def __init__(self, folder: Path) -> None:
        self.arm: list[Answer] = []
        self.api: list[Answer] = []
        self.seen: list[Asked] = []
        self.revoked = ""
        self.kubeconfig: dict[str, Any] | None = None
        self.certificates = folder / "ca.pem"
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(self.certificates))
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def tokens(self, prefix: str) -> list[str]:
        """What the requests below a path were authorised with."""
        return [one.authorization for one in self.seen if one.path.startswith(prefix)]

    def access(self) -> dict[str, Any]:
        """The kubeconfig that ARM gives: its user signs in by a program."""
        if self.kubeconfig is not None:
            return self.kubeconfig
        authority = base64.b64encode(self.certificates.read_bytes()).decode()
        return kubeconfig_of({"server": self.url, "certificate-authority-data": authority})


def kubeconfig_of(cluster: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig as AKS with Entra makes it."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CLUSTER,
        "clusters": [{"name": CLUSTER, "cluster": cluster}],
        "users": [{"name": "clusterUser", "user": {"exec": PROGRAM}}],
        "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": "clusterUser"}}],
    }


def status(code: int, reason: str, message: str, **details: Any) -> Answer:
    """An error as an API server tells it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "details": details,
        "code": code,
    }
    return Answer(code, body)


def arm_error(code: int, name: str, **headers: str) -> Answer:
    """An error as ARM tells it."""
    told = {"error": {"code": name, "message": f"{name} happened."}}
    return Answer(code, told, {key.replace("_", "-"): value for key, value in headers.items()})


@contextmanager
def running(folder: Path) -> Iterator[FakeAks]:
    """A server for a test."""
    fake = FakeAks(folder)
    try:
        yield fake
    finally:
        fake.close()


class _Handler(BaseHTTPRequestHandler):
    owner: FakeAks
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written down."""

    def do_GET(self) -> None:
        """The same for each method."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        authorization = self.headers.get("Authorization") or ""
        self.owner.seen.append(Asked(self.command, path, authorization))
        answer = self._arm(path) if path.startswith("/subscriptions/") else self._api(authorization)
        data = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _arm(self, path: str) -> Answer:
        if self.owner.arm:
            return self.owner.arm.pop(0)
        if path != PATH:
            return arm_error(404, "ResourceNotFound")
        value = base64.b64encode(yaml.safe_dump(self.owner.access()).encode()).decode()
        return Answer(200, {"kubeconfigs": [{"name": "clusterUser", "value": value}]})

    def _api(self, authorization: str) -> Answer:
        if self.owner.revoked and authorization.endswith(self.owner.revoked):
            return status(401, "Unauthorized", "Unauthorized")
        if self.owner.api:
            return self.owner.api.pop(0)
        return Answer(200, {"kind": "List", "apiVersion": "v1", "items": []})

    def do_POST(self) -> None:
        """The same for each method."""
        self.do_GET()

    do_PATCH = do_POST  # noqa: N815 - the names that the server asks for
    do_DELETE = do_POST  # noqa: N815


def _certificate(ca: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AKS in a test")])
    now = datetime.datetime.now(datetime.UTC)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    both = ca.with_name("server.pem")
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both.write_bytes(ca.read_bytes() + private)
    return both
