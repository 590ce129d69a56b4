"""A real Kubernetes under contract: the one that KUBECONFIG names, with images in TEST_REGISTRY.

The adapter has the rights that ``infrastructure/kubernetes/access.yaml`` gives the platform, and no
others; KUBECONFIG's own are for what an operator does.
"""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from shared.clusters.kubernetes import KubernetesCluster
from shared.clusters.port import WorkloadRef
from tests.contract.clusters.places import App

ACCESS = Path(__file__).parents[3] / "infrastructure/kubernetes/access.yaml"
ACCOUNT = "astrocloud"
"""The platform's ServiceAccount, and its namespace."""


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

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self.cluster = KubernetesCluster.from_kubeconfig(kubeconfig, drain_seconds=2)
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
        words = ["delete", "pod", replica, "--grace-period=0", "--force"]
        await asyncio.to_thread(kubectl, *words, "--namespace", f"project-{ref.project}")


@asynccontextmanager
async def opened() -> AsyncIterator[KubernetesPlace]:
    """The cluster, as the platform sees it."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        await asyncio.to_thread(_give_access, kubeconfig)
        place = KubernetesPlace(str(kubeconfig))
        yield place
        await place.cluster.close()


def kubectl(*words: str) -> str:
    """What an operator does; its output."""
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kubeconfig_with(token: str) -> dict[str, Any]:
    """The cluster's kubeconfig for whoever has a token."""
    content: dict[str, Any] = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    content["users"][0]["user"] = {"token": token}
    return content


def _give_access(kubeconfig: Path) -> None:
    """Set the cluster up as an operator does, and wait until it knows of the rights."""
    kubectl("apply", "--filename", str(ACCESS))
    token = kubectl("create", "token", ACCOUNT, "--namespace", ACCOUNT, "--duration=4h").strip()
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_with(token)))
    mine = ["--kubeconfig", str(kubeconfig), "auth", "can-i", "create", "namespaces"]
    deadline = time.monotonic() + 20
    while subprocess.run(["kubectl", *mine], capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the rights have not arrived"
        time.sleep(0.3)


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
