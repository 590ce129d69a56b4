"""Whatever Azure answers: each start is one run, and who reads an error knows what to do."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from shared.builders.acr import AcrBuilder
from shared.builders.acr.errors import AzureDenied, AzureNotFound, AzureRefused
from shared.errors import Unavailable
from tests.fakes.azure import Fault, StubCredential
from tests.integration.acr.conftest import SECONDS, Acr, hangs, job, prints

UPLOAD, RUNS, UPLOADED = "listBuildSourceUploadUrl", "/taskRuns/", "/account/sources/"
NO_IMAGE = f"sha256:{'0' * 64}"
NOTES, TAGS, TOKENS = "/manifests/run-0001", "/_tags/run-0001", "/oauth2/"
HOW = [
    {"status": 429, "headers": {"Retry-After": "17"}},
    {"status": 500},
    {"status": 503},
    {"status": 503, "after": True},
    {"drop": True},
    {"drop": True, "after": True},
    {"status": 409},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", UPLOAD),
        ("PUT", UPLOADED),
        ("PUT", RUNS),
        ("GET", RUNS),
        ("GET", NOTES),
        ("PUT", NOTES),
        ("PATCH", TAGS),
        ("POST", TOKENS),
    ],
)
async def test_a_start_that_meets_a_fault_is_one_run(
    acr: Acr, method: str, path: str, how: dict[str, object]
) -> None:
    acr.fake.fail(Fault(method, path, **how))  # type: ignore[arg-type]
    told: list[str] = []
    for _ in range(5):
        try:
            await acr.another().start(job(), acr.archive)
            break
        except Unavailable as error:
            told.append(str(error))
    assert "SECRET" not in "".join(told)
    assert acr.fake.faults.coming == []
    assert (await acr.ended("run-0001")).state == "succeeded"
    assert acr.runs == 1


async def test_starts_of_many_processes_at_once_are_one_run(acr: Acr) -> None:
    builders = [acr.another() for _ in range(6)]
    await asyncio.gather(*(one.start(job(), acr.archive) for one in builders))
    assert (await acr.ended("run-0001")).state == "succeeded"
    assert acr.runs == 1


Call = Callable[[AcrBuilder, Acr], Awaitable[object]]
CALLS: dict[str, tuple[Call, str]] = {
    "start": (lambda b, acr: b.start(job("run-0002"), acr.archive), UPLOAD),
    "status": (lambda b, acr: b.status("run-0001"), RUNS),
    "log": (lambda b, acr: b.log("run-0001", 0), "listLogSasUrl"),
    "cancel": (lambda b, acr: b.cancel("new-0001"), "/_tags/new-0001"),
    "output": (lambda b, acr: b.output("run-0001", io.BytesIO()), "/blobs/"),
    "delete": (lambda b, acr: b.delete("run-0001"), RUNS),
    "clear_cache": (lambda b, acr: b.clear_cache("p"), "/_catalog"),
    "delete_image": (lambda b, acr: b.delete_image(f"{acr.fake.host}/p@{NO_IMAGE}"), NO_IMAGE),
    "tidy": (lambda b, acr: b.tidy(datetime.now(UTC)), "/astrocloud/runs/_tags"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [401, 403])
async def test_what_is_not_allowed_names_the_role(acr: Acr, name: str, status: int) -> None:
    await acr.run()
    call, path = CALLS[name]
    acr.fake.fail(Fault("*", path, status=status, times=9))
    with pytest.raises(AzureDenied) as raised:
        await call(acr.another(), acr)
    assert raised.value.retryable is False
    assert "assign it" in raised.value.detail
    assert "SECRET" not in raised.value.detail


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", [408, 429, 500, 503, 504])
async def test_what_passes_is_asked_again(acr: Acr, name: str, status: int) -> None:
    await acr.run()
    call, path = CALLS[name]
    headers = {"Retry-After": "17"}
    acr.fake.fail(Fault("*", path, status=status, headers=headers))
    with pytest.raises(Unavailable) as raised:
        await call(acr.another(), acr)
    assert raised.value.headers == headers
    await call(acr.another(), acr)


@pytest.mark.parametrize("name", CALLS)
async def test_what_collides_is_asked_again(acr: Acr, name: str) -> None:
    await acr.run()
    call, path = CALLS[name]
    acr.fake.fail(Fault("*", path, status=409, code="ConflictingOperation"))
    with pytest.raises(Unavailable, match="changing just now"):
        await call(acr.another(), acr)
    await call(acr.another(), acr)


@pytest.mark.parametrize("name", CALLS)
async def test_a_connection_that_breaks_off_is_asked_again(acr: Acr, name: str) -> None:
    await acr.run()
    call, path = CALLS[name]
    # The client of HTTP tries once more by itself.
    acr.fake.fail(Fault("*", path, drop=True, times=9))
    with pytest.raises(Unavailable, match="does not answer"):
        await call(acr.another(), acr)
    acr.fake.faults.coming.clear()
    await call(acr.another(), acr)


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_run_that_ends_while_it_is_canceled_has_ended(acr: Acr, status: int) -> None:
    begun = asyncio.Event()
    acr.steps(build=hangs(begun))
    key = await acr.start()
    await begun.wait()
    run = acr.fake.management.runs["ca1"]
    acr.fake.fail(Fault("POST", "/cancel", status=status, code="RunAlreadyEnded"))
    canceling = asyncio.create_task(acr.builder.cancel(key))
    async with asyncio.timeout(SECONDS):
        while acr.fake.faults.coming:
            await asyncio.sleep(0.01)
    await run.cancel()
    await canceling
    assert (await acr.ended(key)).state == "canceled"


async def test_what_azure_makes_in_the_background_is_waited_for(acr: Acr) -> None:
    """The resource of a run is there before its run is scheduled."""
    acr.fake.management.provisioning["run-0001"] = "Creating"
    key = await acr.start()
    status = await acr.builder.status(key)
    assert status is not None
    assert (status.state, status.frames) == ("running", 0)
    assert await acr.builder.log(key, 0) == []
    await acr.another().start(job(), acr.archive)
    acr.fake.management.provisioning.clear()
    assert (await acr.ended(key)).state == "succeeded"
    assert acr.runs == 1


async def test_what_is_canceled_before_it_is_scheduled_ends_once_it_is(acr: Acr) -> None:
    acr.steps(build=hangs(asyncio.Event()))
    acr.fake.management.provisioning["run-0001"] = "Creating"
    key = await acr.start()
    canceling = asyncio.create_task(acr.builder.cancel(key))
    await asyncio.sleep(0)
    acr.fake.management.provisioning.clear()
    await canceling
    assert acr.fake.management.runs["ca1"].has_ended
    assert (await acr.ended(key)).state == "canceled"


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
async def test_a_run_that_azure_never_schedules_is_lost(acr: Acr, state: str) -> None:
    acr.fake.management.provisioning["run-0001"] = state
    key = await acr.start()
    status = await acr.ended(key)
    assert (status.state, status.frames) == ("lost", 0)
    assert await acr.another().status(key) == status
    await acr.builder.delete(key)


async def test_a_token_that_is_not_known_names_the_role(acr: Acr) -> None:
    builder = acr.fake.builder(StubCredential("stale"))
    acr.builders.append(builder)
    with pytest.raises(AzureDenied) as raised:
        await builder.status("run-0001")
    assert "stale" not in raised.value.detail


@pytest.mark.parametrize("where", [{"group": "other"}, {"registry": "other"}])
async def test_a_registry_that_is_not_there_names_the_settings(
    acr: Acr, where: dict[str, str]
) -> None:
    builder = acr.fake.builder(**where)
    acr.builders.append(builder)
    with pytest.raises(AzureNotFound) as raised:
        await builder.start(job(), acr.archive)
    assert "ACR_REGISTRY" in raised.value.detail


async def test_what_azure_does_not_understand_is_not_asked_again(acr: Acr) -> None:
    acr.fake.fail(Fault("PUT", RUNS, status=400, code="InvalidRequest"))
    with pytest.raises(AzureRefused) as raised:
        await acr.start()
    assert "InvalidRequest" in raised.value.detail
    assert raised.value.retryable is False


async def test_a_log_is_read_on_until_it_is_complete(acr: Acr) -> None:
    async def build(call: object) -> None:
        acr.fake.management.runs["ca1"].complete_by_itself = False

    acr.steps(build=build)
    key = await acr.start()
    run = acr.fake.management.runs["ca1"]
    async with asyncio.timeout(SECONDS):
        while not run.has_ended:
            await asyncio.sleep(0.01)
    status = await acr.builder.status(key)
    assert status is not None
    assert status.state == "running"
    run.log.data += b"#3 [build 1/1] RUN x\n"
    run.log.is_complete = True
    assert (await acr.ended(key)).state == "succeeded"


async def test_an_address_of_a_log_that_has_expired_is_asked_for_anew(acr: Acr) -> None:
    acr.steps(build=prints("one"))
    await acr.run()
    other = acr.another()
    frames = await acr.frames("run-0001", other)
    acr.fake.storage.logs["ca1"].signatures.clear()
    assert await acr.frames("run-0001", acr.another()) == frames


async def test_frames_are_the_same_for_whoever_reads_them(acr: Acr) -> None:
    acr.steps(build=prints(*[f"line {n}" for n in range(1300)]))
    status = await acr.run()
    frames = await acr.frames("run-0001")
    assert [frame.n for frame in frames] == list(range(1, status.frames + 1))
    assert await acr.frames("run-0001", acr.another()) == frames
    assert await acr.builder.log("run-0001", 5) == frames[5:]
    assert await acr.builder.log("run-0001", status.frames) == []
