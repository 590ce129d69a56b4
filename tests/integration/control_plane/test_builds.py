"""Builds through the API and the worker: what the builder is asked, and what comes of its answers.

The builder is a scripted one; that real ones keep the port's promises is the contract suite's
business.
"""

import asyncio
import json
from hashlib import sha256
from typing import Any

import httpx
import pytest

from shared.builders.port import RunStatus
from shared.logs.service import Incoming
from tests.fakes.builder import ScriptedBuilder, install
from tests.integration.control_plane.archives import site
from tests.services.platform import Platform

VITE = {
    "package.json": json.dumps(
        {
            "scripts": {"build": "vite build"},
            "devDependencies": {"vite": "^7.0.0"},
        }
    ),
    "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": {}}),
    "index.html": '<script type="module" src="/main.js"></script>',
    "main.js": "document.title = 'x'",
}


@pytest.fixture
def builder(platform: Platform) -> ScriptedBuilder:
    """The worker's builder."""
    return install(platform.worker, ScriptedBuilder())


@pytest.fixture
async def project(client: httpx.AsyncClient) -> dict[str, Any]:
    """A project without a deployment."""
    created: dict[str, Any] = (await client.post("projects", json={"slug": "shop"})).json()
    return created


async def lines(client: httpx.AsyncClient, platform: Platform, deployment: dict[str, Any]) -> str:
    """The log once every record of it was ingested."""
    answer = await client.get(f"deployments/{deployment['id']}/logs/download")
    return answer.text


