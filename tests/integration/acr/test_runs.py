"""From a start to an output: what AcrBuilder asks Azure for, and how it reads what comes back."""

import asyncio
import base64
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import NotFound
from tests.fakes.azure.tasks import StepCall
from tests.integration.acr.conftest import (
    Acr,
    fails,
    hangs,
    job,
    prints,
    put_image,
    says_and_fails,
    spec,
)


def told(acr: Acr, name: str = "run-0001") -> tuple[dict[str, Any], dict[str, Any]]:
    """The request of a run, and its task."""
    request = acr.fake.management.requests[name]["properties"]["runRequest"]
    return request, json.loads(base64.b64decode(request["encodedTaskContent"]))


async def test_a_static_run_leaves_the_archive_of_its_image(acr: Acr) -> None:
    acr.steps(build=prints("one", "two"))
    status = await acr.run()
    assert (status.state, status.phase, status.exit_code) == ("succeeded", "build", 0)
    target = io.BytesIO()
    assert await acr.builder.output("run-0001", target) == "zip"
    with zipfile.ZipFile(target) as archive:
        assert archive.read("index.html") == b"built"
    texts = [line.text for frame in await acr.frames("run-0001") for line in frame.lines]
    assert texts == ["$ make", "one", "two"]


async def test_only_build_and_push_steps_without_a_word_of_the_tenant(acr: Acr) -> None:
    made = job(spec=spec(build="echo 'TENANT' {{.Run.ID}}"), environment={"PLAIN": "TENANT"})
    await acr.run(made)
    request, task = told(acr)
    assert all(("build" in step) != ("push" in step) for step in task["steps"])
    assert "cmd" not in json.dumps(task)
    assert "TENANT" not in json.dumps(task)
    assert request["timeout"] >= 300
    assert request["sourceLocation"].startswith("source/")
    builds = [step for step in task["steps"] if "build" in step]
    assert all("DOCKER_BUILDKIT=1" in step["env"] for step in builds)
    assert all("id=variables,src=/run/astrocloud/variables" in step["build"] for step in builds)


async def test_a_secret_is_nowhere_but_in_a_secret_value(acr: Acr) -> None:
    hidden = "sk_live_very_secret_value"
    acr.steps(build=prints("hello"))
    await acr.run(job(secrets={"HIDDEN": hidden}, cache="project/production"))
    everything = acr.everything()
    assert hidden.encode() not in everything
    assert base64.b64encode(hidden.encode())[:20] not in everything
    request, _ = told(acr)
    assert [one["isSecret"] for one in request["values"]] == [True]
    assert hidden.encode() in base64.b64decode(request["values"][0]["value"])


@pytest.mark.parametrize(
    "value", ["$(id) `id` $HOME \\", "a\nEOL\nb", "EOL", "'\nEOL", "\\\n\\", "a'b\"c é", "{{.X}}"]
)
async def test_variables_arrive_as_they_are(acr: Acr, value: str) -> None:
    seen: list[str] = []

    async def build(call: StepCall) -> None:
        script = '. ./astrocloud-variables/variables; printf %s. "$VALUE"'
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", script, cwd=call.work, stdout=asyncio.subprocess.PIPE
        )
        seen.append((await process.communicate())[0].decode())

    acr.steps(build=build)
    await acr.run(job(secrets={"VALUE": value}))
    assert seen == [f"{value}."]


async def test_variables_that_are_too_many_are_refused_with_words(acr: Acr) -> None:
    status = await acr.run(job(environment={"LARGE": "x" * 70_000}))
    assert (status.state, status.reason) == ("failed", "tools_unavailable")
    assert "64 KiB" in status.detail
    assert acr.runs == 0


async def test_a_source_that_cannot_be_read_is_a_run_that_failed(acr: Acr) -> None:
    acr.archive.write_bytes(b"no archive")
    status = await acr.run()
    assert (status.state, status.reason) == ("failed", "source_refused")
    assert acr.runs == 0


@pytest.mark.parametrize(
    ("step", "act", "reason", "code"),
    [
        ("build", fails(42, "oh no"), "command", 42),
        ("build", fails(137), "out_of_memory", 137),
        ("tools", fails(1, "npm ERR! 404", stage="tools"), "tools_unavailable", None),
        ("output", fails(41, stage="output"), "output_missing", None),
        ("output", fails(42, stage="output"), "output_missing", None),
        ("output", fails(43, stage="output"), "output_link", None),
        ("push", says_and_fails("denied"), "image_not_pushed", None),
        (
            "tools",
            says_and_fails("ERROR: failed to resolve source metadata for x: not found"),
            "base_image_unavailable",
            None,
        ),
        ("build", says_and_fails("ERROR: write /x: no space left on device"), "disk_full", None),
    ],
)
async def test_a_failure_tells_phase_code_and_reason(
    acr: Acr, step: str, act: Any, reason: str, code: int | None
) -> None:
    acr.steps(**{step: act})
    status = await acr.run()
    assert (status.state, status.reason, status.exit_code) == ("failed", reason, code), status
    with pytest.raises(NotFound):
        await acr.builder.output("run-0001", io.BytesIO())


