"""Members, invitations and API tokens: who may do what, and what ends it."""

from typing import Any

import httpx
import pytest

from tests.integration.control_plane.archives import site
from tests.services.platform import Platform


@pytest.fixture
async def account(client: httpx.AsyncClient) -> str:
    """The developer's account."""
    identity: str = (await client.get("me")).json()["accounts"][0]["id"]
    return identity


async def make_token(client: httpx.AsyncClient, account: str, **wanted: Any) -> dict[str, Any]:
    """A new API token."""
    answer = await client.post(f"accounts/{account}/tokens", json={"name": "ci", **wanted})
    assert answer.status_code == 201, answer.text
    token: dict[str, Any] = answer.json()
    return token


def program(platform: Platform, token: dict[str, Any]) -> httpx.AsyncClient:
    """A client that signs in with a token."""
    return platform.client(headers={"Authorization": f"Bearer {token['token']}"})


async def test_a_token_deploys(platform: Platform, client: httpx.AsyncClient, account: str) -> None:
    """With the scopes read and deploy a program puts a site online."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    async with program(platform, await make_token(client, account)) as ci:
        deployment = await platform.deploy(ci, project["id"], site())

    assert (deployment["state"], deployment["live"]) == ("ready", True)


async def test_a_tokens_secret_is_shown_once_and_kept_nowhere(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """Lists do not have it, and no table does."""
    token = await make_token(client, account)
    secret = token["token"].rpartition("_")[2]
    listed = await client.get(f"accounts/{account}/tokens")

    assert [t["id"] for t in listed.json()["items"]] == [token["id"]]
    assert secret not in listed.text
    for table in ("api_tokens", "idempotency_keys", "audit"):
        rows = await platform.execute(f"SELECT * FROM {table}")
        assert secret not in repr(rows)


async def test_a_token_does_no_more_than_its_scopes(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """Reading only, deploying only; and what needs a person is for no token."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    uploads = f"projects/{project['id']}/uploads"
    async with program(platform, await make_token(client, account, scopes=["read"])) as reader:
        assert (await reader.get("projects")).status_code == 200
        answer = await reader.post(uploads, json={"size": 1, "format": "zip"})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    everything = await make_token(client, account, scopes=["read", "deploy", "manage"])
    async with program(platform, everything) as manager:
        assert (await manager.post("projects", json={"slug": "diary"})).status_code == 201
        answer = await manager.post(f"accounts/{account}/tokens", json={"name": "another"})
        assert (answer.status_code, answer.json()["code"]) == (403, "session_required")


