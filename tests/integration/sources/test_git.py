"""Revisions of repositories, fetched from a real Git server over TLS."""

import io
import os
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from shared.errors import AstroCloudError
from shared.sources import errors
from shared.sources.git import GitBounds, GitRequest, GitRevision, fetch_git
from shared.sources.guard import Guard
from tests.services.git_server import GitServer, basic, git, redirect, reply
from tests.unit.sources.tars import content, members


def fetch(
    server: GitServer, guard: Guard, name: str = "shop.git", **wanted: Any
) -> tuple[GitRevision, bytes]:
    """What is fetched of a repository of the server."""
    target, stop = io.BytesIO(), wanted.pop("stop", None)
    url = f"https://git.example.com:{server.port}/{name}"
    revision = fetch_git(GitRequest(url=url, **wanted), target, guard=guard, stop=stop)
    return revision, target.getvalue()


def test_default_branch_is_fetched_with_modes_and_links(
    server: GitServer, guard: Guard, shop: dict[str, str]
) -> None:
    revision, archive = fetch(server, guard)
    assert (revision.commit, revision.branch, revision.tag) == (shop["second"], "main", None)
    assert (revision.message, revision.author) == ("Second\n\nWith a body", "Ada")
    assert revision.committed_at.isoformat() == "2024-05-06T07:08:09+00:00"
    found = members(archive)
    assert sorted(found) == [".nvmrc", "latest", "run.sh", "src/app.js", "video.mp4"]
    assert (found["run.sh"].mode, found[".nvmrc"].mode) == (0o755, 0o644)
    assert found["latest"].linkname == "src/app.js"
    assert revision.files == 4
    assert content(archive, "src/app.js").endswith(b"1\n2\n")


def test_what_is_left_out_is_said(server: GitServer, guard: Guard, shop: dict[str, str]) -> None:
    revision, _ = fetch(server, guard)
    assert len(revision.warnings) == 2
    assert any("LFS" in warning and "video.mp4" in warning for warning in revision.warnings)
    assert any("Links" in warning and "“out”" in warning for warning in revision.warnings)


@pytest.mark.parametrize(
    ("wanted", "commit"),
    [
        ({"branch": "feature/cart"}, "cart"),
        ({"tag": "v1"}, "first"),
        ({"tag": "v1-signed"}, "first"),
    ],
)
def test_branch_and_tags_are_fetched(
    server: GitServer, guard: Guard, shop: dict[str, str], wanted: dict[str, str], commit: str
) -> None:
    revision, _ = fetch(server, guard, **wanted)
    assert revision.commit == shop[commit]
    assert {"branch": revision.branch, "tag": revision.tag} == {
        "branch": None,
        "tag": None,
    } | wanted


def test_commit_is_fetched_by_its_id(server: GitServer, guard: Guard, shop: dict[str, str]) -> None:
    revision, archive = fetch(server, guard, commit=shop["first"])
    assert revision.commit == shop["first"]
    assert content(archive, "src/app.js") == b"1\n" * 3000


def test_same_commit_is_the_same_archive(
    server: GitServer, guard: Guard, shop: dict[str, str]
) -> None:
    assert fetch(server, guard, tag="v1")[1] == fetch(server, guard, commit=shop["first"])[1]


def test_submodule_is_left_out_and_named(server: GitServer, guard: Guard) -> None:
    work = server.folder / "with-submodule"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "a.txt").write_text("a")
    git(work, "add", "a.txt")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/theme")
    git(work, "commit", "-q", "-m", "x")
    revision, archive = fetch(server, guard, "with-submodule/.git")
    assert sorted(members(archive)) == ["a.txt"]
    assert "vendor/theme" in revision.warnings[0]


def test_delta_of_large_files_is_applied(server: GitServer, guard: Guard) -> None:
    work = server.folder / "deltas"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    lines = [f"line {n} {n * 7919 % 104729}\n" for n in range(20_000)]
    for n in range(6):
        (work / f"{n}.txt").write_text("".join([*lines[: n * 100], f"changed {n}\n", *lines]))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "x")
    git(work, "gc", "-q")
    _, archive = fetch(server, guard, "deltas/.git")
    for n in range(6):
        assert content(archive, f"{n}.txt") == (work / f"{n}.txt").read_bytes()


