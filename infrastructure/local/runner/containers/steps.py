"""The calls of an engine for one run: their store, variables, bounds and what they say."""

import asyncio
import hmac
import json
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from infrastructure.local.runner import variables
from infrastructure.local.runner.containers.bounds import Bounds
from infrastructure.local.runner.containers.context import CONTEXT
from infrastructure.local.runner.containers.engines import DIGEST, Engine, Step, Store
from infrastructure.local.runner.containers.groups import Group
from infrastructure.local.runner.containers.output import (
    PlainSplitter,
    QuietSplitter,
    command_code,
    last_words,
)
from infrastructure.local.runner.containers.plan import LAYERS
from infrastructure.local.runner.containers.process import run
from infrastructure.local.runner.executor import CacheMount, Work
from infrastructure.local.runner.folders import MARKER
from infrastructure.local.runner.toolchains import caches
from shared.builders.dockerfiles import variables_file
from shared.builders.dockerfiles.stages import (
    BUILD,
    INPUTS_ARGUMENT,
    INSTALL,
    RUN_ARGUMENT,
    SOURCE,
    VARIABLES,
)

OUTPUT = "output"
# The newest install keeps its layers by this name, all older ones are pruned.
_KEPT_TAG = "astrocloud-install"
_TAG = "astrocloud-step"
IMAGE_TAG = "astrocloud-image"
# What layers of a user's own Dockerfile may take before those that no image stands on are deleted.
_MOST_LOOSE_BYTES = 2 * 1024**3
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOT_IN_A_MOUNT = (":", ",")


class EngineFailed(Exception):
    """The engine itself could not go on; what it said."""


class PushFailed(Exception):
    """An image could not be pushed; what the engine said."""


