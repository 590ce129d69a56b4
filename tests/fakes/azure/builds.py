"""Steps that really build: ``docker build`` with BuildKit, played by buildah."""

import asyncio
import hashlib
import json
import os
import re
import shlex
import tempfile
import time
from pathlib import Path

from infrastructure.local.runner.containers.engines import find_engine
from infrastructure.local.runner.containers.output import QuietSplitter, command_code, last_words
from infrastructure.local.runner.containers.process import run
from tests.fakes.azure.registry import RegistryData, Repository
from tests.fakes.azure.tasks import StepCall, StepFailed

_MISSING = re.compile(r'copier: stat: "([^"]+)": no such file')


class Buildah:
    """One store for all runs, as the machines of ACR have one each: layers are not told apart."""

    def __init__(self, folder: Path, registry: RegistryData) -> None:
        self._engine = find_engine("buildah")
        self._registry = registry
        self._at = [
            str(self._engine.program),
            "--root",
            str(folder / "storage"),
            "--runroot",
            str(folder / "storage-run"),
        ]

    async def step(self, call: StepCall) -> None:
        """Build or push."""
        if "push" in call.step:
            for image in call.step["push"]:
                await self._push(call, image)
        else:
            assert "DOCKER_BUILDKIT=1" in call.step["env"]
            await self._build(call)

    async def _build(self, call: StepCall) -> None:
        words = shlex.split(call.step["build"])
        target, context, options = _options(words, call.volumes)
        vertex = target or "stage-final"
        say, begun = call.say, time.monotonic()
        say("#1 [internal] load build definition from Dockerfile")
        say("#1 DONE 0.0s")
        say(f"#9 [{vertex} 2/2] RUN a command")
        splitter = QuietSplitter(_Lines(call, begun).write)
        command = [*self._at, "build", "--quiet", "--layers", "--force-rm", "--network", "host"]
        code = await run(
            [*command, *options, context],
            environment={**self._engine.environment, "TMPDIR": str(call.work.parent)},
            directory=call.work,
            take=splitter.feed,
        )
        splitter.close(failed=code != 0)
        if code == 0:
            say("#9 DONE 0.1s")
            return
        found = command_code(splitter.own)
        why = _as_buildkit(last_words(splitter.own))
        if found is not None:
            why = f'process "/bin/sh -c" did not complete successfully: exit code: {found}'
            say(f"#9 ERROR: {why}")
        say("------")
        say(f"ERROR: failed to solve: {why}")
        raise StepFailed("exit status 1")

    async def _push(self, call: StepCall, image: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = [*self._at, "push", "--quiet", image, f"oci:{folder}/image:x"]
            code = await run(
                command,
                environment=self._engine.environment,
                directory=call.work,
                take=lambda data: None,
            )
            if code:
                raise StepFailed("failed to push images successfully")
            await asyncio.to_thread(self._store, image, Path(folder, "image"))

    def _store(self, image: str, folder: Path) -> None:
        name, _, tag = image.partition("/")[2].rpartition(":")
        place = self._registry.repositories.setdefault(name, Repository())
        index = json.loads((folder / "index.json").read_bytes())
        told = index["manifests"][0]
        for blob in (folder / "blobs" / "sha256").iterdir():
            data = blob.read_bytes()
            place.blobs[f"sha256:{hashlib.sha256(data).hexdigest()}"] = data
        self._registry.put(name, tag, place.blobs[told["digest"]], told["mediaType"])


def _as_buildkit(words: str) -> str:
    """What BuildKit says of a file that is not there to be copied."""
    missing = _MISSING.search(words)
    if missing is None:
        return words
    where = "failed to compute cache key: failed to calculate checksum of ref x::y"
    return f'{where}: "/{missing[1].rpartition("/")[2]}": not found'


class _Lines:
    """What commands print, as BuildKit shows it."""

    def __init__(self, call: StepCall, begun: float) -> None:
        self._call, self._begun = call, begun
        self._rest = b""

    def write(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "surrogateescape")
            self._call.say(f"#9 {time.monotonic() - self._begun:.3f} {text}")


def _options(words: list[str], volumes: dict[str, Path]) -> tuple[str | None, str, list[str]]:
    """The target, the context and what else buildah is told."""
    target: str | None = None
    options: list[str] = []
    *flags, context = words
    for word in flags:
        name, _, value = word.partition("=")
        if name == "--target":
            target = value
        elif name == "--cache-from":
            continue
        elif name == "--secret":
            where, _, source = value.partition(",src=")
            folder, _, file = source.rpartition("/")
            word = f"--secret={where},src={volumes[folder] / file}"
        elif name == "--build-arg" and value.startswith("BUILDKIT_"):
            continue
        options.append(word)
    return target, context, options


def why_not() -> str:
    """Why nothing can be built here; empty where it can."""
    if not os.environ.get("TEST_REGISTRY"):
        return "TEST_REGISTRY names no registry with base images"
    try:
        find_engine("buildah")
    except Exception as error:  # noqa: BLE001 - whatever it says is the reason to skip
        return str(error)
    return ""