async def test_an_install_that_fails_never_builds(acr: Acr) -> None:
    acr.steps(install=fails(3, stage="install"))
    status = await acr.run(job(spec=spec(install="npm ci")))
    assert (status.phase, status.exit_code) == ("install", 3)
    assert b"step ID: build" not in acr.fake.storage.logs["ca1"].data


async def test_an_ignore_command_that_says_so_ends_the_run(acr: Acr) -> None:
    acr.steps(ignore=fails(77, stage="ignore"))
    status = await acr.run(job(spec=spec(ignore="true")))
    assert (status.state, status.reason, status.exit_code) == ("failed", "ignored", 0)


async def test_a_step_that_takes_too_long_is_a_timeout(acr: Acr) -> None:
    acr.steps(build=hangs(asyncio.Event()))
    status = await acr.run(job(bounds={"seconds": 1}))
    assert (status.reason, status.phase) == ("timeout", "build")
    assert "1 seconds" in status.detail


@pytest.mark.parametrize(
    ("final", "state", "reason"),
    [("Timeout", "failed", "timeout"), ("Canceled", "canceled", None), ("Error", "lost", None)],
)
async def test_states_of_azure_are_told(acr: Acr, final: str, state: str, reason: str) -> None:
    async def build(call: StepCall) -> None:
        acr.fake.management.runs["ca1"].final = final

    acr.steps(build=build)
    status = await acr.run()
    assert (status.state, status.reason) == (state, reason)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "output_empty"),
        ({"index.html": b"x", "link": "/etc/passwd"}, "output_link"),
        ({f"{n}.txt": b"x" for n in range(5)}, "output_too_large"),
        ({"big.bin": b"x" * 5000}, "output_too_large"),
    ],
)
async def test_an_output_that_cannot_be_published(
    acr: Acr, files: dict[str, bytes | str], reason: str
) -> None:
    async def push(call: StepCall) -> None:
        put_image(acr.fake, "astrocloud/outputs/run-0001", "run", files)

    acr.steps(push=push)
    status = await acr.run(job(bounds={"output_files": 3, "output_bytes": 4000}))
    assert (status.state, status.reason) == ("failed", reason)
    assert "Next:" in status.detail


async def test_a_log_that_is_too_large_ends_the_run(acr: Acr) -> None:
    async def build(call: StepCall) -> None:
        await prints(*["x" * 100] * 50)(call)
        await asyncio.Event().wait()

    acr.steps(build=build)
    status = await acr.run(job(bounds={"log_bytes": 1000}))
    assert (status.state, status.reason) == ("failed", "log_too_large")
    assert acr.fake.management.runs["ca1"].has_ended
    assert len(await acr.frames("run-0001")) == status.frames < 12


async def test_a_dynamic_run_leaves_an_image_by_its_digest(acr: Acr) -> None:
    made = job(spec=spec(kind="dynamic", start="node x.js", node="22"), image="projects/p1")
    status = await acr.run(made)
    assert status.state == "succeeded", status
    host = acr.fake.host
    place = acr.fake.registry.repositories["projects/p1"]
    assert status.image == f"{host}/projects/p1@{place.tags['run-0001']}"
    assert status.image_bytes is not None
    assert status.image_bytes > 2
    await acr.builder.delete_image(status.image)
    assert place.manifests == {}
    await acr.builder.delete_image(status.image)


async def test_an_image_that_is_too_large_is_deleted(acr: Acr) -> None:
    made = job(
        spec=spec(kind="dynamic", start="node x.js", node="22"),
        image="projects/p1",
        bounds={"image_bytes": 10},
    )
    status = await acr.run(made)
    assert (status.state, status.reason) == ("failed", "image_too_large")
    assert acr.fake.registry.repositories["projects/p1"].manifests == {}


async def test_an_image_of_another_registry_is_left_alone(acr: Acr) -> None:
    requests = acr.fake.registry.requests
    await acr.builder.delete_image("docker.io/library/node@sha256:" + "0" * 64)
    assert acr.fake.registry.requests == requests