@dataclass(slots=True)
class Steps:
    """One run's; ``open`` before the first call, ``close`` after the last one."""

    engine: Engine
    work: Work
    bases: Store
    group: Group | None
    marker: str
    keeps_all: bool = False
    """Layers are kept whether an image of ours stands on them or not."""
    _bounds: Bounds = field(init=False)
    _inputs: str = field(init=False, default="")

    def __post_init__(self) -> None:
        folders = [self.work.scratch, self._root] if self._mount else [self.work.scratch]
        self._bounds = Bounds(self.work.job.bounds, folders, self.group)

    @property
    def _mount(self) -> CacheMount | None:
        return next((cache for cache in self.work.caches if cache.name == LAYERS), None)

    @property
    def _root(self) -> Path:
        return self._mount.folder if self._mount else self.work.scratch / LAYERS

    @property
    def moved(self) -> Work:
        """The run with its source where it lies while the context is laid out."""
        return replace(self.work, source=self.work.scratch / CONTEXT / "source")

    @property
    def is_kept(self) -> bool:
        """Whether later builds find the layers of this one."""
        return self._mount is not None

    @property
    def store(self) -> Store:
        """This run's alone, or its project's and trust scope's."""
        return self.engine.store(self._root / "storage", self.bases.root)

    async def open(self, dockerfile: str) -> None:
        """Write what the engine reads, and take away what a killed run left."""
        scratch = self.work.scratch
        (scratch / "Dockerfile").write_text(dockerfile)
        (scratch / DIGEST).unlink(missing_ok=True)
        self._root.mkdir(parents=True, exist_ok=True)
        (scratch / "temporary").mkdir(exist_ok=True)
        content = self._write_variables(None)
        if self.work.job.fresh:
            # Not `--no-cache`: each stage would then run the commands of those before it again.
            content += self.work.job.key.encode()
        self._inputs = hmac.new(self._salt(), content, "sha256").hexdigest()
        shutil.rmtree(self.store.run, ignore_errors=True)
        if self.is_kept and self.store.root.exists():
            await self._quietly(self.engine.remove_containers(self.store))

    async def call(
        self, target: str | None, write: Callable[[bytes], None], *, output: bool = False
    ) -> int:
        """Build a stage; the exit code of its command, or EngineFailed, or a broken bound."""
        self._write_variables(target)
        return await self.run(self._step(target, output=output), write)

    async def image(self, write: Callable[[bytes], None], reference: str) -> int:
        """Build the last stage as an image, which a daemon pushes at once."""
        self._write_variables(None)
        step = replace(self._step(None, output=False), tag=IMAGE_TAG, is_image=True)
        return await self.run(self.pushing(step, reference), write)

    def pushing(self, step: Step, reference: str) -> Step:
        """A step that a daemon pushes the image of; other engines push when they are told."""
        return replace(step, push=reference) if self.engine.has_daemon else step

    async def run(self, step: Step, write: Callable[[bytes], None]) -> int:
        """Go a step: the exit code of the command that failed, or EngineFailed, or a bound."""
        kind = PlainSplitter if self.engine.has_daemon else QuietSplitter
        splitter = kind(write)
        code = await run(
            self.engine.build(step),
            environment=self._environment(),
            directory=self.work.scratch,
            take=splitter.feed,
            group=self.group,
            bounds=self._bounds,
            with_output=not step.quiet,
        )
        splitter.close(failed=code != 0)
        if code == 0:
            return 0
        if broken := self._bounds.explain():
            raise broken
        found = command_code(splitter.own)
        if found is None:
            raise EngineFailed(last_words(splitter.own))
        return found

    async def push(self, reference: str, *, is_plain: bool) -> str:
        """Push the image; its digest, or PushFailed."""
        if not self.engine.has_daemon:
            command = self.engine.push(self.store, IMAGE_TAG, reference, is_plain=is_plain)
            code, said = await self._told(command)
            if code:
                raise PushFailed(said)
        digest = digest_of((self.work.scratch / DIGEST).read_text())
        if digest is None:
            raise PushFailed("it named no digest")
        return digest

    async def pull(self, image: str) -> tuple[int, str]:
        """Fetch an image into this run's store; the exit code and what the engine said."""
        return await self._told(self.engine.pull(self.store, image))

    async def _told(self, command: list[str]) -> tuple[int, str]:
        said = bytearray()
        code = await run(
            command,
            environment=self._environment(),
            directory=self.work.scratch,
            take=said.extend,
            group=self.group,
            bounds=self._bounds,
        )
        return code, last_words(said.decode("utf-8", "replace").splitlines())

    async def close(self) -> None:
        """Leave nothing but the output, and the layers that later builds may use."""
        scratch = self.work.scratch
        (scratch / VARIABLES).unlink(missing_ok=True)
        if self.engine.has_daemon:
            return
        if self.is_kept:
            for tag in (_TAG, IMAGE_TAG):
                await self._quietly(self.engine.remove_image(self.store, tag))
            if not self.keeps_all or await asyncio.to_thread(self._is_large):
                await self._quietly(self.engine.prune(self.store))
        else:
            await self.clear()
        shutil.rmtree(self.store.run, ignore_errors=True)
        await self._delete(scratch / "temporary")

    def _is_large(self) -> bool:
        return caches.size(self.store.root) > _MOST_LOOSE_BYTES

    async def clear(self) -> None:
        """Delete every layer."""
        await self._delete(self.store.root)

    async def _delete(self, folder: Path) -> None:
        # In the namespace of the engine: files of its users are not ours outside of it.
        await self._quietly(["rm", "-rf", "--one-file-system", "--", str(folder)])

    async def _quietly(self, command: list[str]) -> None:
        """Tidying up: where it does not work, the folder goes with the run or its cache."""
        await run(
            command,
            environment=self._environment(),
            directory=self.work.scratch,
            take=lambda data: None,
            group=self.group,
        )

    def _write_variables(self, target: str | None) -> bytes:
        """The file that the commands of a stage read theirs from."""
        work, source = self.work, PurePosixPath(SOURCE)
        found = variables.of_commands(
            work,
            home=PurePosixPath("/root"),
            temporary=PurePosixPath("/tmp"),  # noqa: S108 - the container's
            caches={key: text for one in work.caches for key, text in one.variables.items()},
        )
        # Root is who the commands are here: a name without a user would only confuse.
        found |= {"USER": "root", "LOGNAME": "root"}
        if target == BUILD:
            found = variables.with_own_programs(found, work, source)
        content = variables_file(found)
        self.write_secret(VARIABLES, content)
        return content

    def write_secret(self, name: str, content: bytes) -> None:
        """A file that an engine mounts; it is deleted at the end."""
        path = self.work.scratch / name
        path.touch(mode=0o600)
        path.write_bytes(content)

    def _step(self, target: str | None, *, output: bool) -> Step:
        job = self.work.job
        return Step(
            store=self.store,
            target=target,
            arguments={INPUTS_ARGUMENT: self._inputs, RUN_ARGUMENT: job.key},
            volumes=[] if self.engine.has_daemon else self._volumes(target),
            tag=_KEPT_TAG if target == INSTALL and self.is_kept else _TAG,
            output=OUTPUT if output else None,
            memory_bytes=job.bounds.memory_bytes,
            processes=job.bounds.processes,
        )

    def _volumes(self, target: str | None) -> list[tuple[Path, str]]:
        """The keeper's caches; those within the source are for the build command alone."""
        found = []
        for cache in self.work.caches:
            is_absolute = cache.target.startswith("/")
            place = cache.target if is_absolute else f"{SOURCE}/{cache.target}"
            odd = any(mark in f"{cache.folder}{place}" for mark in _NOT_IN_A_MOUNT)
            if cache.name == LAYERS or odd or not (is_absolute or target == BUILD):
                continue
            found.append((cache.folder, place))
        return found

    def _environment(self) -> dict[str, str]:
        # Engines keep caches below TMPDIR that other projects must not see.
        temporary = str(self.work.scratch / "temporary")
        return {**self.engine.environment, "TMPDIR": temporary, MARKER: self.marker}

    def _salt(self) -> bytes:
        """So that what stands in a layer's history tells nothing of the variables."""
        path = self._root / "salt"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()


def digest_of(told: str) -> str | None:
    """The digest in what an engine wrote: alone, or in a document of BuildKit's."""
    text = told.strip()
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("containerimage.digest", ""))
        except ValueError:
            return None
    return text if _DIGEST.fullmatch(text) else None