def test_private_repository_is_read_with_its_token_alone(
    server: GitServer, guard: Guard, shop: dict[str, str]
) -> None:
    server.logins["/shop.git"] = "ada:s3cret"
    revision, _ = fetch(server, guard, username="ada", token="s3cret")
    assert revision.commit == shop["second"]
    with pytest.raises(errors.GitNeedsCredentials, match="token"):
        fetch(server, guard)
    with pytest.raises(errors.GitRefused) as refused:
        fetch(server, guard, username="ada", token="wr0ng")
    assert "wr0ng" not in _all_text(refused.value)


def _all_text(error: BaseException | None) -> str:
    text = ""
    while error is not None:
        text += f"{error!r} {error} {vars(error)}"
        error = error.__cause__ or error.__context__
    return text


def test_token_is_in_no_representation() -> None:
    request = GitRequest(url="https://git.example.com/x", username="ada", token="s3cret")
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        ({"branch": "mian"}, errors.RefNotFound, "“main”"),
        ({"branch": "v1"}, errors.RefNotFound, "ask for the tag"),
        ({"tag": "v2"}, errors.RefNotFound, "“v1”"),
        ({"commit": "1" * 40}, errors.RefNotFound, "1111"),
        ({"commit": "abcdef1"}, errors.RefInvalid, "short commit id"),
        ({"commit": "HEAD"}, errors.RefInvalid, "40"),
        ({"branch": "a b"}, errors.RefInvalid, "a b"),
        ({"branch": "main", "tag": "v1"}, errors.RefInvalid, "one of them"),
    ],
)
def test_missing_revision_is_refused_with_what_is_meant(
    server: GitServer,
    guard: Guard,
    shop: dict[str, str],
    wanted: dict[str, str],
    error: type[AstroCloudError],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        fetch(server, guard, **wanted)


def test_missing_repository_is_not_found(server: GitServer, guard: Guard) -> None:
    with pytest.raises(errors.GitNotFound, match="check it"):
        fetch(server, guard, "nothing.git")


def test_empty_repository_is_refused(server: GitServer, guard: Guard) -> None:
    git(server.folder, "init", "-q", "--bare", "empty.git")
    with pytest.raises(errors.EmptyRepository, match="push a commit"):
        fetch(server, guard, "empty.git")


def test_page_that_is_no_repository_is_refused(server: GitServer, guard: Guard) -> None:
    server.answers["/page"] = lambda handler: reply(
        handler, 200, b"<html>", {"Content-Type": "text/html"}
    )
    with pytest.raises(errors.NotGit, match="text/html"):
        fetch(server, guard, "page")


@pytest.mark.parametrize(
    "body", [b"", b"0000", b"zzzz", b"001e# service=git-upload-pack\n", b"fffe"]
)
def test_answer_that_breaks_the_protocol_is_refused(
    server: GitServer, guard: Guard, body: bytes
) -> None:
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    server.answers["/odd"] = lambda handler: reply(handler, 200, body, kind)
    with pytest.raises((errors.NotGit, errors.GitUnavailable, errors.EmptyRepository)):
        fetch(server, guard, "odd")


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, errors.GitRefused), (404, errors.GitNotFound), (503, errors.GitUnavailable)],
)
def test_status_becomes_its_error(
    server: GitServer, guard: Guard, status: int, error: type[AstroCloudError]
) -> None:
    server.answers["/shop.git"] = lambda handler: reply(handler, status)
    with pytest.raises(error):
        fetch(server, guard)


def test_redirect_within_the_host_is_followed(
    server: GitServer, guard: Guard, shop: dict[str, str]
) -> None:
    server.answers["/old"] = redirect("/shop.git/{}")
    server.logins["/shop.git"] = "ada:s3cret"
    revision, _ = fetch(server, guard, "old", username="ada", token="s3cret")
    assert revision.commit == shop["second"]


