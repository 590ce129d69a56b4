"""What the commands ask of the platform, and what they tell."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from frontend.cli import link, releases
from frontend.cli.main import main
from tests.unit.cli.platform import ACCOUNT, URL, Platform


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "STOPPING_PAUSE", 0.001)


def _result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_a_folder_is_deployed_for_production(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The project is called as the folder, and what is left out is said."""
    (folder / ".env").write_text("KEY=1")
    assert main(["deploy"]) == 0
    told = capsys.readouterr().out
    assert "New project shop" in told
    assert "1 file, 13 B; 1 left out: .env" in told
    assert platform.bodies("/deployments") == [
        {"source": {"type": "upload", "upload_id": "upload-1"}, "environment": "production"}
    ]


@pytest.mark.parametrize("place", ["~", "/"])
def test_a_home_is_no_project(
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    """A command in the wrong place does not send everything that somebody has."""
    home = Path(place).expanduser()
    (Path.home() / "index.html").write_text("x")
    monkeypatch.chdir(home)
    assert main(["deploy"]) == 2
    assert f"{home.resolve()} is not deployed" in capsys.readouterr().out
    assert platform.requests == []


@pytest.mark.parametrize(
    ("words", "source"),
    [
        ([], {"type": "git"}),
        (["--branch", "next"], {"type": "git", "branch": "next"}),
        (["--tag", "v1"], {"type": "git", "tag": "v1"}),
        (["--commit", "abc"], {"type": "git", "commit": "abc"}),
    ],
)
def test_a_repository_is_deployed_by_its_address(
    platform: Platform, words: list[str], source: dict[str, str]
) -> None:
    """The platform fetches it; the project is called as the repository."""
    url = "https://git.example.com/acme/Corner.Shop.git"
    assert main(["deploy", url, "--preview", "--no-cache", *words]) == 0
    assert platform.projects[0]["slug"] == "corner-shop"
    assert platform.bodies("/deployments") == [
        {"source": {**source, "url": url}, "environment": "preview", "use_cache": False}
    ]


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "ssh://git@github.com/a/b", "git@github.com:a/b.git", "https://u:p@x.com/r"],
)
def test_what_is_no_repository_makes_no_project(
    platform: Platform, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told before anything is asked, without the password."""
    assert main(["deploy", url, "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["failure"]["code"]
    assert "u:p" not in captured.out + captured.err
    assert platform.requests == []


def test_a_failed_build_shows_why_and_what_to_try(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Title, decisive lines, remedies; exit code 1, and the same in the object."""
    platform.end = "failed"
    assert main(["deploy"]) == 1
    end = capsys.readouterr().out.split("\n")[-5:]
    assert end == [
        "✕ shop #1: The command vite is not installed",
        "  npm run build ended with 127.",
        "  214  sh: 1: vite: not found",
        "  Try: Add vite to the dependencies",
        "",
    ]
    assert main(["deploy", "--json"]) == 1
    result = _result(capsys)
    assert (result["state"], list(result)[-1]) == ("failed", "failure")
    assert result["failure"]["cause"] == "command-not-found"  # type: ignore[index]


def test_a_finished_site_sends_only_what_is_missing(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files are named by digest; one archive brings one file a missing content."""
    site = folder / "dist"
    site.mkdir()
    (folder / ".gitignore").write_text("dist\n")
    (site / "index.html").write_text("one")
    (site / "same.html").write_text("one")
    (site / "two.html").write_text("two")
    assert main(["deploy", "--prebuilt", "dist"]) == 0
    assert "2 of 3 files uploaded" in capsys.readouterr().out
    named = platform.bodies("/prebuilt")[0]["files"]
    assert [file["path"] for file in named] == ["index.html", "same.html", "two.html"]
    with zipfile.ZipFile(io.BytesIO(platform.puts[0])) as sent:
        assert {name: sent.read(name) for name in sent.namelist()} == {
            "index.html": b"one",
            "two.html": b"two",
        }
    assert platform.projects[0]["slug"] == "shop", "a folder of output gives no project its name"
    assert platform.bodies("/deployments")[0]["source"] == {
        "type": "prebuilt",
        "upload_id": "prebuilt-1",
    }
    platform.known = {file["digest"] for file in named}
    assert main(["deploy", "dist", "--prebuilt"]) == 0
    assert "0 of 3 files uploaded" in capsys.readouterr().out
    assert len(platform.puts) == 1, "nothing is missing, so nothing is sent"


def test_a_linked_folder_goes_to_its_project(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it is called; a link of another platform means nothing here."""
    platform.project("other")
    (folder / ".git").mkdir()
    assert main(["link", "other"]) == 0
    assert "add .astrocloud to .gitignore" in capsys.readouterr().err
    assert main(["deploy"]) == 0
    assert [project["slug"] for project in platform.projects] == ["other"]
    link.write(folder, link.Link("p1", "other", "https://elsewhere.example.com"))
    assert main(["deploy", "--url", URL]) == 0
    assert [project["slug"] for project in platform.projects] == ["other", "shop"]
    assert main(["unlink"]) == 0
    assert not (folder / ".astrocloud").exists()


def test_a_link_to_a_project_that_is_gone(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what to do."""
    link.write(folder, link.Link("gone", "shop", URL))
    assert main(["list"]) == 0
    assert main(["rollback"]) == 2
    assert "astrocloud unlink" in capsys.readouterr().out


def test_an_unknown_project_suggests_the_near_one(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And without any, how to name one."""
    platform.project("corner-shop")
    assert main(["open", "-p", "cornershop"]) == 2
    assert "Did you mean corner-shop?" in capsys.readouterr().err
    assert main(["open"]) == 2
    assert "astrocloud link NAME" in capsys.readouterr().err


def test_lists(platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Projects, and the deployments of one with icon and word."""
    project = platform.project()
    platform.deployment(project)
    platform.deployment(project, "failed")
    assert main(["list"]) == 0
    assert "shop" in capsys.readouterr().out
    assert main(["list", "shop"]) == 0
    told = capsys.readouterr().out
    assert "✕ Failed" in told
    assert "✓ Ready" in told
    assert main(["list", "shop", "--limit", "1", "--json"]) == 0
    items = _result(capsys)["items"]
    assert [item["number"] for item in items] == [2]  # type: ignore[attr-defined]


def test_the_log_alone_is_on_standard_output(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it can be piped."""
    platform.deployment(platform.project())
    assert main(["logs", "#1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "07:00:00.123  hi\n"
    assert "shop #1" in captured.err


@pytest.mark.parametrize("number", ["3", "x", "0"])
def test_a_deployment_that_is_not_there(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    """Where to look is said."""
    platform.deployment(platform.project())
    assert main(["logs", number]) == 2
    assert "Next: " in capsys.readouterr().err


def test_going_back_and_forth(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By number, or to the release before; the pin is said."""
    project = platform.project()
    platform.deployment(project)
    platform.deployment(project)
    assert main(["rollback", "--to", "1"]) == 0
    assert "Production is pinned to #1" in capsys.readouterr().out
    assert platform.bodies("/rollback") == [{"deployment_id": platform.deployments[1]["id"]}]
    assert main(["rollback", "--json"]) == 0
    assert _result(capsys)["state"] == "ready"
    assert main(["promote", "2", "--json"]) == 0
    assert _result(capsys)["deployment"] == platform.deployments[0]["id"]


def test_cancel_waits_for_the_end(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The work has ended, not only the row; what ended before is refused."""
    platform.deployment(platform.project(), "building")
    assert main(["cancel", "--json"]) == 0
    assert _result(capsys)["state"] == "canceled"
    assert main(["cancel"]) == 2
    assert "has ended already" in capsys.readouterr().out


def test_redeploy_takes_the_source_of_before(platform: Platform, folder: Path) -> None:
    """Where it was, unless said otherwise."""
    first = platform.deployment(platform.project())
    assert main(["redeploy", "1", "--no-cache"]) == 0
    assert main(["redeploy", "1", "--preview"]) == 0
    source = {"type": "deployment", "deployment_id": first["id"]}
    assert platform.bodies("/deployments") == [
        {"source": source, "environment": "production", "use_cache": False},
        {"source": source, "environment": "preview"},
    ]


def test_the_cache_is_cleared(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How much that was."""
    platform.project()
    assert main(["cache", "clear"]) == 0
    assert "is being cleared" in capsys.readouterr().out


def test_variables_are_secret_unless_their_name_is_public(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the value stands in the command line or comes from standard input."""
    platform.project()
    assert main(["env", "set", "A=1", "VITE_B=x=y", "-e", "production,preview"]) == 0
    sent = platform.bodies("/variables")
    assert [(v["name"], v["value"], v["secret"], v["environment"]) for v in sent] == [
        ("A", "1", True, "production"),
        ("A", "1", True, "preview"),
        ("VITE_B", "x=y", False, "production"),
        ("VITE_B", "x=y", False, "preview"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("sk_live\n"))
        assert main(["env", "set", "KEY", "--branch", "next"]) == 0
        assert main(["env", "set", "KEY=1", "--plain"]) == 0
    assert platform.variables.pop()["secret"] is False
    last = platform.variables[-1]
    assert (last["value"], last["secret"], last["branch"]) == ("sk_live", True, "next")
    assert last["environment"] == "preview"
    assert "sk_live" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://GHCR.io/", "ghcr.io"),
        ("registry.local:5000", "registry.local:5000"),
        ("hub.docker.com", "docker.io"),
    ],
)
def test_a_registrys_token_comes_from_standard_input(
    platform: Platform,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    host: str,
) -> None:
    """It is sent, and shown nowhere; removing it forgets it."""
    platform.project()
    monkeypatch.setattr("sys.stdin", io.StringIO("ghp_hidden\n"))
    assert main(["registry", "set", given, "--username", "acme"]) == 0
    sent = {"registry": {"registry": host, "username": "acme", "token": "ghp_hidden"}}
    assert platform.bodies("/projects/p1") == [sent]
    assert main(["registry", "show"]) == 0
    told = capsys.readouterr()
    assert f"shop pulls from {host} as acme; its token is kept." in told.out
    assert "ghp_hidden" not in told.out + told.err
    assert main(["registry", "show", "--json"]) == 0
    registry = {"registry": host, "username": "acme", "has_token": True}
    assert json.loads(capsys.readouterr().out) == {"registry": registry}
    assert main(["registry", "rm"]) == 0
    assert platform.projects[0]["registry"] is None
    assert main(["registry", "rm"]) == 2


def test_a_registry_without_a_token_is_not_set(
    platform: Platform,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform.project()
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["registry", "set", "ghcr.io", "-u", "acme"]) == 2
    assert "pipe the token" in capsys.readouterr().err
    assert not platform.bodies("/projects/p1")
    assert main(["registry", "show"]) == 0
    assert "registry set ghcr.io --username" in capsys.readouterr().err


def test_variables_are_listed_without_secrets(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A project's, or those that an account shares."""
    owner = ("projects", str(platform.project()["id"]))
    platform.variable(owner, name="PLAIN", value="1")
    platform.variable(owner, name="HIDDEN", value=None, secret=True)
    platform.variable(("accounts", ACCOUNT), name="SHARED", value="2")
    assert main(["env", "ls"]) == 0
    told = capsys.readouterr().out
    assert ("PLAIN" in told, "(secret)" in told, "SHARED" in told) == (True, True, False)
    assert main(["env", "ls", "--shared"]) == 0
    assert "SHARED" in capsys.readouterr().out


def test_a_variable_is_removed_where_it_was_named(platform: Platform, folder: Path) -> None:
    """Everywhere, unless an environment is named."""
    owner = ("projects", str(platform.project()["id"]))
    for environment in ("production", "preview"):
        platform.variable(owner, name="A", value="1", environment=environment)
        platform.variable(owner, name="B", value="1", environment=environment)
    assert main(["env", "rm", "A"]) == 0
    assert main(["env", "rm", "B", "-e", "preview"]) == 0
    assert [(v["name"], v["environment"]) for v in platform.variables] == [("B", "production")]
    assert main(["env", "rm", "A"]) == 2


def test_pull_writes_what_a_deployment_would_get(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A project's go before an account's; for its owner alone, and nothing is lost."""
    owner = ("projects", str(platform.project()["id"]))
    platform.variable(("accounts", ACCOUNT), name="A", value="account")
    platform.variable(("accounts", ACCOUNT), name="C", value="it's $5\n")
    platform.variable(owner, name="A", value="a b")
    platform.variable(owner, name="P", value="preview", environment="preview")
    platform.variable(owner, name="KEY", value=None, secret=True)
    assert main(["env", "pull"]) == 0
    target = folder / ".env"
    secret = "# KEY is a secret: its value is given to nobody\n"
    assert target.read_text() == "A='a b'\nC=\"it's \\$5\\n\"\n" + secret
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    capsys.readouterr()
    assert main(["env", "pull", "-e", "preview"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["env", "pull", "-e", "preview", "--yes"]) == 0
    assert target.read_text() == "P=preview\n"


def test_a_file_is_imported(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As secrets, with a warning where these would stand in pages."""
    platform.project()
    (folder / "vars").write_text("VITE_URL=x\nKEY=y\n")
    assert main(["env", "import", "vars"]) == 0
    assert platform.bodies("/import")[0]["secret"] is True
    captured = capsys.readouterr()
    assert "2 variables (secret) set for production of shop: 1 new, 1 replaced" in captured.out
    assert "line 2: A is empty" in captured.err
    assert "VITE_URL will stand in the built pages" in captured.err
    assert main(["env", "import", "nowhere"]) == 2


def test_open_prints_the_address(
    platform: Platform, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone on standard output; a deployment without a release has none."""
    platform.deployment(platform.project(), "failed")
    assert main(["open"]) == 0
    assert capsys.readouterr().out == "http://shop.apps.localhost:8080\n"
    assert main(["open", "1"]) == 2
