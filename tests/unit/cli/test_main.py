"""The command line itself: help, mistakes, and faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frontend.cli import account
from frontend.cli.main import main
from tests.unit.cli.platform import TOKEN, URL, Platform

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = (
    *("login", "logout", "whoami", "deploy", "redeploy", "list", "logs", "rollback", "promote"),
    *("unpin", "cancel", "open", "link", "unlink", "inspect", "explain", "env", "registry"),
    *("cache", "run", "ps", "restart", "stop", "start", "scale", "metrics", "tasks", "schedules"),
)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Also without any word."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == shown
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """A number, or that it runs from source."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("astrocloud ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["deplyo"], "Did you mean 'deploy'"),
        (["rolback"], "Did you mean 'rollback'?"),
        (["env", "lst"], "Did you mean 'ls'"),
        (["deploy", "--previw"], "--preview"),
        (["promote"], "DEPLOYMENT"),
        (["list", "--limit", "0"], "--limit"),
        (["env", "set", "A=1", "-e", "staging"], "staging is no environment"),
        (["env", "set", "A=1", "-e", "production", "--branch", "x"], "production has no branches"),
        (["env", "set", "A=1", "--scope", "every"], "every is no use"),
        (["deploy", "https://example.com/a.git", "--branch", "x", "--tag", "y"], "give one"),
        (["deploy", ".", "--branch", "x"], "the address of a repository"),
        (["explain", "x", "--phase", "test"], "'test' is no phase"),
        (["deploy", "site", "--image", "a/b"], "leave the path out"),
        (["deploy", "--image", "a/b", "--prebuilt"], "goes without --prebuilt"),
        (["deploy", "--image", " "], "--image needs a reference"),
        (["registry", "set", "ghcr.io"], "--username"),
        (["registry", "set", "https://ghcr.io/acme", "-u", "x"], "registry set ghcr.io"),
        (["registry", "set", "http://ghcr.io", "-u", "x"], "give its host alone"),
        (["run"], "CMD"),
        (["run", "--", " "], "run needs a command"),
        (["run", "-e", "staging", "ls"], "staging is no environment"),
        (["run", "--timeout", "0", "ls"], "--timeout"),
        (["scale", "--min", "0"], "--min"),
        (["scale", "--cpu", "much"], "--cpu much"),
        (["scale", "--idle", "-5"], "--idle -5"),
        (["metrics", "--since", "3d"], "from 1m to 24h"),
        (["logs", "--since", "yesterday"], "--since yesterday"),
        (["logs", "--since", "99999999d"], "--since"),
        (["logs", "--level", "loud"], "--level loud is none"),
        (["logs", "4", "--grep", "x"], "what the live server says"),
        (["logs", "4", "--runtime"], "leave --runtime or the number out"),
        (["env", "set", "A=1", "--shared", "--redeploy"], "--shared for all"),
        (["env", "rm", "A", "-e", "preview", "--redeploy"], "live in production"),
    ],
)
def test_a_mistake_says_what_is_right(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, in words."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert told in captured.out + captured.err


def test_a_fault_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says how to see more."""

    def broken(url: str | None) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(account, "logout", broken)
    assert main(["logout"]) == 2
    told = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in told
    assert "Traceback" not in told
    monkeypatch.setenv("ASTROCLOUD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["logout"])


def test_an_error_is_an_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Of every command, also of the command line itself."""
    assert main(["list", "--json", "--nonsense"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
    assert main(["list", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_signed_in"
    assert main(["rollback", "--json", "--nonsense"]) == 2
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["deployment", "state", "url", "permalink", "failure"]


def test_help_loads_nothing_heavy() -> None:
    """Neither HTTP nor tables nor schemas are imported before a command needs them."""
    code = (
        "import sys; from frontend.cli.main import main; main(['--help']);"
        "print([m for m in ('httpx', 'asyncio', 'rich', 'pydantic', 'websockets') if m in"
        " sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_login_checks_the_token_and_keeps_it(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From standard input; a wrong one is not kept, and none is shown."""
    assert main(["logout", "--url", URL]) == 0
    assert main(["whoami"]) == 2
    assert main(["login", "--url", URL, "--token", "wrong-token"]) == 2
    assert main(["whoami"]) == 2
    _input(monkeypatch, f"{TOKEN}\n")
    assert main(["login", "--url", URL, "--token-stdin"]) == 0
    capsys.readouterr()
    assert main(["whoami", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["user"] == {"name": "Ana"}
    assert TOKEN not in captured.out + captured.err


def test_login_without_a_token_says_where_to_make_one(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the dashboard, or by ./dev."""
    assert main(["login"]) == 2
    told = capsys.readouterr().err
    assert "dashboard" in told
    assert "./dev astrocloud login" in told


def _input(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(text))
