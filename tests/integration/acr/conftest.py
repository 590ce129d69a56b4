"""A stand-in of Azure whose steps are scripted, and builders that speak to it."""

import asyncio
import gzip
import io
import json
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from shared.builders.acr import AcrBuilder
from shared.builders.port import BuildJob, LogFrame, RunStatus
from shared.detection.build_spec import BuildSpec
from tests.fakes.azure import AzureFake
from tests.fakes.azure.registry import Repository, digest_of
from tests.fakes.azure.tasks import StepCall, StepFailed
from tests.unit.sites.archives import zip_bytes

SECONDS = 20
Act = Callable[[StepCall], Awaitable[None]]


def spec(**values: object) -> BuildSpec:
    """A static project that is built by one command."""
    given = {"framework": "other", "kind": "static", "build": "make", "output": "dist", **values}
    return BuildSpec.model_validate({**given, "reasons": {}})


def job(key: str = "run-0001", **values: object) -> BuildJob:
    """A job of such a project."""
    return BuildJob.model_validate({"key": key, "source_format": "zip", "spec": spec(), **values})


def prints(*lines: str, stage: str = "build") -> Act:
    """A step that prints as BuildKit shows it."""

    async def act(call: StepCall) -> None:
        call.say(f"#7 [{stage} 3/3] RUN a command")
        for number, line in enumerate(lines):
            call.say(f"#7 {number}.250 {line}")
        call.say("#7 DONE 1.0s")

    return act


def fails(code: int, *lines: str, stage: str = "build") -> Act:
    """A step whose command ends with a code."""

    async def act(call: StepCall) -> None:
        await prints(*lines, stage=stage)(call)
        why = f'process "/bin/sh -c make" did not complete successfully: exit code: {code}'
        call.say(f"#7 ERROR: {why}")
        call.say(f"------\n > [{stage} 3/3] RUN a command:\n0.250 a line again\n------")
        call.say(f"ERROR: failed to solve: {why}")
        raise StepFailed("exit status 1")

    return act


def says_and_fails(*words: str) -> Act:
    """A step that BuildKit itself cannot do."""

    async def act(call: StepCall) -> None:
        for word in words:
            call.say(word)
        raise StepFailed("exit status 1")

    return act


def hangs(begun: asyncio.Event) -> Act:
    """A step that never ends by itself."""

    async def act(call: StepCall) -> None:
        await prints("waiting")(call)
        begun.set()
        await asyncio.Event().wait()

    return act


def put_image(fake: AzureFake, repository: str, tag: str, files: dict[str, bytes | str]) -> str:
    """Store an image of one layer; a text is where a link leads. Its digest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    layer = gzip.compress(packed.getvalue())
    place = fake.registry.repositories.setdefault(repository, Repository())
    place.blobs |= {digest_of(layer): layer, digest_of(b"{}"): b"{}"}
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config", "digest": digest_of(b"{}"), "size": 2},
        "layers": [
            {
                "mediaType": f"{kind}.layer.v1.tar+gzip",
                "digest": digest_of(layer),
                "size": len(layer),
            }
        ],
    }
    return fake.registry.put(repository, tag, json.dumps(manifest).encode(), manifest["mediaType"])  # type: ignore[arg-type]


class Acr:
    """Azure and a builder of it."""

    def __init__(self, fake: AzureFake, folder: Path) -> None:
        self.fake = fake
        self.archive = folder / "source.zip"
        self.archive.write_bytes(zip_bytes({"Makefile": b"all:"}))
        self.builders: list[AcrBuilder] = []
        self.builder = self.another()

    def another(self) -> AcrBuilder:
        """One more builder, as another process has it."""
        self.builders.append(self.fake.builder())
        return self.builders[-1]

    def steps(self, **acts: Act) -> None:
        """What steps do; the push of a static run stores its output, unless it is told to."""

        async def push(call: StepCall) -> None:
            repository, _, tag = call.step["push"][0].partition("/")[2].rpartition(":")
            put_image(self.fake, repository, tag, {"index.html": b"built"})

        self.fake.script.steps = {"push": push, **acts}

    async def start(self, made: BuildJob | None = None) -> str:
        """Start a job; its key."""
        made = made or job()
        await self.builder.start(made, self.archive)
        return made.key

    async def ended(self, key: str) -> RunStatus:
        """How a run ended."""
        deadline = time.monotonic() + SECONDS
        while True:
            status = await self.builder.status(key)
            assert status is not None
            if status.has_ended:
                return status
            assert time.monotonic() < deadline, status
            await asyncio.sleep(0.02)

    async def run(self, made: BuildJob | None = None) -> RunStatus:
        """A job from its start to its end."""
        return await self.ended(await self.start(made))

    async def frames(self, key: str, builder: AcrBuilder | None = None) -> list[LogFrame]:
        """The whole log of a run that has ended."""
        found: list[LogFrame] = []
        reader = builder or self.builder
        while page := await reader.log(key, found[-1].n if found else 0):
            found += page
        return found

    @property
    def runs(self) -> int:
        """How many runs were ever begun in Azure."""
        return len(self.fake.management.runs)

    def everything(self) -> bytes:
        """All that Azure keeps but the values of secrets."""
        management = self.fake.management
        places = self.fake.registry.repositories.values()
        requests = [
            {**body["properties"]["runRequest"], "values": None}
            for body in management.requests.values()
        ]
        return b"\n".join(
            [
                json.dumps(requests).encode(),
                *(gzip.decompress(source) for source in self.fake.storage.sources.values()),
                *(bytes(log.data) for log in self.fake.storage.logs.values()),
                *(blob for place in places for blob in place.blobs.values()),
                *(one.data for place in places for one in place.manifests.values()),
            ]
        )


@pytest.fixture
async def acr(tmp_path: Path) -> AsyncIterator[Acr]:
    """Azure, with steps that succeed and leave one page."""
    fake = AzureFake()
    await fake.up()
    made = Acr(fake, tmp_path)
    made.steps()
    yield made
    for builder in made.builders:
        await builder.close()
    await fake.down()
