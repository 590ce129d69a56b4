"""Projects through the API: their addresses, their bounds, their errors."""

from typing import Any

import httpx
import pytest

from tests.services.platform import Platform


async def test_a_project_gets_an_address_and_an_empty_route(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Creating a project answers its URL, and its host says that nothing is live yet."""
    answer = await client.post("projects", json={"slug": "shop", "name": "My shop"})

    assert answer.status_code == 201
    project = answer.json()
    domain = platform.settings.sites_url.removeprefix("http://")
    assert project["url"] == f"http://shop.{domain}"
    assert (project["live"], project["pinned"]) == (None, False)
    host = f"shop.{domain.removesuffix(':8080')}"
    found = await platform.services.blobs.read("routes", f"{host}.json")
    assert found is not None
    assert b'"kind":"empty"' in found.data


@pytest.mark.parametrize("slug", ["Shop", "-shop", "a--b", "shop.x", "", "x" * 41, "späti", "a b"])
async def test_a_slug_must_be_a_dns_label(client: httpx.AsyncClient, slug: str) -> None:
    """What cannot be part of a host name is refused with the rule."""
    answer = await client.post("projects", json={"slug": slug})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_slug")
    assert answer.json()["fields"][0]["field"] == "slug"


@pytest.mark.parametrize("slug", ["admin", "www", "api", "astrocloud"])
async def test_reserved_slugs_are_refused(client: httpx.AsyncClient, slug: str) -> None:
    """Names that the platform keeps cannot be taken."""
    answer = await client.post("projects", json={"slug": slug})

    assert (answer.status_code, answer.json()["code"]) == (422, "slug_reserved")


async def test_a_taken_slug_is_refused_whoever_has_it(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """The name of one's own and of a foreign project answer alike."""
    assert (await client.post("projects", json={"slug": "shop"})).status_code == 201
    async with await platform.stranger() as stranger:
        for who in (client, stranger):
            answer = await who.post("projects", json={"slug": "shop"})
            assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")


async def test_a_freed_name_rests_before_another_account_takes_it(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """A name that visitors still know is not somebody else's at once."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    assert (await client.delete(f"projects/{project['id']}")).status_code == 204
    assert (await client.get(f"projects/{project['id']}")).status_code == 404

    async with await platform.stranger() as stranger:
        early = await stranger.post("projects", json={"slug": "shop"})
        await platform.execute("UPDATE hosts SET freed_at = now() - interval '31 days'")
        late = await stranger.post("projects", json={"slug": "shop"})

    assert (early.status_code, early.json()["code"]) == (409, "slug_taken")
    assert late.status_code == 201


async def test_an_account_takes_its_own_name_again_at_once(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """Deleting a project and making it anew is nobody's loss; its host starts empty."""
    project = (await client.post("projects", json={"slug": "shop"})).json()
    await client.delete(f"projects/{project['id']}")

    again = await client.post("projects", json={"slug": "shop"})

    assert again.status_code == 201
    assert again.json()["id"] != project["id"]
    domain = platform.settings.sites_url.removeprefix("http://").removesuffix(":8080")
    found = await platform.services.blobs.read("routes", f"shop.{domain}.json")
    assert found is not None
    assert b'"kind":"empty"' in found.data


async def test_projects_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    """Following next_cursor gives each project once, newest first."""
    for n in range(5):
        assert (await client.post("projects", json={"slug": f"site-{n}"})).status_code == 201
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get("projects", params=params)).json()
        seen += [project["slug"] for project in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]

    assert seen == [f"site-{n}" for n in (4, 3, 2, 1, 0)]


async def test_a_project_is_found_by_its_slug(client: httpx.AsyncClient) -> None:
    """The slug filter finds the one project, or none."""
    await client.post("projects", json={"slug": "shop"})

    found = (await client.get("projects", params={"slug": "shop"})).json()["items"]
    none = (await client.get("projects", params={"slug": "other"})).json()["items"]

    assert [project["slug"] for project in found] == ["shop"]
    assert none == []


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0", "eyJhIjoxfQ", "WyJhIiwiYiJd"])
async def test_a_made_up_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    """A cursor that we did not give is an error, not an empty page."""
    answer = await client.get("projects", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_project_is_renamed(client: httpx.AsyncClient) -> None:
    """PATCH changes the name and leaves the address."""
    project = (await client.post("projects", json={"slug": "shop"})).json()

    answer = await client.patch(f"projects/{project['id']}", json={"name": "The shop"})

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["slug"]) == ("The shop", "shop")


async def test_the_plan_bounds_the_number_of_projects(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    """At the plan's bound a new project is refused, naming the bound."""
    await client.post("projects", json={"slug": "first"})
    await platform.execute("UPDATE accounts SET limits = '{\"projects\": 1}'")

    answer = await client.post("projects", json={"slug": "second"})

    assert (answer.status_code, answer.json()["code"]) == (403, "limit_reached")


async def test_an_upload_above_the_bound_is_refused_before_it_begins(
    client: httpx.AsyncClient,
) -> None:
    """The size is checked against the plan when the address is asked for."""
    project = (await client.post("projects", json={"slug": "shop"})).json()

    body = {"size": 10**12, "format": "zip"}
    answer = await client.post(f"projects/{project['id']}/uploads", json=body)

    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
