"""Invariant 14: a foreign id answers like a random one, on every route that takes an id."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from functions.api.description import RESOURCES
from shared.triggers.http import Operation
from tests.integration.control_plane.archives import site
from tests.services.platform import Platform

WITH_IDS = [o for resource in RESOURCES for o in resource.operations if "{" in o.path]
BODIES: dict[str, Any] = {
    "update_project": {"name": "Mine now"},
    "create_upload": {"size": 1, "format": "zip"},
    "create_deployment": {"source": {"type": "upload", "upload_id": str(uuid4())}},
    "create_prebuilt": {"files": [{"path": "index.html", "digest": "0" * 64, "size": 1}]},
    "roll_back_project": {},
    "change_role": {"role": "viewer"},
    "invite": {},
    "create_token": {"name": "ci"},
    "set_project_variable": {"name": "A", "value": "1", "environment": "production"},
    "set_account_variable": {"name": "A", "value": "1", "environment": "production"},
    "import_variables": {"text": "A=1", "environment": "production"},
    "update_variable": {"value": "2"},
    "create_task": {"command": "true"},
}


async def call(
    client: httpx.AsyncClient, operation: Operation, ids: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """Status and body of an operation on these ids, without what differs by request."""
    path = re.sub(r"{(\w+)}", lambda found: ids[found[1]], operation.path)
    answer = await client.request(
        operation.method, path.removeprefix("v1/"), json=BODIES.get(operation.name)
    )
    body = answer.json() if answer.content else {}
    body.pop("request_id", None)
    for value in ids.values() if body else ():
        body["instance"] = body["instance"].replace(value, "<id>")
    return answer.status_code, body


async def task_of(platform: Platform) -> str:
    """A task of the only release."""
    await platform.execute(
        "INSERT INTO workloads (release_id, account_id, project_id, environment_id, deployment_id,"
        " environment, number, state, document, image, image_is_ours, scaling)"
        " SELECT release_id, account_id, project_id, environment_id, id, environment, number,"
        " 'live', '', 'app', false, '{}' FROM deployments"
    )
    [(task,)] = await platform.execute(
        "INSERT INTO tasks (id, account_id, project_id, release_id, environment, command, seconds)"
        " SELECT gen_random_uuid(), account_id, project_id, release_id, environment, 'true', 60"
        " FROM workloads RETURNING id"
    )
    return str(task)


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda o: o.name)
async def test_a_foreign_id_answers_like_a_random_one(
    platform: Platform, client: httpx.AsyncClient, operation: Operation
) -> None:
    """The owner's ids, given by a stranger, tell no more than ids that nobody has."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    deployment = await platform.deploy(client, project["id"], site())
    me = (await client.get("me")).json()
    account = me["accounts"][0]["id"]
    token = (await client.post(f"accounts/{account}/tokens", json={"name": "ci"})).json()
    body = BODIES["set_project_variable"]
    variable = (await client.post(f"projects/{project['id']}/variables", json=body)).json()
    real = {
        "project_id": project["id"],
        "deployment_id": deployment["id"],
        "account_id": account,
        "user_id": me["user"]["id"],
        "token_id": token["id"],
        "variable_id": variable["id"],
        "task_id": await task_of(platform),
    }
    random = {name: str(uuid4()) for name in real}
    async with await platform.stranger() as stranger:
        foreign = await call(stranger, operation, real)
        unknown = await call(stranger, operation, random)
        malformed = await call(stranger, operation, dict.fromkeys(real, "x"))

    assert foreign == unknown
    assert foreign[0] == 404
    assert malformed[0] == 404
    seen = (await client.get(f"projects/{project['id']}")).json()
    assert (seen["name"], seen["live"]["number"]) == ("shop", 1)


async def test_a_stranger_sees_nothing_of_anyone(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Lists and push groups hold only one's own."""
    await client.post("projects", json={"slug": "shop"})
    async with await platform.stranger() as stranger:
        assert (await stranger.get("projects")).json()["items"] == []
        me = (await stranger.get("me")).json()
        groups = (await stranger.post("negotiate", json={})).json()["groups"]

    assert groups == [f"account-{me['accounts'][0]['id']}"]


async def test_a_foreign_deployment_cannot_be_watched(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Negotiating for another tenant's log answers like for none."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    created = await platform.start(client, project["id"], site())
    async with await platform.stranger() as stranger:
        foreign = await stranger.post("negotiate", json={"deployment_id": created["id"]})
        random = await stranger.post("negotiate", json={"deployment_id": str(uuid4())})

    assert (foreign.status_code, random.status_code) == (404, 404)
    assert foreign.json()["detail"] == random.json()["detail"]


async def test_a_foreign_account_cannot_be_used(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """A project cannot be put into another's account."""
    account = (await client.get("me")).json()["accounts"][0]["id"]
    async with await platform.stranger() as stranger:
        foreign = await stranger.post("projects", json={"slug": "x", "account_id": account})
        random = await stranger.post("projects", json={"slug": "x", "account_id": str(uuid4())})

    assert (foreign.status_code, random.status_code) == (404, 404)
    assert foreign.json()["detail"] == random.json()["detail"]


async def test_without_a_user_row_level_security_shows_nothing(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """A transaction that forgot its scope sees no tenant's row in any table."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await platform.deploy(client, project["id"], site())
    tables = ["projects", "deployments", "deployment_events", "releases", "environments", "hosts"]
    async with platform.services.database.transaction() as connection:
        for table in tables:
            found = await connection.execute(f"SELECT count(*) AS n FROM {table}".encode())
            row = await found.fetchone()
            assert row == {"n": 0}, table


async def test_a_viewer_may_look_and_not_touch(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Roles: a viewer reads, and is told whom to ask."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await platform.execute("UPDATE members SET role = 'viewer'")

    assert (await client.get(f"projects/{project['id']}")).status_code == 200
    answer = await client.patch(f"projects/{project['id']}", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_suspended_account_starts_nothing_new(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Uploads are refused with the reason."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await platform.execute("UPDATE accounts SET suspended_at = now()")

    body = {"size": 1, "format": "zip"}
    answer = await client.post(f"projects/{project['id']}/uploads", json=body)

    assert (answer.status_code, answer.json()["code"]) == (403, "account_suspended")
