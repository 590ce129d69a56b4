"""The programs that build images: how each is told what to build, and which is there.

Buildah and Podman are one code with two names and share everything here. Docker's BuildKit
builds in its daemon: images, layers and caches are the daemon's, and so are bounds on a build.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infrastructure.local.runner.executor import ToolsUnavailable
from shared.builders.dockerfiles.stages import VARIABLES

NAMES = ("buildah", "podman", "docker")
DIGEST = "digest"
"""The file that says what was pushed."""
_KEPT = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
    "REGISTRY_AUTH_FILE", "CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF",
    "CONTAINERS_STORAGE_CONF", "BUILDAH_ISOLATION", "BUILDAH_RUNTIME",
    "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
# What the commands of a build have no use for. The first would open a way out of a chroot.
_DROPPED = ("CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE", "CAP_SETFCAP")


@dataclass(frozen=True, slots=True)
class Store:
    """Where an engine keeps images; ``bases`` is a second one that it only reads."""

    root: Path
    run: Path
    bases: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of an engine: build a stage (or the last one), from the current folder.

    ``secrets`` are names with their files. With ``push`` a daemon pushes what it has built there.
    A step that is not ``quiet`` shows what the engine does, too.
    """

    store: Store
    target: str | None
    arguments: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[tuple[Path, str]] = ()
    tag: str | None = None
    output: str | None = None
    memory_bytes: int = 0
    processes: int = 0
    file: str = "Dockerfile"
    context: str = "context"
    secrets: Sequence[tuple[str, str]] = ((VARIABLES, VARIABLES),)
    quiet: bool = True
    fresh: bool = False
    push: str | None = None
    is_image: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """A program and the environment that it needs."""

    name: Literal["buildah", "podman", "docker"]
    program: Path
    environment: Mapping[str, str]

    @property
    def has_daemon(self) -> bool:
        """Whether the work is done by a process that is not our child."""
        return self.name == "docker"

    @property
    def is_chroot(self) -> bool:
        """Whether commands are kept apart from this machine by a changed root only."""
        return not self.has_daemon and self.environment.get("BUILDAH_ISOLATION") == "chroot"

    def store(self, root: Path, bases: Path | None = None) -> Store:
        """A store at a place of ours, with the folder for what it needs while it runs."""
        run = root.with_name(f"{root.name}-run")
        if self.name == "podman":
            # It refuses a long path there.
            name = hashlib.sha256(str(root).encode()).hexdigest()[:12]
            run = Path(tempfile.gettempdir()) / f"astrocloud-{name}"
        return Store(root, run, bases)

    def build(self, step: Step) -> list[str]:
        """The command of one step. Paths in it are seen from the current folder."""
        return list(self._docker(step) if self.has_daemon else self._buildah(step))

    def pull(self, store: Store, image: str) -> list[str]:
        """Fetch an image into a store."""
        return [*self._at(store), "pull", "--quiet", image]

    def push(self, store: Store, tag: str, reference: str, *, is_plain: bool) -> list[str]:
        """Push an image of a store; its digest is written into ``DIGEST``."""
        tls = ["--tls-verify=false"] if is_plain else []
        words = [*self._at(store), "push", "--quiet", f"--digestfile={DIGEST}", *tls]
        return [*words, tag, f"docker://{reference}"]

    def has(self, store: Store, image: str) -> list[str]:
        """Prints an image's id where it is in a store."""
        return [*self._at(store), "images", "--quiet", image]

    def remove_image(self, store: Store, name: str) -> list[str]:
        """Delete an image of that name; its layers stay while others stand on them."""
        return [*self._at(store), "rmi", name]

    def prune(self, store: Store) -> list[str]:
        """Delete images that have no name and none made from them."""
        if self.name == "podman":
            return [*self._at(store), "image", "prune", "--force"]
        return [*self._at(store), "rmi", "--prune"]

    def remove_containers(self, store: Store) -> list[str]:
        """Delete what builds that were killed left in a store."""
        return [*self._at(store), "rm", "--all"]

    def _at(self, store: Store) -> Iterator[str]:
        yield from (str(self.program), "--root", str(store.root), "--runroot", str(store.run))
        if store.bases:
            yield from ("--storage-opt", f"overlay.imagestore={store.bases}")

    def _buildah(self, step: Step) -> Iterator[str]:
        yield from self._at(step.store)
        # Quiet, so that the commands' output is all there is, but for a last word of why.
        yield from ("build", "--layers", "--force-rm", "--pull=never")
        if step.quiet:
            yield "--quiet"
        if step.is_image:
            # The other format knows no SHELL.
            yield "--format=docker"
        yield from (f"--cap-drop={name}" for name in _DROPPED)
        if self.is_chroot:
            yield from ("--network", "host")
        elif os.geteuid() == 0:
            yield from ("--memory", str(step.memory_bytes))
        if os.geteuid() != 0 and step.processes:
            yield f"--ulimit=nproc={step.processes}:{step.processes}"
        if any("@" in self.environment.get(name, "") for name in _proxy_names()):
            yield "--http-proxy=false"
        for folder, target in step.volumes:
            yield f"--volume={folder}:{target}"
        yield from self._shared(step)
        if step.output:
            yield f"--output=type=local,dest={step.output}"
        yield from ("--file", step.file, "--", step.context)

    def _docker(self, step: Step) -> Iterator[str]:
        yield from (str(self.program), "buildx", "build", "--progress=plain")
        yield from self._shared(step)
        if step.push:
            yield from ("--push", f"--tag={step.push}", f"--metadata-file={DIGEST}")
        else:
            kind = f"type=local,dest={step.output}" if step.output else "type=cacheonly"
            yield f"--output={kind}"
        yield from ("--file", step.file, "--", step.context)

    def _shared(self, step: Step) -> Iterator[str]:
        if step.target:
            yield f"--target={step.target}"
        if step.tag and not self.has_daemon:
            yield f"--tag={step.tag}"
        if step.fresh:
            yield "--no-cache"
        for name, path in step.secrets:
            yield f"--secret=id={name},src={path}"
        for name, value in step.arguments.items():
            yield f"--build-arg={name}={value}"


def find_engine(wanted: str | None = None, environ: Mapping[str, str] | None = None) -> Engine:
    """The named engine, or the first that is there; raises ToolsUnavailable."""
    environ = os.environ if environ is None else environ
    if wanted is not None and wanted not in NAMES:
        raise ToolsUnavailable(
            f"There is no engine {wanted[:40]!r}. Next: name one of {', '.join(NAMES)}."
        )
    for name in (wanted,) if wanted else NAMES:
        if program := shutil.which(name, path=environ.get("PATH")):
            kept = {key: environ[key] for key in (*_KEPT, *_proxy_names()) if key in environ}
            return Engine(name, Path(program), {**kept, "DOCKER_BUILDKIT": "1"})  # type: ignore[arg-type]
    raise ToolsUnavailable(
        f"{wanted or 'Neither buildah, podman nor docker'} is not on PATH, so nothing can be built"
        " in a container. Next: install one of them, or let the runner build in its sandbox."
    )


def _proxy_names() -> tuple[str, ...]:
    return (*_PROXIES, *(name.lower() for name in _PROXIES))
