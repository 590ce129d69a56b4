"""Images of servers with real engines: from generated Dockerfiles and from users' own."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure.local.runner.containers import ContainerExecutor, Engine, Registry
from infrastructure.local.runner.containers.registry import WrongRegistry
from infrastructure.local.runner.executor import Work
from shared.builders.port import BuildBounds
from shared.errors import Unavailable
from tests.integration.containers.conftest import Bench, Log

LogOf = Callable[[Work], Log]
PACKAGE = json.dumps(
    {
        "name": "x",
        "version": "1.0.0",
        "scripts": {"start": "node server.js"},
        "dependencies": {"is-number": "7.0.0"},
        "devDependencies": {"is-odd": "3.0.1"},
    }
)
SERVER = {"kind": "dynamic", "framework": "node", "output": None, "start": "npm start"}
OWN = {**SERVER, "node": None, "package_manager": None, "start": None, "dockerfile": "Dockerfile"}
HIDDEN = "hunter2hunter2"


@pytest.fixture
def place(registry: str) -> Registry:
    return Registry.parse(registry)


@pytest.fixture
def servers(engine: Engine, base_images: Path, tmp_path: Path, place: Registry) -> Bench:
    return Bench(ContainerExecutor(base_images, engine, push_to=place), tmp_path)


def _image(name: str = "") -> str:
    return f"projects/{name or secrets.token_hex(6)}"


def _own(bench: Bench, text: str, files: dict[str, str] | None = None, **values: object) -> Work:
    return bench.work({"Dockerfile": text, **(files or {})}, image=_image(), **{**OWN, **values})


async def test_a_server_becomes_an_image_and_is_deleted_again(
    servers: Bench, place: Registry, log_of: LogOf
) -> None:
    work = servers.work(
        {"package.json": PACKAGE, "server.js": "1"},
        **SERVER,
        image=_image(),
        install="npm install",
        build='test "$TOKEN" = hunter2hunter2 && echo built > built.txt',
        secrets={"TOKEN": HIDDEN},
    )
    built = await servers.build(work)
    assert built.reason is None, (built, log_of(work).text)
    assert built.image is not None
    assert (built.image_bytes or 0) > 1_000_000
    repository, _, digest = built.image.removeprefix(f"{place.host}/").partition("@")
    pushed = await place.describe(repository, digest)
    assert (pushed.bytes, pushed.user) == (built.image_bytes, "10001:10001")
    await place.delete_reference(built.image)
    await place.delete_reference(built.image)  # gone already: nothing is said
    with pytest.raises(Unavailable, match="404"):
        await place.describe(repository, digest)


async def test_without_a_registry_it_is_said_what_to_set(bench: Bench) -> None:
    built = await bench.build(bench.work({}, **SERVER, image=_image()))
    assert built.reason == "image_not_pushed"
    assert "ASTROCLOUD_REGISTRY" in built.detail


async def test_a_registry_that_does_not_answer_is_named(
    engine: Engine, base_images: Path, tmp_path: Path
) -> None:
    nobody = Registry.parse("127.0.0.1:9")
    bench = Bench(ContainerExecutor(base_images, engine, push_to=nobody), tmp_path)
    built = await bench.build(_own(bench, "FROM node:22-slim\nUSER 10001\n"))
    assert built.reason == "image_not_pushed"
    assert "127.0.0.1:9" in built.detail


async def test_an_image_above_the_bound_is_deleted_again(servers: Bench) -> None:
    work = _own(servers, "FROM node:22-slim\n", bounds=BuildBounds(image_bytes=1000))
    built = await servers.build(work)
    assert (built.image, built.reason) == (None, "image_too_large")
    assert "Next" in built.detail


async def test_a_dockerfile_is_built_as_it_is(servers: Bench, log_of: LogOf) -> None:
    text = (
        "ARG LINE=none\nFROM node:${LINE}-slim AS base\nARG PLAIN\n"
        "RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN | wc -c && echo told $PLAIN\n"
        "COPY . /app\nRUN ls /app\nUSER 10001\nFROM base AS other\nRUN exit 9\n"
    )
    work = _own(
        servers,
        text,
        {"seen.txt": "x", "hidden.txt": "x", ".dockerignore": "hidden.txt\n"},
        target="base",
        environment={"PLAIN": "a word", "LINE": "22"},
        secrets={"TOKEN": HIDDEN},
    )
    built = await servers.build(work)
    assert built.image is not None, (built, log_of(work).text)
    assert "told a word" in log_of(work).text
    assert "seen.txt" in log_of(work).text
    assert "hidden.txt" not in log_of(work).text
    assert not (work.scratch / "secrets").exists()


@pytest.mark.parametrize(
    ("text", "values", "reason", "words"),
    [
        ("FROM node:22-slim\nINSTALL x", {}, "dockerfile_refused", "line 2"),
        ("RUN x", {}, "dockerfile_refused", "line 1"),
        ("FROM node:22-slim", {"dockerfile": "docker/No"}, "dockerfile_refused", "docker/No"),
        ("FROM node:22-slim", {"dockerfile": "../../etc/passwd"}, "dockerfile_refused", "no file"),
        ("FROM node:22-slim", {"target": "prod"}, "dockerfile_refused", "no stage 'prod'"),
        ("FROM node:22-slim\nCOPY no /x", {}, "dockerfile_refused", "COPY no /x"),
        ("FROM node:no-such-tag", {}, "base_image_unavailable", "node:no-such-tag"),
        ("FROM nobody/no-such-image", {}, "base_image_unavailable", "nobody/no-such-image"),
    ],
)
async def test_a_dockerfile_that_cannot_be_built_says_why(
    servers: Bench, text: str, values: dict[str, object], reason: str, words: str
) -> None:
    work = _own(servers, text, **values)
    built = await servers.build(work)
    assert (built.image, built.reason) == (None, reason), built
    assert words in built.detail
    assert str(work.scratch) not in built.detail


async def test_a_command_of_a_dockerfile_that_fails_tells_its_code(servers: Bench) -> None:
    built = await servers.build(_own(servers, "FROM node:22-slim\nRUN exit 23\n"))
    assert (built.phase, built.reason, built.exit_code) == ("build", "command", 23)


async def test_an_image_of_another_project_is_refused(servers: Bench, place: Registry) -> None:
    other = place.reference("projects/other")
    built = await servers.build(_own(servers, f"FROM {other}:1\n"))
    assert built.reason == "dockerfile_refused"
    assert "another project" in built.detail


async def test_a_dockerfile_behind_a_link_is_not_read(servers: Bench) -> None:
    work = _own(servers, "FROM node:22-slim\n", dockerfile="link")
    (work.source / "link").symlink_to("/etc/passwd")
    built = await servers.build(work)
    assert built.reason == "dockerfile_refused"
    assert "root:" not in built.detail


async def test_only_images_of_this_registry_are_deleted(place: Registry) -> None:
    for wrong in ("example.com/x@sha256:" + "0" * 64, f"{place.host}/x:tag", f"{place.host}/../y"):
        with pytest.raises(WrongRegistry):
            await place.delete_reference(wrong)