async def test_a_run_that_was_canceled_ends_in_azure(acr: Acr) -> None:
    begun = asyncio.Event()
    acr.steps(build=hangs(begun))
    key = await acr.start()
    await begun.wait()
    await acr.builder.cancel(key)
    assert acr.fake.management.runs["ca1"].has_ended
    status = await acr.another().status(key)
    assert status is not None
    assert status.state == "canceled"
    await acr.start()
    assert acr.runs == 1


async def test_a_key_that_was_canceled_first_never_begins_anywhere(acr: Acr) -> None:
    await acr.builder.cancel("run-0001")
    await acr.another().start(job(), acr.archive)
    status = await acr.another().status("run-0001")
    assert status is not None
    assert (status.state, acr.runs) == ("canceled", 0)


@pytest.mark.parametrize("first", ["start", "cancel"])
async def test_start_and_cancel_at_once_leave_nothing_alive(acr: Acr, first: str) -> None:
    acr.steps(build=hangs(asyncio.Event()))
    other = acr.another()
    works = [acr.builder.start(job(), acr.archive), other.cancel("run-0001")]
    await asyncio.gather(*(works if first == "start" else reversed(works)))
    status = await acr.another().status("run-0001")
    assert status is not None
    assert status.state == "canceled"
    assert all(run.has_ended for run in acr.fake.management.runs.values())


async def test_a_run_that_was_deleted_is_gone_and_never_begins_again(acr: Acr) -> None:
    await acr.run()
    other = acr.another()
    await other.delete("run-0001")
    assert "astrocloud/outputs/run-0001" not in acr.fake.registry.repositories
    assert acr.fake.management.names == {}
    with pytest.raises(NotFound):
        await other.output("run-0001", io.BytesIO())
    assert await other.log("run-0001", 0) == []
    await other.start(job(), acr.archive)
    await other.delete("run-0001")
    assert acr.runs == 1


async def test_a_run_that_azure_has_forgotten_is_lost(acr: Acr) -> None:
    acr.steps(build=hangs(asyncio.Event()))
    key = await acr.start()
    acr.fake.management.names.clear()
    assert await acr.builder.status(key) is None
    acr.builder._known[key].claim = acr.builder._known[key].claim.model_copy(
        update={"time": datetime.now(UTC) - timedelta(hours=2)}
    )
    status = await acr.builder.status(key)
    assert status is not None
    assert status.state == "lost"


async def test_how_it_ended_outlives_what_azure_keeps_of_it(acr: Acr) -> None:
    status = await acr.run()
    acr.fake.management.names.clear()
    assert await acr.another().status("run-0001") == status


async def test_caches_are_cleared_by_project_or_scope(acr: Acr) -> None:
    for name in ("p1/production", "p1/preview", "p10/production"):
        put_image(acr.fake, f"astrocloud/caches/{name}", "install", {"x": b"x" * 100})
    assert await acr.builder.clear_cache("p1/preview") > 0
    assert await acr.builder.clear_cache("p1") > 0
    assert list(acr.fake.registry.repositories) == ["astrocloud/caches/p10/production"]
    assert await acr.builder.clear_cache("p1") == 0


async def test_an_install_is_cached_within_its_trust_scope(acr: Acr) -> None:
    made = job(spec=spec(install="npm ci", node="22"), cache="p1/production")
    await acr.run(made)
    _, task = told(acr)
    install = next(step for step in task["steps"] if step["id"] == "install")
    kept = f"{acr.fake.host}/astrocloud/caches/p1/production:install"
    assert f"--cache-from={kept}" in install["build"]
    assert {"id": "keep", "push": [kept], "timeout": 600, "ignoreErrors": True} in task["steps"]
    await acr.run(job("run-0002", spec=made.spec, cache=made.cache, fresh=True))
    _, task = told(acr, "run-0002")
    assert "--cache-from" not in json.dumps(task)


async def test_retention_deletes_what_nobody_deleted(acr: Acr) -> None:
    await acr.run()
    assert await acr.builder.tidy(datetime.now(UTC) - timedelta(days=1)) == 0
    digest = put_image(acr.fake, "projects/p1", "x", {"a": b"a"})
    place = acr.fake.registry.repositories["projects/p1"]
    place.tags.clear()
    assert await acr.builder.tidy(datetime.now(UTC) + timedelta(seconds=1)) >= 3
    assert digest not in place.manifests
    assert acr.fake.registry.repositories["astrocloud/runs"].manifests == {}
    assert "astrocloud/outputs/run-0001" not in acr.fake.registry.repositories
    assert acr.fake.management.names == {}
