"""A real Kubernetes under contract: the one that KUBECONFIG names, with images in TEST_REGISTRY."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from shared.clusters.kubernetes import KubernetesCluster
from shared.clusters.port import WorkloadRef
from tests.contract.clusters.places import App


def unavailable() -> str:
    """Why there is no cluster to test on; empty where there is one."""
    if os.environ.get("ASTROCLOUD_TEST_CLUSTER") != "1" or not os.environ.get("KUBECONFIG"):
        return "KUBECONFIG and ASTROCLOUD_TEST_CLUSTER=1 name no Kubernetes to test on"
    if not os.environ.get("TEST_REGISTRY") or not shutil.which("buildah"):
        return "TEST_REGISTRY or buildah is missing: no image can be made for the cluster"
    return ""


class KubernetesPlace:
    """The cluster, and images of apps in its registry."""

    name = "kubernetes"

    def __init__(self) -> None:
        self.cluster = KubernetesCluster.from_kubeconfig(os.environ["KUBECONFIG"], drain_seconds=2)
        self.registry = os.environ["TEST_REGISTRY"]
        self.missing_image = f"{self.registry}/contract/nobody@sha256:{'0' * 64}"
        self._images: dict[str, str] = {}

    async def image(self, app: App) -> str:
        """Build and push it, once."""
        name = hashlib.sha256(repr(app).encode()).hexdigest()[:12]
        if name not in self._images:
            self._images[name] = await asyncio.to_thread(_built, app, self.registry, name)
        return self._images[name]

    async def request(self, address: str, path: str = "/") -> tuple[int, str]:
        """A GET on a connection of its own."""
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://{address}{path}") as answer,
            ):
                if answer.headers.get("X-App") != "contract":
                    # A Service's address leads elsewhere until the node has heard of it.
                    raise ConnectionRefusedError(f"{address} does not lead to the app yet")
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError as error:
            raise ConnectionRefusedError(str(error)) from error
        except aiohttp.ClientError as error:
            raise ConnectionError(repr(error)) from error

    async def kill(self, ref: WorkloadRef, replica: str) -> None:
        """Delete the pod without grace, as a node that is lost does."""
        command = ["kubectl", "delete", "pod", replica, "--grace-period=0", "--force"]
        command += ["--namespace", f"project-{ref.project}"]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


@asynccontextmanager
async def opened() -> AsyncIterator[KubernetesPlace]:
    """The cluster."""
    place = KubernetesPlace()
    yield place
    await place.cluster.close()


def _built(app: App, registry: str, name: str) -> str:
    target = f"{registry}/contract/app:{name}"
    with tempfile.TemporaryDirectory() as folder:
        for file, content in app.files.items():
            Path(folder, file).write_text(content)
        words = ", ".join(f'"{word}"' for word in app.command)
        user = f"USER {app.user}\n" if app.user else ""
        Path(folder, "Dockerfile").write_text(
            f"FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\n{user}CMD [{words}]\n"
        )
        digest = Path(folder, "digest")
        build = ["buildah", "bud", "--quiet", "--layers", "--tag", target, folder]
        push = ["buildah", "push", "--quiet", "--tls-verify=false", "--digestfile", str(digest)]
        for command in (build, [*push, target]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return f"{registry}/contract/app@{digest.read_text().strip()}"