async def test_a_source_with_a_build_is_built_and_its_output_published(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    deployment = await platform.deploy(client, project["id"], site(VITE))
    assert deployment["state"] == "ready", deployment["failure"]
    assert deployment["build_spec"]["framework"] == "vite"
    assert deployment["build_spec"]["reasons"]["build"]["text"]
    assert deployment["progress"]["files_total"] == 1
    [job] = [run.job for run in builder.runs.values()]
    assert job is not None
    assert (job.spec.install, job.spec.build) == ("npm ci", "npm run build")
    assert job.cache == f"{project['id']}/production"
    assert job.key == f"{deployment['id']}-1"


async def test_the_run_is_forgotten_once_the_deployment_has_ended(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    deployment = await platform.deploy(client, project["id"], site(VITE))
    assert builder.deleted == [f"{deployment['id']}-1"]


async def test_the_same_source_again_uses_its_release_again(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    await platform.deploy(client, project["id"], site(VITE))
    again = await platform.deploy(client, project["id"], site(VITE))
    assert (again["state"], again["reused_from"], again["live"]) == ("ready", 1, True)
    assert again["progress"]["files_total"] == 1
    assert len(builder.begun) == 1
    fresh = await platform.deploy(client, project["id"], site(VITE), use_cache=False)
    assert (fresh["state"], fresh["reused_from"]) == ("ready", None)
    assert len(builder.begun) == 2
    assert builder.runs[builder.begun[1]].job.fresh  # type: ignore[union-attr]


async def test_another_variable_is_another_build(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    await platform.deploy(client, project["id"], site(VITE))
    variable = {"name": "VITE_TITLE", "value": "Shop", "environment": "production", "secret": False}
    answer = await client.post(f"projects/{project['id']}/variables", json=variable)
    assert answer.status_code in (200, 201), answer.text
    second = await platform.deploy(client, project["id"], site(VITE))
    assert (second["state"], second["reused_from"]) == ("ready", None)
    job = builder.runs[f"{second['id']}-1"].job
    assert job is not None
    assert job.environment["VITE_TITLE"] == "Shop"
    assert job.environment["ASTROCLOUD_ENVIRONMENT"] == "production"


async def test_a_failed_command_is_explained(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    builder.log_text = ("> shop@1.0.0 build", "sh: 1: vite: not found")
    builder.then = RunStatus(state="failed", phase="build", exit_code=127, reason="command")
    deployment = await platform.deploy(client, project["id"], site(VITE))
    failure = deployment["failure"]
    assert (deployment["state"], failure["code"]) == ("failed", "build_failed")
    assert failure["cause"] != "unknown"
    assert any("vite: not found" in line["text"] for line in failure["lines"])
    assert failure["try"]
    assert "npm run build ended with exit code 127" in failure["detail"]


async def test_a_bound_that_was_crossed_is_told_with_its_own_words(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    builder.then = RunStatus(
        state="failed", phase="build", reason="timeout", detail="npm run build ran for 20 minutes"
    )
    deployment = await platform.deploy(client, project["id"], site(VITE))
    assert deployment["failure"]["code"] == "build_timeout"
    assert deployment["failure"]["detail"] == "npm run build ran for 20 minutes"


async def test_a_run_that_was_lost_is_begun_again_under_another_name(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    builder.then = RunStatus(state="lost")
    deployment = await platform.deploy(client, project["id"], site(VITE))
    assert deployment["failure"]["code"] == "build_lost"
    assert builder.begun == [f"{deployment['id']}-{n}" for n in (1, 2, 3)]
    assert builder.alive() == []


async def test_an_ignore_command_skips_the_deployment(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    builder.then = RunStatus(state="failed", phase="ignore", exit_code=0, reason="ignored")
    files = {**VITE, "astrocloud.toml": 'ignore = "true"'}
    deployment = await platform.deploy(client, project["id"], site(files))
    assert (deployment["state"], deployment["failure"]) == ("canceled", None)
    assert "ignore command (true)" in deployment["skipped"]


async def test_watched_files_decide_whether_anything_is_built(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    files = {**VITE, "astrocloud.toml": 'watch = ["*.js"]', "README.md": "one"}
    assert (await platform.deploy(client, project["id"], site(files)))["state"] == "ready"
    skipped = await platform.deploy(client, project["id"], site({**files, "README.md": "two"}))
    assert skipped["state"] == "canceled"
    assert "watch (*.js) has changed since #1" in skipped["skipped"]
    built = await platform.deploy(client, project["id"], site({**files, "main.js": "2"}))
    assert built["state"] == "ready"
    assert len(builder.begun) == 2


async def test_the_ignore_command_is_told_what_changed(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    files = {**VITE, "astrocloud.toml": 'ignore = "false"'}
    await platform.deploy(client, project["id"], site(files))
    second = await platform.deploy(client, project["id"], site({**files, "main.js": "2"}))
    job = builder.runs[f"{second['id']}-1"].job
    assert job is not None
    assert job.environment["ASTROCLOUD_CHANGED_PATHS"] == "main.js"


async def test_settings_of_the_deployment_go_before_file_and_project(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    await client.patch(
        f"projects/{project['id']}", json={"settings": {"output": "a", "build": "b"}}
    )
    files = {**VITE, "astrocloud.toml": 'output = "c"'}
    deployment = await platform.deploy(
        client, project["id"], site(files), settings={"install": "npm install"}
    )
    job = builder.runs[f"{deployment['id']}-1"].job
    assert job is not None
    assert (job.spec.install, job.spec.output, job.spec.build) == ("npm install", "c", "b")


async def test_a_server_is_said_to_be_one(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    package = {"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5.0.0"}}
    files = {"package.json": json.dumps(package), "server.js": "require('express')()"}
    deployment = await platform.deploy(client, project["id"], site(files))
    assert deployment["failure"]["code"] == "needs_server"
    assert "express" in deployment["failure"]["detail"]
    assert builder.begun == []


async def test_a_typo_in_the_settings_file_names_what_is_meant(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    files = {**VITE, "astrocloud.toml": 'biuld = "x"'}
    deployment = await platform.deploy(client, project["id"], site(files))
    assert deployment["failure"]["code"] == "unknown_setting"
    assert "“build” is meant" in deployment["failure"]["detail"]


async def test_canceling_ends_the_run_before_the_state_says_so(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    builder.then = None
    builder.follow_seconds = 30
    created = await platform.start(client, project["id"], site(VITE))
    work = asyncio.create_task(platform.work())
    async with asyncio.timeout(20):
        while not builder.alive():
            await asyncio.sleep(0.02)
    await client.post(f"deployments/{created['id']}/cancel")
    await work
    found = (await client.get(f"deployments/{created['id']}")).json()
    assert found["state"] == "canceled"
    assert builder.alive() == []


async def test_a_canceled_deployment_waits_for_a_builder_that_is_away(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    """The state does not say canceled while the run may be alive."""
    builder.then = None
    created = await platform.start(client, project["id"], site(VITE))
    async with asyncio.timeout(20):
        while not builder.alive():
            await platform.work_once()
    builder.away = True
    await client.post(f"deployments/{created['id']}/cancel")
    await platform.work_once()
    assert (await client.get(f"deployments/{created['id']}")).json()["state"] == "building"
    builder.away = False
    async with asyncio.timeout(30):
        while (await client.get(f"deployments/{created['id']}")).json()["state"] == "building":
            await platform.work_once()
    assert builder.alive() == []


async def test_redeploying_takes_the_source_of_then(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    first = await platform.deploy(client, project["id"], site(VITE))
    await platform.deploy(client, project["id"], site({**VITE, "main.js": "2"}))
    body = {"source": {"type": "deployment", "deployment_id": first["id"]}, "use_cache": False}
    created = await client.post(f"projects/{project['id']}/deployments", json=body)
    assert created.status_code == 202, created.text
    await platform.work()
    third = (await client.get(f"deployments/{created.json()['id']}")).json()
    assert (third["state"], third["number"]) == ("ready", 3)
    assert third["source"]["type"] == "upload"


async def test_clearing_the_cache_reaches_the_builder(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    answer = await client.delete(f"projects/{project['id']}/cache")
    assert answer.status_code == 202
    await platform.worker.deliveries.sweep()
    await platform.work_deliveries()
    assert builder.cleared == [project["id"]]


async def test_a_secret_in_the_output_blocks_the_release(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    await set_secret(client, project)
    builder.output_files = {"index.html": "<h1>x</h1>", "app.js": f"\nlet key = '{SECRET}'"}
    deployment = await platform.deploy(client, project["id"], site(VITE))
    failure = deployment["failure"]
    assert failure["code"] == "secret_in_output"
    assert "app.js" in failure["detail"]
    assert "line 2" in failure["detail"]
    assert "STRIPE_KEY" in failure["detail"]
    assert SECRET not in json.dumps(deployment)


SECRET = "sk_live_51Hxyz0123456789"


async def set_secret(client: httpx.AsyncClient, project: dict[str, Any]) -> None:
    """A secret variable of production."""
    variable = {"name": "STRIPE_KEY", "value": SECRET, "environment": "production"}
    answer = await client.post(f"projects/{project['id']}/variables", json=variable)
    assert answer.status_code in (200, 201), answer.text


async def test_a_secret_is_given_apart_and_shows_nowhere(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    """Invariant 12: not in the failure that quotes the log, not in the log however it is split."""
    await set_secret(client, project)
    builder.log_text = (f"Error: cannot find module '{SECRET}'",)
    builder.then = RunStatus(state="failed", phase="build", exit_code=1, reason="command")
    deployment = await platform.deploy(client, project["id"], site(VITE))
    job = builder.runs[f"{deployment['id']}-1"].job
    assert job is not None
    assert job.secrets == {"STRIPE_KEY": SECRET}
    assert "STRIPE_KEY" not in job.environment
    assert SECRET not in json.dumps(deployment)

    half = len(SECRET) // 2
    await ingest(platform, deployment, [f"key {SECRET[:half]}", f"{SECRET[half:]} and more"])
    log = (await client.get(f"deployments/{deployment['id']}/logs/download")).text
    assert "and more" in log
    assert SECRET[half:] not in log
    rows = await platform.execute("SELECT source::text, run::text, variables FROM deployments")
    assert SECRET not in str(rows)


async def ingest(platform: Platform, deployment: dict[str, Any], texts: list[str]) -> None:
    """Lines of a build as the Kafka function gets them."""
    account = await platform.execute("SELECT account_id FROM deployments")
    lines = [
        {"source": "build", "time": "2026-01-01T00:00:00.000Z", "stream": "stdout", "text": text}
        for text in texts
    ]
    record = {
        "version": 1,
        "stream": deployment["id"],
        "account": str(account[0][0]),
        "writer": "run-1",
        "sequence": 1000,
        "lines": lines,
    }
    await platform.worker.logs.ingest([Incoming(json.dumps(record).encode())])


async def test_previews_never_get_what_production_has(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    builder: ScriptedBuilder,
) -> None:
    await set_secret(client, project)
    deployment = await platform.deploy(client, project["id"], site(VITE), environment="preview")
    job = builder.runs[f"{deployment['id']}-1"].job
    assert job is not None
    assert job.secrets == {}
    assert job.cache == f"{project['id']}/preview"
    assert deployment["live"] is False or deployment["environment"] == "preview"


async def test_a_prebuilt_site_goes_live_with_what_is_missing(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    files = {"index.html": b"<h1>one</h1>", "a/b.txt": b"b"}
    listed = [named(path, data) for path, data in files.items()]
    place = await client.post(f"projects/{project['id']}/prebuilt", json={"files": listed})
    assert place.status_code == 201, place.text
    assert set(place.json()["missing"]) == {entry["digest"] for entry in listed}
    await platform.services.blobs.upload("staging", place.json()["id"], site(files))
    first = await deploy_prebuilt(platform, client, project, place.json()["id"])
    assert (first["state"], first["live"]) == ("ready", True), first["failure"]

    listed[0] = named("index.html", b"<h1>two</h1>")
    place = await client.post(f"projects/{project['id']}/prebuilt", json={"files": listed})
    assert place.json()["missing"] == [listed[0]["digest"]]
    archive = site({"index.html": b"<h1>two</h1>"})
    await platform.services.blobs.upload("staging", place.json()["id"], archive)
    second = await deploy_prebuilt(platform, client, project, place.json()["id"])
    assert second["progress"]["files_uploaded"] == 1
    assert second["progress"]["files_total"] == 2


async def test_a_prebuilt_site_whose_files_never_came_fails_by_name(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    listed = [named("index.html", b"<h1>one</h1>")]
    place = await client.post(f"projects/{project['id']}/prebuilt", json={"files": listed})
    deployment = await deploy_prebuilt(platform, client, project, place.json()["id"])
    assert deployment["failure"]["code"] == "content_missing"
    assert "index.html" in deployment["failure"]["detail"]


@pytest.mark.parametrize("path", ["../x.html", "/etc/passwd", "a\\b.html", "a\x00.html"])
async def test_a_prebuilt_path_that_leads_out_is_refused(
    client: httpx.AsyncClient, project: dict[str, Any], path: str
) -> None:
    body = {"files": [named("index.html", b"x"), named(path, b"y")]}
    answer = await client.post(f"projects/{project['id']}/prebuilt", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "prebuilt_refused")
    assert answer.json()["fields"][0]["field"] == "files[1].path"


async def deploy_prebuilt(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any], upload: str
) -> dict[str, Any]:
    """Deploy a prebuilt upload and work until it ends."""
    body = {"source": {"type": "prebuilt", "upload_id": upload}}
    answer = await client.post(f"projects/{project['id']}/deployments", json=body)
    assert answer.status_code == 202, answer.text
    await platform.work()
    found: dict[str, Any] = (await client.get(f"deployments/{answer.json()['id']}")).json()
    return found


def named(path: str, data: bytes) -> dict[str, Any]:
    """A file as a client names it."""
    return {"path": path, "digest": sha256(data).hexdigest(), "size": len(data)}