def test_token_is_not_sent_to_the_host_of_a_redirect(
    server: GitServer, guard: Guard, shop: dict[str, str]
) -> None:
    server.answers["/old"] = redirect(f"https://other.example.com:{server.port}/shop.git/{{}}")
    revision, _ = fetch(server, guard, "old", username="ada", token="s3cret")
    assert revision.commit == shop["second"]
    sent = {(host.split(":")[0], login) for host, _, login in server.seen}
    assert sent == {("git.example.com", basic("ada:s3cret")), ("other.example.com", None)}


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest",
        "https://127.0.0.1/x",
        "https://localhost./x",
        "file:///etc/passwd",
        "http://git.example.com/x",
        "https://user:pw@other.example.com/x",
        "//10.0.0.1/x",
    ],
)
def test_redirect_elsewhere_is_refused(server: GitServer, guard: Guard, to: str) -> None:
    server.answers["/away"] = redirect(to)
    with pytest.raises(errors.RedirectRefused, match=r"git\.example\.com"):
        fetch(server, guard, "away")
    assert len(server.seen) == 1


def test_redirects_end_after_three(server: GitServer, guard: Guard) -> None:
    server.answers["/round"] = redirect("/round/{}")
    with pytest.raises(errors.RedirectRefused, match="more than 3"):
        fetch(server, guard, "round")
    assert len(server.seen) == 4


def test_large_repository_is_refused_while_it_is_received(server: GitServer, guard: Guard) -> None:
    work = server.folder / "large"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "noise").write_bytes(os.urandom(3_000_000))
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "x")
    with pytest.raises(errors.RepositoryTooLarge, match="1,000,000 bytes, packed"):
        fetch(server, guard, "large/.git", bounds=GitBounds(pack_bytes=1_000_000))
    with pytest.raises(errors.RepositoryTooLarge, match="3,000,000"):
        fetch(server, guard, "large/.git", bounds=GitBounds(file_bytes=1_000_000))
    with pytest.raises(errors.RepositoryTooLarge, match="unpacks"):
        fetch(server, guard, "large/.git", bounds=GitBounds(bytes=1_000_000))


def test_too_many_files_are_refused(server: GitServer, guard: Guard, shop: dict[str, str]) -> None:
    with pytest.raises(errors.RepositoryTooLarge, match="3 files"):
        fetch(server, guard, bounds=GitBounds(files=3))


def _trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
    handler.end_headers()
    try:
        for _ in range(600):
            handler.wfile.write(b"f")
            handler.wfile.flush()
            time.sleep(0.05)  # This is the server's slowness, not a test that waits.
    except OSError:
        return


def test_server_that_trickles_is_given_up(server: GitServer, guard: Guard) -> None:
    server.answers["/slow"] = _trickle
    with pytest.raises(errors.OutgoingTimeout, match="1 seconds"):
        fetch(server, guard, "slow", bounds=GitBounds(seconds=1))


def test_fetch_ends_when_it_is_stopped(server: GitServer, guard: Guard) -> None:
    stop, asked, over = threading.Event(), threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        over.wait(30)

    def stop_it() -> None:
        asked.wait(30)
        stop.set()

    server.answers["/never"] = answer
    threading.Thread(target=stop_it, daemon=True).start()
    with pytest.raises(errors.Stopped):
        fetch(server, guard, "never", stop=stop)
    over.set()


def test_certificate_of_another_name_is_refused(server: GitServer) -> None:
    guard = Guard(
        allowed=[f"wrong.example.com:{server.port}"],
        certificates=str(server.certificates),
        resolve=lambda host, port: ["127.0.0.1"],
    )
    request = GitRequest(url=f"https://wrong.example.com:{server.port}/shop.git")
    with pytest.raises(errors.CertificateRefused, match=r"wrong\.example\.com"):
        fetch_git(request, io.BytesIO(), guard=guard)


def test_unknown_authority_is_refused(server: GitServer) -> None:
    guard = Guard(
        allowed=[f"git.example.com:{server.port}"], resolve=lambda host, port: ["127.0.0.1"]
    )
    with pytest.raises(errors.CertificateRefused):
        fetch(server, guard)


def test_name_that_resolves_to_loopback_is_never_connected_to(server: GitServer) -> None:
    guard = Guard(resolve=lambda host, port: ["127.0.0.1"], certificates=str(server.certificates))
    with pytest.raises(errors.AddressRefused, match="private"):
        fetch(server, guard)
    assert server.seen == []
