"""Deployments of Git repositories through the API and the worker, from a real Git server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.services import Services
from tests.fakes.builder import ScriptedBuilder, install
from tests.services.git_server import GitServer, git
from tests.services.platform import Platform

LOGIN = "ada:ghp_averysecrettoken123"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A server with one repository, of a site that needs no build, on two branches."""
    served = GitServer(tmp_path, ())
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    commit(work, "index.html", "<h1>main</h1>", "First page\n\nWith a body")
    git(work, "checkout", "-q", "-b", "next")
    commit(work, "index.html", "<h1>next</h1>", "Next page")
    git(work, "checkout", "-q", "main")
    git(tmp_path, "clone", "-q", "--bare", str(work), str(tmp_path / "site.git"))
    yield served
    served.close()


def commit(work: Path, name: str, text: str, message: str) -> str:
    """A commit of one file; its id."""
    (work / name).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", message)
    return git(work, "rev-parse", "HEAD")


@pytest.fixture
def url(platform: Platform, server: GitServer) -> str:
    """The address of the repository, which the platform may reach."""
    for services in (platform.services, platform.worker):
        allow(services, server)
    install(platform.worker, ScriptedBuilder())
    return f"https://127.0.0.1:{server.port}/site.git"


def allow(services: Services, server: GitServer) -> None:
    """The operators have allowed the server."""
    services.settings = replace(
        services.settings,
        outgoing_allowed=(f"127.0.0.1:{server.port}",),
        outgoing_certificates=str(server.certificates),
    )


@pytest.fixture
async def project(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """A project without a deployment, made once the server is allowed."""
    created: dict[str, Any] = (await client.post("projects", json={"slug": "shop"})).json()
    return created


async def deploy(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any], **wanted: Any
) -> dict[str, Any]:
    """Ask for a deployment and work until it ends."""
    answer = await client.post(f"projects/{project['id']}/deployments", json=wanted)
    assert answer.status_code == 202, answer.text
    await platform.work()
    found: dict[str, Any] = (await client.get(f"deployments/{answer.json()['id']}")).json()
    return found


async def test_the_default_branch_of_an_address_goes_live(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any], url: str
) -> None:
    found = await deploy(platform, client, project, source={"type": "git", "url": url})
    assert found["state"] == "ready", found["failure"]
    source = found["source"]
    assert (source["branch"], source["commit_message"]) == ("main", "First page")
    assert len(source["commit"]) == 40


async def test_a_branch_of_the_projects_repository(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any], url: str
) -> None:
    changed = await client.patch(
        f"projects/{project['id']}", json={"git": {"url": url, "branch": "next"}}
    )
    assert changed.json()["git"] == {
        "url": url,
        "branch": "next",
        "username": None,
        "has_token": False,
    }
    found = await deploy(platform, client, project, source={"type": "git"})
    assert (found["state"], found["source"]["branch"]) == ("ready", "next")
    other = await deploy(platform, client, project, source={"type": "git", "branch": "main"})
    assert other["source"]["branch"] == "main"


async def test_a_private_repository_needs_the_projects_token(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    url: str,
    server: GitServer,
) -> None:
    server.logins["/site.git"] = LOGIN
    refused = await deploy(platform, client, project, source={"type": "git", "url": url})
    assert refused["failure"]["code"] == "git_needs_credentials"
    username, _, token = LOGIN.partition(":")
    git_settings = {"url": url, "username": username, "token": token}
    changed = await client.patch(f"projects/{project['id']}", json={"git": git_settings})
    assert changed.json()["git"]["has_token"] is True
    assert token not in changed.text
    found = await deploy(platform, client, project, source={"type": "git"})
    assert found["state"] == "ready", found["failure"]
    rows = await platform.execute("SELECT git_token, git::text FROM projects")
    assert token not in str(rows)


async def test_a_token_goes_with_its_address(
    client: httpx.AsyncClient, project: dict[str, Any], url: str
) -> None:
    """Another address must not get the token of the one before."""
    path = f"projects/{project['id']}"
    await client.patch(path, json={"git": {"url": url, "token": "secret-token"}})
    kept = await client.patch(path, json={"git": {"url": url, "branch": "x"}})
    assert kept.json()["git"]["has_token"] is True
    other = await client.patch(path, json={"git": {"url": "https://example.com/other.git"}})
    assert other.json()["git"]["has_token"] is False
    none = await client.patch(path, json={"git": None})
    assert none.json()["git"] is None


async def test_redeploying_keeps_the_commit(
    platform: Platform,
    client: httpx.AsyncClient,
    project: dict[str, Any],
    url: str,
    server: GitServer,
) -> None:
    """Also after the branch has moved on."""
    first = await deploy(platform, client, project, source={"type": "git", "url": url})
    work = server.folder / "work"
    commit(work, "index.html", "<h1>newer</h1>", "Newer page")
    git(work, "push", "-q", str(server.folder / "site.git"), "main")
    again = await deploy(
        platform, client, project, source={"type": "deployment", "deployment_id": first["id"]}
    )
    assert (again["state"], again["source"]["commit"]) == ("ready", first["source"]["commit"])
    newest = await deploy(platform, client, project, source={"type": "git", "url": url})
    assert newest["source"]["commit_message"] == "Newer page"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("ssh://git@github.com/o/r.git", "git_address_refused"),
        ("git@github.com:o/r.git", "git_address_refused"),
        ("file:///etc", "git_address_refused"),
        ("https://localhost/r.git", "address_refused"),
        ("https://127.0.0.1/r.git", "address_refused"),
        ("https://169.254.169.254/latest", "address_refused"),
        ("https://user:hunter2@example.com/r.git", "credentials_in_address"),
    ],
)
async def test_an_address_that_is_not_allowed_is_refused_at_once(
    client: httpx.AsyncClient, project: dict[str, Any], address: str, code: str
) -> None:
    body = {"source": {"type": "git", "url": address}}
    answer = await client.post(f"projects/{project['id']}/deployments", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "hunter2" not in answer.text


async def test_a_branch_that_is_missing_names_near_ones(
    platform: Platform, client: httpx.AsyncClient, project: dict[str, Any], url: str
) -> None:
    source = {"type": "git", "url": url, "branch": "mian"}
    found = await deploy(platform, client, project, source=source)
    assert found["failure"]["code"] == "git_ref_not_found"
    assert "main" in found["failure"]["detail"]


async def test_a_project_without_a_repository_says_what_to_do(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    body = {"source": {"type": "git"}}
    answer = await client.post(f"projects/{project['id']}/deployments", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_repository")


async def test_two_revisions_at_once_are_refused(
    client: httpx.AsyncClient, project: dict[str, Any]
) -> None:
    body = {"source": {"type": "git", "branch": "a", "tag": "b"}}
    answer = await client.post(f"projects/{project['id']}/deployments", json=body)
    assert answer.status_code == 400
    assert "name one revision" in answer.text