async def test_a_token_sees_its_own_account_only(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """Its user belongs to two accounts; the token to one."""
    await client.post("projects", json={"slug": "shop"})
    async with await platform.stranger() as stranger:
        other = (await stranger.get("me")).json()["accounts"][0]["id"]
        hidden = (await stranger.post("projects", json={"slug": "hidden"})).json()
        code = (await stranger.post(f"accounts/{other}/invitations", json={})).json()["code"]
    assert (await client.post("invitations/accept", json={"code": code})).status_code == 200
    seen = (await client.get("projects")).json()["items"]
    assert {project["slug"] for project in seen} == {"shop", "hidden"}

    async with program(platform, await make_token(client, account)) as ci:
        assert [p["slug"] for p in (await ci.get("projects")).json()["items"]] == ["shop"]
        assert (await ci.get(f"projects/{hidden['id']}")).status_code == 404
        assert (await ci.get(f"accounts/{other}/members")).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE api_tokens SET revoked_at = now()", "api_token_ended"),
        ("UPDATE api_tokens SET expires_at = now() - interval '1 second'", "api_token_ended"),
        ("DELETE FROM members", "invalid_token"),
    ],
)
async def test_a_token_ends(
    platform: Platform, client: httpx.AsyncClient, account: str, change: str, code: str
) -> None:
    """Revoked, expired, or its maker left the account."""
    token = await make_token(client, account)
    await platform.execute(change)
    async with program(platform, token) as ci:
        answer = await ci.get("projects")

    assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_revoking_ends_a_token_at_once(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """Where it was used a moment ago, too."""
    token = await make_token(client, account)
    async with program(platform, token) as ci:
        assert (await ci.get("projects")).status_code == 200
        assert (await client.delete(f"tokens/{token['id']}")).status_code == 204
        assert (await ci.get("projects")).status_code == 401
    assert (await client.get(f"accounts/{account}/tokens")).json()["items"] == []


@pytest.mark.parametrize("forged", ["act_", "act_x_y", "act_" + "0" * 32 + "_secret", "act_é_x"])
async def test_a_made_up_token_is_refused(platform: Platform, forged: str) -> None:
    """Malformed and unknown tokens answer alike."""
    headers = {"Authorization": f"Bearer {forged}".encode()}
    async with platform.client(headers=headers) as client:  # type: ignore[arg-type]
        answer = await client.get("me")

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_a_wrong_secret_is_refused(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """The id alone is worth nothing."""
    token = await make_token(client, account)
    forged = {"token": token["token"][:-4] + "AAAA"}
    async with program(platform, forged) as ci:
        assert (await ci.get("projects")).json()["code"] == "invalid_token"


async def test_somebody_joins_by_invitation(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """The code makes its holder a member once; then roles can change."""
    invitation = await client.post(f"accounts/{account}/invitations", json={"role": "viewer"})
    code = {"code": invitation.json()["code"]}
    async with await platform.stranger() as guest:
        assert (await guest.post("invitations/accept", json=code)).status_code == 200
        again = await guest.post("invitations/accept", json=code)
        assert (again.status_code, again.json()["code"]) == (409, "invitation_ended")
        me = (await guest.get("me")).json()
        refused = await guest.post("projects", json={"slug": "mine", "account_id": account})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")

        path = f"accounts/{account}/members/{me['user']['id']}"
        changed = await client.patch(path, json={"role": "member"})
        assert [m["role"] for m in changed.json()["items"]] == ["owner", "member"]
        made = await guest.post("projects", json={"slug": "mine", "account_id": account})
        assert made.status_code == 201

        assert (await guest.delete(path)).status_code == 204
        assert (await guest.get(f"projects/{made.json()['id']}")).status_code == 404


@pytest.mark.parametrize("code", ["x", "WyJhIl0.x", ""])
async def test_a_made_up_invitation_is_refused(client: httpx.AsyncClient, code: str) -> None:
    """A code that we did not sign."""
    answer = await client.post("invitations/accept", json={"code": code})

    assert answer.json()["code"] in ("invalid_invitation", "invalid_request")
    assert answer.status_code in (400, 422)


async def test_an_old_invitation_cannot_be_accepted(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """After its days it is over."""
    answer = await client.post(f"accounts/{account}/invitations", json={})
    await platform.execute("UPDATE invitations SET expires_at = now() - interval '1 second'")
    async with await platform.stranger() as guest:
        late = await guest.post("invitations/accept", json={"code": answer.json()["code"]})

    assert (late.status_code, late.json()["code"]) == (409, "invitation_ended")


async def test_an_account_keeps_an_owner(client: httpx.AsyncClient, account: str) -> None:
    """The last owner can neither leave nor become less."""
    user = (await client.get("me")).json()["user"]["id"]
    path = f"accounts/{account}/members/{user}"
    for answer in (
        await client.patch(path, json={"role": "viewer"}),
        await client.delete(path),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


async def test_only_owners_change_members(
    platform: Platform, client: httpx.AsyncClient, account: str
) -> None:
    """A member may neither invite nor change roles."""
    user = (await client.get("me")).json()["user"]["id"]
    await platform.execute("UPDATE members SET role = 'member'")
    path = f"accounts/{account}"
    for answer in (
        await client.post(f"{path}/invitations", json={}),
        await client.patch(f"{path}/members/{user}", json={"role": "owner"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
