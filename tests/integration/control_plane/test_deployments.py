"""Deployments through the API and the worker: from an archive to live, and every way out."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.control_plane.archives import site
from tests.services.platform import Platform, take_hints


@pytest.fixture
async def project(client: httpx.AsyncClient) -> dict[str, Any]:
    """A project without a deployment."""
    created: dict[str, Any] = (await client.post("projects", json={"slug": "shop"})).json()
    return created


async def route_of(platform: Platform, label: str) -> dict[str, Any]:
    """The route document of a host below the test's domain."""
    domain = platform.settings.sites_url.removeprefix("http://").removesuffix(":8080")
    found = await platform.services.blobs.read("routes", f"{label}.{domain}.json")
    assert found is not None
    route: dict[str, Any] = json.loads(found.data)
    return route


async def test_an_archive_goes_live(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """From an upload to ready: every state was passed, and both hosts answer with the release."""
    deployment = await platform.deploy(client, project["id"], site())

    assert deployment["state"] == "ready", deployment["failure"]
    assert deployment["live"] is True
    assert [event["state"] for event in deployment["events"]] == [
        "queued",
        "fetching",
        "building",
        "publishing",
        "ready",
    ]
    assert deployment["progress"]["files_uploaded"] == 1
    for label in ("shop", "shop--1"):
        route = await route_of(platform, label)
        assert (route["kind"], route["release"]) == ("static", deployment["release_id"])
    assert (await route_of(platform, "shop"))["noindex"] is False
    assert (await route_of(platform, "shop--1"))["noindex"] is True


async def test_the_log_of_a_deployment_is_kept(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """What the steps said is in the log once the records were ingested; Kafka keeps them."""
    deployment = await platform.deploy(client, project["id"], site())

    log = (await client.get(f"deployments/{deployment['id']}/logs")).json()

    assert isinstance(log["lines"], list)
    text = await client.get(f"deployments/{deployment['id']}/logs/download")
    assert text.headers["content-type"].startswith("text/plain")


async def test_a_second_deployment_uploads_what_changed(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Of three files of which one changed, one is uploaded."""
    files = {"index.html": "<h1>One</h1>", "a.html": "<p>a</p>", "b.html": "<p>b</p>"}
    await platform.deploy(client, project["id"], site(files))

    second = await platform.deploy(
        client, project["id"], site({**files, "index.html": "<h1>Two</h1>"})
    )

    assert second["progress"] == {
        "files_total": 3,
        "files_uploaded": 1,
        "bytes_total": 28,
        "bytes_uploaded": 12,
    }


async def test_rolling_back_pins_and_unpinning_goes_on(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A rollback serves the old release; new ones wait until the pin ends."""
    first = await platform.deploy(client, project["id"], site({"index.html": "1"}))
    await platform.deploy(client, project["id"], site({"index.html": "2"}))

    answer = await client.post(f"projects/{project['id']}/rollback", json={})
    assert (answer.status_code, answer.json()["number"]) == (200, 1)
    assert (await route_of(platform, "shop"))["release"] == first["release_id"]

    third = await platform.deploy(client, project["id"], site({"index.html": "3"}))
    assert (third["state"], third["live"]) == ("ready", False)
    seen = (await client.get(f"projects/{project['id']}")).json()
    assert (seen["live"]["number"], seen["pinned"], seen["waiting_releases"]) == (1, True, 1)

    assert (await client.post(f"projects/{project['id']}/unpin")).status_code == 204
    seen = (await client.get(f"projects/{project['id']}")).json()
    assert (seen["live"]["number"], seen["pinned"]) == (3, False)
    assert (await route_of(platform, "shop"))["release"] == third["release_id"]


async def test_promoting_ends_a_pin(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """After a promotion new releases go live by themselves again."""
    await platform.deploy(client, project["id"], site({"index.html": "1"}))
    second = await platform.deploy(client, project["id"], site({"index.html": "2"}))
    await client.post(f"projects/{project['id']}/rollback", json={})

    answer = await client.post(f"deployments/{second['id']}/promote")
    assert (answer.status_code, answer.json()["live"]) == (200, True)

    third = await platform.deploy(client, project["id"], site({"index.html": "3"}))
    assert third["live"] is True


async def test_a_rollback_to_a_foreign_projects_deployment_is_refused(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A deployment of another project does not exist for this one."""
    other = (await client.post("projects", json={"slug": "other"})).json()
    deployment = await platform.deploy(client, other["id"], site())

    body = {"deployment_id": deployment["id"]}
    answer = await client.post(f"projects/{project['id']}/rollback", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_without_an_older_release_there_is_nothing_to_roll_back_to(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A project with one release, or none, says so."""
    answer = await client.post(f"projects/{project['id']}/rollback", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_release")

    await platform.deploy(client, project["id"], site())
    answer = await client.post(f"projects/{project['id']}/rollback", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_release")


async def test_a_preview_gets_its_own_address_only(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A preview is reached by its permalink, production stays as it was."""
    preview = await platform.deploy(client, project["id"], site(), environment="preview")

    assert preview["state"] == "ready"
    assert preview["url"] == preview["permalink"]
    assert (await route_of(platform, "shop"))["kind"] == "empty"
    assert (await route_of(platform, "shop--1"))["kind"] == "static"
    answer = await client.post(f"deployments/{preview['id']}/promote")
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_release")


async def test_a_queued_deployment_is_canceled(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Cancel before the worker comes: it never starts, and cannot be canceled twice."""
    created = await platform.start(client, project["id"], site())

    answer = await client.post(f"deployments/{created['id']}/cancel")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    await platform.work()

    seen = (await client.get(f"deployments/{created['id']}")).json()
    assert [event["state"] for event in seen["events"]] == ["queued", "canceled"]
    answer = await client.post(f"deployments/{created['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_ended")


async def test_the_newest_waiting_deployment_wins(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Of three that wait, the newest is built and the others are skipped."""
    created = [
        await platform.start(client, project["id"], site({"index.html": str(n)})) for n in range(3)
    ]
    await platform.work()

    states = [(await client.get(f"deployments/{one['id']}")).json()["state"] for one in created]
    assert states == ["superseded", "superseded", "ready"]


async def test_a_newer_deployment_that_came_first_still_wins(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """The older one's hint was lost: it is skipped when the sweep finds it, not built after."""
    older = await platform.start(client, project["id"], site({"index.html": "1"}))
    await take_hints(platform)
    newer = await platform.deploy(client, project["id"], site({"index.html": "2"}))
    assert newer["state"] == "ready"
    await platform.worker.upkeep.sweep()
    await platform.work()

    seen = (await client.get(f"deployments/{older['id']}")).json()
    assert seen["state"] == "superseded"
    assert seen["events"][-1]["detail"] == "Skipped: #2 is newer."


async def test_a_newer_deployment_that_failed_skips_nothing(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """What waits is not given up for one that came to nothing."""
    older = await platform.start(client, project["id"], site({"index.html": "1"}))
    await take_hints(platform)
    newer = await platform.deploy(client, project["id"], b"no archive at all")
    assert newer["state"] == "failed"
    await platform.worker.upkeep.sweep()
    await platform.work()

    seen = (await client.get(f"deployments/{older['id']}")).json()
    assert (seen["state"], seen["live"]) == ("ready", True)


async def test_an_archive_that_never_arrived_fails_with_a_reason(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A deployment of an upload that was asked for but not sent fails and says so."""
    body = {"size": 10, "format": "zip"}
    upload = (await client.post(f"projects/{project['id']}/uploads", json=body)).json()
    body = {"source": {"type": "upload", "upload_id": upload["id"]}}
    created = (await client.post(f"projects/{project['id']}/deployments", json=body)).json()
    await platform.work()

    seen = (await client.get(f"deployments/{created['id']}")).json()
    assert (seen["state"], seen["failure"]["code"]) == ("failed", "upload_missing")


async def test_an_archive_that_is_none_fails_with_a_reason(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """The failure tells the code, and production stays empty."""
    deployment = await platform.deploy(client, project["id"], b"no archive at all")

    assert (deployment["state"], deployment["failure"]["code"]) == ("failed", "not_an_archive")
    assert deployment["failure"]["detail"]
    assert (await route_of(platform, "shop"))["kind"] == "empty"


async def test_an_unknown_upload_is_refused(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A deployment must name an upload of its own project."""
    body = {"source": {"type": "upload", "upload_id": str(uuid4())}}
    answer = await client.post(f"projects/{project['id']}/deployments", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "upload_unknown")


async def test_deployments_are_listed_newest_first(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Pages of a project's deployments, by number."""
    for _ in range(3):
        await platform.deploy(client, project["id"], site())
    params: dict[str, Any] = {"limit": 2}
    first = (await client.get(f"projects/{project['id']}/deployments", params=params)).json()
    params["cursor"] = first["next_cursor"]
    second = (await client.get(f"projects/{project['id']}/deployments", params=params)).json()

    assert [d["number"] for d in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next_cursor"] is None


async def test_deleting_a_project_ends_what_it_has_under_way(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """A deployment of a deleted project is canceled, and its host answers nothing."""
    created = await platform.start(client, project["id"], site())
    await client.delete(f"projects/{project['id']}")
    await platform.work()

    rows = await platform.execute("SELECT state FROM deployments WHERE id = %s", created["id"])
    assert rows == [("canceled",)]
    assert (await route_of(platform, "shop"))["kind"] == "unknown"
