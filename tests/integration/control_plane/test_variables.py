"""Variables through the API, on the real database: who sees what, and what is stored of it."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.fernet import Fernet

from shared.crypto import Crypto, Unreadable
from shared.variables.resolution import resolve
from shared.variables.service import VariableService
from tests.services.platform import Platform

SECRET = "hunter2-and-some-more"
PLAIN = "https://public.example.test/api"
BASIC: dict[str, Any] = {"name": "TOKEN", "value": SECRET, "environment": "production"}


@pytest.fixture
async def project(client: httpx.AsyncClient) -> dict[str, Any]:
    """A project of the developer."""
    made: dict[str, Any] = (await client.post("projects", json={"slug": "shop"})).json()
    return made


async def put(client: httpx.AsyncClient, path: str, **wanted: Any) -> dict[str, Any]:
    """Set a variable; what is answered."""
    answer = await client.post(path, json={**BASIC, **wanted})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def resolved(
    platform: Platform, project: dict[str, Any], environment: str, branch: str | None = None
) -> dict[str, str]:
    """The values that a deployment would be given."""
    async with platform.worker.database.transaction() as connection:
        found = await resolve(
            connection,
            platform.worker.crypto,
            account_id=UUID(project["account_id"]),
            project_id=UUID(project["id"]),
            environment=environment,
            branch=branch,
        )
    return {name: variable.value for name, variable in found.items()}


async def test_a_secret_goes_in_and_never_out(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """No answer holds it: of setting, listing, changing, refusing."""
    path = f"projects/{project['id']}/variables"
    answers = [await client.post(path, json=BASIC)]
    identity = answers[0].json()["id"]
    answers += [
        await client.post(path, json=BASIC),
        await client.get(path),
        await client.patch(f"variables/{identity}", json={"scope": "build"}),
        await client.patch(f"variables/{identity}", json={"secret": False}),
        await client.post(path, json={**BASIC, "name": "not a name"}),
        await client.post(path, json={**BASIC, "value": f"{SECRET}\0"}),
        await client.post(path, json={**BASIC, "value": SECRET * 2000}),
        await client.post(path, json={**BASIC, "scope": SECRET}),
    ]

    assert [a.status_code for a in answers] == [200, 200, 200, 200, 409, 422, 422, 422, 400]
    assert all(SECRET not in answer.text for answer in answers)
    assert answers[4].json()["code"] == "secret_stays"
    (listed,) = answers[2].json()["items"]
    assert (listed["id"], listed["value"], listed["secret"]) == (identity, None, True)


async def test_a_plain_variable_can_be_read_changed_and_made_secret(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """And only with a new value back."""
    path = f"projects/{project['id']}/variables"
    made = await put(client, path, name="URL", value=PLAIN, secret=False)
    own = f"variables/{made['id']}"
    changed = (await client.patch(own, json={"value": "other", "scope": "run"})).json()
    hidden = (await client.patch(own, json={"secret": True})).json()
    shown = (await client.patch(own, json={"secret": False, "value": "new"})).json()

    assert (made["value"], made["scope"], made["branch"]) == (PLAIN, "all", None)
    assert (changed["value"], changed["scope"]) == ("other", "run")
    assert (hidden["value"], hidden["secret"], hidden["scope"]) == (None, True, "run")
    assert (shown["value"], shown["secret"]) == ("new", False)


async def test_one_name_has_one_value_in_each_place(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Setting it again replaces it; another environment or branch is another variable."""
    path = f"projects/{project['id']}/variables"
    first = await put(client, path)
    again = await put(client, path, value="another", secret=False)
    await put(client, path, environment="preview")
    await put(client, path, environment="preview", branch="b")
    refused = await client.post(path, json={**BASIC, "branch": "b"})

    assert (again["id"], again["value"]) == (first["id"], "another")
    items = (await client.get(path)).json()["items"]
    assert [(v["environment"], v["branch"]) for v in items] == [
        ("preview", None),
        ("preview", "b"),
        ("production", None),
    ]
    assert (refused.status_code, refused.json()["code"]) == (422, "branch_of_production")


