"""Generated Dockerfiles of servers, built for real and run: what their images are like."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.runner.containers import ContainerExecutor, Engine, Registry, find_engine
from infrastructure.local.runner.executor import Work
from shared.builders.dockerfiles.server import USER
from shared.detection.detect import detect
from shared.detection.tree import FolderTree
from shared.sites.models import MIB
from tests.integration.containers.conftest import Bench, Log
from tests.integration.containers.servers import SERVERS

LogOf = Callable[[Work], Log]
SECONDS = 60
ENDS_WITHIN = "20"
"""Seconds until SIGKILL: a server that has got SIGTERM ends by itself long before, with code 0."""


@pytest.fixture(scope="session")
def engine(registry: str) -> Engine:
    """One engine is enough: they build the same text. Another one runs the images."""
    if not shutil.which("buildah") or not shutil.which("podman"):
        pytest.skip("buildah or podman is missing: images cannot be built and run")
    return find_engine("buildah")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images lie that are run: many stand on the same base."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="session")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("managers")


@pytest.fixture(scope="session")
def golang(registry: str) -> None:
    """A base image with Go, of this machine's, where the registry has none."""
    if _answers(f"http://{registry}/v2/library/golang/manifests/1.26-bookworm"):
        return
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    target = f"{registry}/library/golang:1.26-bookworm"
    with tempfile.TemporaryDirectory() as folder:
        text = (
            "FROM docker.io/library/debian:bookworm-slim\nCOPY . /usr/local/go\n"
            "ENV PATH=/usr/local/go/bin:/go/bin:/usr/local/bin:/usr/bin:/bin GOPATH=/go"
            " GOTOOLCHAIN=local\n"
        )
        Path(folder, "Dockerfile").write_text(text)
        file = str(Path(folder, "Dockerfile"))
        build = ["buildah", "build", "--quiet", "--tag", target, "--file", file]
        push = ["buildah", "push", "--quiet", "--tls-verify=false", target]
        for command in ([*build, root.stdout.strip()], push):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


@pytest.fixture
def servers(engine: Engine, base_images: Path, tmp_path: Path, registry: str) -> Bench:
    executor = ContainerExecutor(base_images, engine, push_to=Registry.parse(registry))
    return Bench(executor, tmp_path)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_is_built_and_runs(
    request: pytest.FixtureRequest,
    servers: Bench,
    registry: str,
    managers: Path,
    images: Path,
    tmp_path: Path,
    log_of: LogOf,
    name: str,
) -> None:
    if not shutil.which(SERVERS[name].needs):
        pytest.skip(f"{SERVERS[name].needs} is not installed: the lock file cannot be made")
    if name == "go":
        request.getfixturevalue("golang")
    folder = tmp_path / "project"
    folder.mkdir()
    files = SERVERS[name].write(managers, folder)
    spec = detect(FolderTree(folder))
    assert spec.kind == "dynamic"
    work = servers.work(files, image=f"projects/servers-{name}", kind="dynamic")
    work = replace(work, job=work.job.model_copy(update={"spec": spec}))
    built = await servers.build(work)
    assert built.reason is None, (built, log_of(work).text, spec)
    assert built.image is not None
    print(f"{name}: {(built.image_bytes or 0) / MIB:.0f} MiB, {spec.install} / {spec.start}")
    with _running(built.image, images) as (run, port):
        assert _told(run, port) == {"user": USER, "production": True, "development": False}
        first = _podman(images, "exec", run, "cat", "/proc/1/status")
        assert f"Uid:\t{USER}" in first
        has_manager = _finds(images, run, spec.package_manager or "no-manager")
        assert has_manager is (name in {"npm", "pip"} or SERVERS[name].runs_manager or _shim(name))
        asked = time.monotonic()
        _podman(images, "stop", "--time", ENDS_WITHIN, run)
        print(f"{name} has ended after {time.monotonic() - asked:.1f} s")
        assert _podman(images, "inspect", "--format", "{{.State.ExitCode}}", run) == "0"
        assert _podman(images, "logs", run).splitlines()[-1] == "asked to end"
    await Registry.parse(registry).delete_reference(built.image)


def _shim(name: str) -> bool:
    """What stands in for a package manager that only starts something."""
    return name in {"uv", "poetry", "pipenv"}


@contextmanager
def _running(image: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A container of an image on this machine's network, as an ordinary user of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["run", "--detach", "--network=host", "--tls-verify=false"]
    words += ["--cap-drop=ALL", "--security-opt=no-new-privileges", f"--env=PORT={port}"]
    run = _podman(folder, *words, image).splitlines()[-1]
    try:
        yield run, port
    finally:
        _podman(folder, "rm", "--force", run)


def _told(run: str, port: int) -> Any:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            assert time.monotonic() < deadline, f"{run} does not answer"
            time.sleep(0.1)


def _finds(folder: Path, run: str, program: str) -> bool:
    words = [*_at(folder), "exec", run, "sh", "-c", f"command -v {program}"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _podman(folder: Path, *words: str) -> str:
    done = subprocess.run([*_at(folder), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def _at(folder: Path) -> list[str]:
    # It refuses a long path there.
    run = Path(tempfile.gettempdir()) / f"servers-{os.getpid()}"
    return ["podman", "--root", str(folder / "podman"), "--runroot", str(run)]


def _answers(url: str) -> bool:
    kinds = "application/vnd.oci.image.manifest.v1+json"
    try:
        asked = urllib.request.Request(url, headers={"Accept": kinds})
        with urllib.request.urlopen(asked, timeout=10):
            return True
    except urllib.error.HTTPError:
        return False
