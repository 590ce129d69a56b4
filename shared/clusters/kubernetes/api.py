"""The API server as the adapter uses it: plain objects in and out, and what its errors mean.

What the objects say is not this module's business. The client only blocks, so it runs in threads.
"""

import asyncio
import importlib
import json
import random
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.clusters.errors import ClusterRefused
from shared.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

Json = dict[str, Any]

MANAGER = "astrocloud"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_TIMEOUT = (5.0, 30.0)
_TRIES = 4
_importing = threading.Lock()
_NO_LOG = b"unable to retrieve container logs for "
_PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodMetrics": "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods",
}


class Api:
    """One API server. ``load_config`` is asked on first use, and again when it is refused."""

    def __init__(self, load_config: "Callable[[], Configuration]") -> None:
        self._load_config = load_config
        self._client: ApiClient | None = None
        self._lock = threading.Lock()

    async def apply(self, manifest: Json) -> Json:
        """Make an object be so, with all that it had from us before; server-side apply."""
        path = _path(manifest["kind"], _namespace(manifest), manifest["metadata"]["name"])
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self._json("PATCH", path, query, manifest, _APPLY)

    async def create(self, manifest: Json) -> Json:
        """Make an object; raises Conflict where there is one of that name."""
        path = _path(manifest["kind"], _namespace(manifest))
        return await self._json("POST", path, {"fieldManager": MANAGER}, manifest)

    async def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """An object; None where there is none of that name."""
        try:
            return await self._json("GET", _path(kind, namespace, name))
        except NotFound:
            return None

    async def find(
        self, kind: str, namespace: str, labels: Mapping[str, str] | None = None, fields: str = ""
    ) -> list[Json]:
        """The objects of a kind; empty where the cluster does not know the kind."""
        query = {"labelSelector": _selector(labels or {}), "fieldSelector": fields}
        try:
            found = await self._json("GET", _path(kind, namespace), query)
        except NotFound:
            return []
        items: list[Json] = found["items"]
        return items

    async def patch(
        self, kind: str, namespace: str, name: str, change: Json, part: str = ""
    ) -> Json:
        """Change some fields of an object; raises NotFound."""
        path = _path(kind, namespace, name) + part
        return await self._json("PATCH", path, {"fieldManager": MANAGER}, change, _MERGE)

    async def delete(
        self, kind: str, namespace: str, name: str, as_seen: Json | None = None
    ) -> None:
        """Delete an object with all that it owns; silent where there is none.

        With ``as_seen`` only as it was then: raises Conflict where somebody has changed it.
        """
        body: Json = {"propagationPolicy": "Background"}
        if as_seen is not None:
            meta = as_seen["metadata"]
            body["preconditions"] = {key: meta[key] for key in ("uid", "resourceVersion")}
        try:
            await self._json("DELETE", _path(kind, namespace, name), None, body)
        except NotFound:
            return

    async def delete_all(self, kind: str, namespace: str, labels: Mapping[str, str]) -> None:
        """Delete the objects of a kind that have these labels."""
        query = {"labelSelector": _selector(labels), "propagationPolicy": "Background"}
        await self._json("DELETE", _path(kind, namespace), query)

    async def log(self, namespace: str, pod: str, query: Mapping[str, str]) -> bytes:
        """What a pod wrote; empty where it is gone, or has written nothing yet."""
        try:
            data = await self._send("GET", _path("Pod", namespace, pod) + "/log", query)
        except (NotFound, _BadRequest):
            return b""
        # The node's own words, with status 200, where a container's file is gone already.
        return b"" if data.startswith(_NO_LOG) and data.count(b"\n") <= 1 else data

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str = "application/json",
    ) -> Json:
        for left in reversed(range(_TRIES)):
            try:
                answer: Json = json.loads(await self._send(method, path, query, body, content))
                return answer
            except Conflict:
                # Somebody else wrote at the same moment. What a POST collides with stays there.
                if not left or method == "POST":
                    raise
                await asyncio.sleep(random.uniform(0.02, 0.2))
        raise AssertionError("the last try returns or raises")

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content: str = "application/json",
    ) -> bytes:
        asked = [(name, value) for name, value in (query or {}).items() if value]
        client = self._client
        status, data, headers = await asyncio.to_thread(
            self._call, method, path, asked, body, content
        )
        if status == 401:
            # A token that was revoked, or a certificate that was replaced: read the access anew,
            # once for all that were refused together.
            if self._client is client or client is None:
                await self.close()
            status, data, headers = await asyncio.to_thread(
                self._call, method, path, asked, body, content
            )
        _check(status, data, headers)
        return data

    def _call(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Json | None,
        content: str,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        _import_client()
        import urllib3
        from kubernetes.client import ApiException

        try:
            client = self._opened()
            request = client.param_serialize(
                method,
                path,
                query_params=query,
                header_params={"Accept": "application/json, */*", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = client.call_api(*request, _request_timeout=_TIMEOUT)
            data: bytes = answer.response.read()
            return answer.status, data, dict(answer.response.headers)
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise Unavailable(
                f"The cluster's API server does not answer ({type(error).__name__}): it is asked"
                " again; see whether it runs and can be reached from here"
            ) from error

    def _opened(self) -> "ApiClient":
        import urllib3
        from kubernetes.client import ApiClient

        with self._lock:
            if self._client is None:
                config = self._load_config()
                # When a busy server wants to be asked again is the caller's business.
                config.retries = urllib3.Retry(
                    total=1, redirect=0, status=0, respect_retry_after_header=False
                )
                self._client = ApiClient(config)
            return self._client


def _import_client() -> None:
    """Import the client whole, by one thread.

    Its modules import each other when a name is first asked for: two threads that begin at the same
    time end in a deadlock, of which Python lets one fail, and the package stays broken for ever.
    """
    with _importing:
        importlib.import_module("kubernetes")


class _BadRequest(ClusterRefused):
    """The API server says 400: for a log, that its container has not started."""


def _check(status: int, data: bytes, headers: Mapping[str, str]) -> None:
    if status < 400:
        return
    message, reason, causes = _words(data)
    if status == 404:
        raise NotFound(message)
    if status == 409:
        raise Conflict(message)
    if status == 401:
        raise Unavailable(
            "The cluster does not accept our credentials, fresh ones neither: see whether the"
            " identity or kubeconfig of CLUSTER is still valid there"
        )
    if status == 429 or status >= 500:
        after = {name.title(): value for name, value in headers.items()}.get("Retry-After")
        raise Unavailable(
            f"The cluster's API server answers {status} ({message}): it is asked again",
            headers={"Retry-After": after} if after else {},
        )
    if status == 403 and (reason == "AlreadyExists" or "NamespaceTerminating" in causes):
        raise Unavailable(f"The project is just being deleted in the cluster ({message})")
    if status == 403 and "cannot" in message:
        raise ClusterRefused(
            f"The cluster does not allow it: {message}. Its operators give the platform's identity"
            " that right; docs/kubernetes.md lists those that it needs"
        )
    if status == 400:
        raise _BadRequest(f"The cluster does not take it: {message}")
    raise ClusterRefused(f"The cluster does not take it: {message}")


def _words(data: bytes) -> tuple[str, str, tuple[str, ...]]:
    """What an error says: its message, its reason, and what caused it."""
    try:
        told = json.loads(data)
        causes = (told.get("details") or {}).get("causes") or ()
        reasons = tuple(str(cause.get("reason")) for cause in causes)
        return str(told.get("message") or ""), str(told.get("reason") or ""), reasons
    except (ValueError, AttributeError):
        return data[:200].decode(errors="replace").strip() or "without a word", "", ()


def _namespace(manifest: Json) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _path(kind: str, namespace: str, name: str = "") -> str:
    path = _PLACES[kind].format(namespace)
    return f"{path}/{name}" if name else path


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())