async def test_deployments_are_given_the_nearest_value(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Branch before environment, project before account; previews have nothing of production."""
    own, shared = (
        f"projects/{project['id']}/variables",
        f"accounts/{project['account_id']}/variables",
    )
    preview: dict[str, Any] = {"environment": "preview"}
    other = (await client.post("projects", json={"slug": "diary"})).json()
    await put(client, f"projects/{other['id']}/variables", name="FOREIGN")
    await put(client, shared, name="A", value="account")
    await put(client, shared, name="B", value="account")
    await put(client, own, name="B", value="project")
    await put(client, shared, name="C", value="account preview", **preview)
    await put(client, shared, name="C", value="account branch", branch="b", **preview)
    await put(client, own, name="D", value="preview", **preview)
    await put(client, own, name="D", value="branch", branch="b", **preview)

    assert await resolved(platform, project, "production", "b") == {"A": "account", "B": "project"}
    assert await resolved(platform, project, "preview", "x") == {
        "C": "account preview",
        "D": "preview",
    }
    assert await resolved(platform, project, "preview", "b") == {
        "C": "account branch",
        "D": "branch",
    }


async def test_nothing_stored_is_readable(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Plain or secret: not in the table, the audit, or the kept answers of idempotency keys."""
    path = f"projects/{project['id']}/variables"
    for number, wanted in enumerate(
        (BASIC, {**BASIC, "name": "URL", "value": PLAIN, "secret": False})
    ):
        answer = await client.post(path, json=wanted, headers={"Idempotency-Key": f"key-{number}"})
        assert answer.json()["value"] is None
    body = {"text": f"OTHER={SECRET}", "environment": "preview"}
    await client.post(f"{path}/import", json=body, headers={"Idempotency-Key": "key-import"})

    found = await platform.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    tables = [name for (name,) in found]
    assert {"variables", "audit", "idempotency_keys"} <= set(tables)
    for table in tables:
        rows = repr(await platform.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t'))
        assert SECRET not in rows, table
        assert PLAIN not in rows, table
    audit = await platform.execute("SELECT action, target FROM audit ORDER BY id")
    assert [row for row in audit if row[0].startswith("variable")] == [
        ("variable.set", "TOKEN"),
        ("variable.set", "URL"),
        ("variable.import", "shop"),
    ]


async def test_a_row_that_was_copied_into_another_is_not_given(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Whoever can write rows still cannot have another tenant's value decrypted."""
    path = f"projects/{project['id']}/variables"
    await put(client, path, name="A")
    await put(client, path, name="B", value="b", secret=False)
    await platform.execute(
        "UPDATE variables SET sealed = (SELECT sealed FROM variables WHERE name = 'A')"
        " WHERE name = 'B'"
    )

    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "unreadable_secret")
    assert "the variable B" in answer.json()["detail"]
    assert SECRET not in answer.text
    with pytest.raises(Unreadable, match="the variable B"):
        await resolved(platform, project, "production")


async def test_a_viewer_sees_names_and_no_values(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Nor can a viewer change anything."""
    path = f"projects/{project['id']}/variables"
    made = await put(client, path, name="URL", value=PLAIN, secret=False)
    await platform.execute("UPDATE members SET role = 'viewer'")
    listed = await client.get(path)
    refused = [
        await client.post(path, json=BASIC),
        await client.post(f"accounts/{project['account_id']}/variables", json=BASIC),
        await client.post(f"{path}/import", json={"text": "A=1", "environment": "preview"}),
        await client.patch(f"variables/{made['id']}", json={"value": "x"}),
        await client.delete(f"variables/{made['id']}"),
    ]

    assert [(v["name"], v["value"]) for v in listed.json()["items"]] == [("URL", None)]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert await resolved(platform, project, "production") == {"URL": PLAIN}


async def test_row_level_security_hides_variables_of_others(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Without a scope, and in another's, the api role sees and changes nothing."""
    await put(client, f"projects/{project['id']}/variables")
    async with await platform.stranger() as stranger:
        me = (await stranger.get("me")).json()
        account = me["accounts"][0]["id"]
        assert (await stranger.get(f"accounts/{account}/variables")).json()["items"] == []
    async with platform.services.database.transaction() as connection:
        found = await connection.execute("SELECT * FROM variables")
        assert await found.fetchall() == []
        assert (await connection.execute("DELETE FROM variables")).rowcount == 0


async def test_a_deleted_variable_and_those_of_a_deleted_project_are_gone(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Values do not outlive what they were for."""
    path = f"projects/{project['id']}/variables"
    first, second = await put(client, path, name="A"), await put(client, path, name="B")
    assert (await client.delete(f"variables/{first['id']}")).status_code == 204
    assert (await client.delete(f"variables/{first['id']}")).status_code == 404
    await client.delete(f"projects/{project['id']}")

    assert (await client.get(path)).status_code == 404
    assert (await client.patch(f"variables/{second['id']}", json={"value": "x"})).status_code == 404
    assert await platform.worker.variables.clean() == 1
    assert await platform.execute("SELECT count(*) FROM variables") == [(0,)]


async def test_an_import_sets_all_or_nothing(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """With what it did and what may surprise; one wrong line changes nothing."""
    path = f"projects/{project['id']}/variables"
    await put(client, path, name="A", environment="preview", secret=False, value="before")
    common = {"environment": "preview", "secret": False, "scope": "build"}
    wrong = await client.post(f"{path}/import", json={"text": f"A=1\n{SECRET}", **common})
    before = (await client.get(path)).json()["items"]
    done = await client.post(f"{path}/import", json={"text": "A=1\nexport B='$A'", **common})

    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_dotenv")
    assert [problem["field"] for problem in wrong.json()["fields"]] == ["text.line.2"]
    assert SECRET not in wrong.text
    assert [(v["name"], v["value"]) for v in before] == [("A", "before")]
    assert done.json() == {
        "names": ["A", "B"],
        "created": 1,
        "replaced": 1,
        "notes": ["line 2: the $ in B is kept as it stands, nothing is filled in"],
    }
    items = (await client.get(path)).json()["items"]
    assert [(v["name"], v["value"], v["scope"]) for v in items] == [
        ("A", "1", "build"),
        ("B", "$A", "build"),
    ]


async def test_the_plan_bounds_variables_and_their_bytes(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """The refusal changes nothing; replacing stays possible at the bound."""
    path = f"projects/{project['id']}/variables"
    await platform.execute(
        """UPDATE accounts SET limits = '{"variables": 2, "variable_bytes": 100}'"""
    )
    body = {"text": "A=1\nB=2\nC=3", "environment": "production"}
    many = await client.post(f"{path}/import", json=body)
    await put(client, path, name="A", value="1")
    await put(client, path, name="B", value="1")
    await put(client, path, name="B", value="2")
    third = await client.post(path, json={**BASIC, "name": "C"})
    large = await client.post(path, json={**BASIC, "name": "B", "value": "x" * 99})

    codes = [answer.json()["code"] for answer in (many, third, large)]
    assert codes == ["variables_limit"] * 3
    assert await resolved(platform, project, "production") == {"A": "1", "B": "2"}


async def test_a_rotation_seals_everything_again(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Afterwards the old key can go; before, it cannot, and the error says which value needs it."""
    path = f"projects/{project['id']}/variables"
    await put(client, path, name="A", value="1")
    await put(client, path, name="B", value="2")
    (old,) = platform.settings.encryption_keys
    new = Fernet.generate_key().decode()
    database = platform.worker.database
    rotating = VariableService(database, Crypto([new, old]))
    counts = [await rotating.reseal(1), await rotating.reseal(5), await rotating.reseal(5)]

    assert counts == [1, 1, 0]
    platform.worker.crypto = Crypto([new])
    assert await resolved(platform, project, "production") == {"A": "1", "B": "2"}
    platform.worker.crypto = Crypto([old])
    with pytest.raises(Unreadable, match=r"the variable [AB]"):
        await resolved(platform, project, "production")


async def test_a_value_without_its_key_stops_no_rotation(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others are sealed again, and the log names the one."""
    path = f"projects/{project['id']}/variables"
    lost = await put(client, path, name="A", value="1")
    await put(client, path, name="B", value="2")
    foreign = Crypto([Fernet.generate_key().decode()]).seal("x", "y")
    await platform.execute("UPDATE variables SET sealed = %s WHERE id = %s", foreign, lost["id"])
    new = Fernet.generate_key().decode()
    rotating = VariableService(
        platform.worker.database, Crypto([new, *platform.settings.encryption_keys])
    )

    assert await rotating.reseal(10) == 1
    assert f"variables {lost['id']}" in caplog.text
    assert (await client.delete(f"variables/{lost['id']}")).status_code == 204


async def test_tokens_need_their_scopes(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """To deploy is not to change variables."""
    body = {"name": "ci", "scopes": ["read", "deploy"]}
    token = (await client.post(f"accounts/{project['account_id']}/tokens", json=body)).json()
    headers = {"Authorization": f"Bearer {token['token']}"}
    path = f"projects/{project['id']}/variables"
    async with platform.client(headers=headers) as program:
        assert (await program.get(path)).status_code == 200
        refused = await program.post(path, json=BASIC)

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_the_same_name_set_twice_at_once_is_one_variable(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    """Two members press the button together."""
    import asyncio

    path = f"projects/{project['id']}/variables"
    answers = await asyncio.gather(
        *(client.post(path, json={**BASIC, "value": f"v{n}"}) for n in range(6))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    unknown = await client.get(f"projects/{uuid4()}/variables")
    assert unknown.status_code == 404
