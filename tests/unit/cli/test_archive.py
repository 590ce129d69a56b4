"""What may be deployed, and what a packed folder contains."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from frontend.cli import archive
from frontend.cli.errors import UsageError


def _site(folder: Path) -> Path:
    (folder / "docs").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>Shop</h1>")
    (folder / "docs" / "über uns.html").write_text("x" * 5000)
    return folder


def _packed(folder: Path) -> tuple[bytes, archive.Packed]:
    target = io.BytesIO()
    packed = archive.pack(archive.inspect(str(folder)), target)
    return target.getvalue(), packed


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither times nor permissions nor the order on disk make a difference."""
    one, two = _site(tmp_path / "one"), _site(tmp_path / "two")
    os.utime(two / "index.html", (1, 1))
    (two / "index.html").chmod(0o600)
    assert _packed(one)[0] == _packed(two)[0]


def test_a_folder_is_packed_with_its_paths(tmp_path: Path) -> None:
    """Every regular file is in it, below the folder itself."""
    data, packed = _packed(_site(tmp_path / "shop"))
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.namelist() == ["docs/über uns.html", "index.html"]
        assert read.read("index.html") == b"<h1>Shop</h1>"
    assert (packed.files, packed.size, packed.skipped) == (2, 5013, [])


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Version control, packages, links, pipes and files of secrets."""
    folder = _site(tmp_path / "shop")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / "node_modules").mkdir()
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "up").symlink_to(tmp_path)
    (folder / ".env").write_text("KEY=1")
    (folder / ".env.production.local").write_text("KEY=1")
    (folder / ".env.production").write_text("PUBLIC=1")
    os.mkfifo(folder / "pipe")
    data, packed = _packed(folder)
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.namelist() == [".env.production", "docs/über uns.html", "index.html"]
    assert packed.skipped == [
        ".env",
        ".env.production.local",
        ".git",
        "node_modules",
        "passwd (a link)",
        "pipe (no regular file)",
        "up (a link)",
    ]


def _make(folder: Path, kind: str) -> Path:
    path = folder / kind
    match kind:
        case "empty":
            path.mkdir()
        case "only-skipped":
            (path / ".git").mkdir(parents=True)
        case "notes.txt" | "no.zip" | "no.tar.gz":
            path.write_text("hello")
        case "empty.zip":
            path.write_bytes(b"")
        case "pipe":
            os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("missing", "path_missing", "it is not there"),
        ("empty", "source_empty", "the folder is empty"),
        ("only-skipped", "source_empty", "no file is in it"),
        ("notes.txt", "path_unsupported", "give a folder, a .zip or a .tar.gz"),
        ("pipe", "path_unsupported", "neither a folder nor a file"),
        ("no.zip", "not_an_archive", "not a zip file"),
        ("no.tar.gz", "not_an_archive", "not a tar.gz file"),
        ("empty.zip", "source_empty", "the file is empty"),
        ("missing/below", "path_missing", "it is not there"),
    ],
)
def test_what_cannot_be_deployed(tmp_path: Path, kind: str, code: str, reason: str) -> None:
    """Each names the path, the reason and the next step."""
    path = _make(tmp_path, kind)
    with pytest.raises(UsageError) as caught:
        _packed(path)
    assert caught.value.code == code
    assert str(path) in caught.value.detail
    assert reason in caught.value.detail
    assert "Next: " in caught.value.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read(tmp_path: Path) -> None:
    """The file is named, not only the folder."""
    secret = _site(tmp_path / "shop") / "secret.html"
    secret.write_text("x")
    secret.chmod(0)
    with pytest.raises(UsageError, match=r"secret\.html .*permission denied"):
        _packed(tmp_path / "shop")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    """It would not arrive as it is, so it is refused before anything is sent."""
    folder = _site(tmp_path / "shop")
    try:
        (folder / os.fsdecode(b"caf\xe9.html")).write_text("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UsageError, match="not UTF-8"):
        _packed(folder)


@pytest.mark.parametrize(
    ("name", "project"),
    [("shop", "shop"), ("shop.zip", "shop"), ("Shop.TAR.GZ", "Shop"), ("v1.2.tgz", "v1.2")],
)
def test_projects_are_called_as_the_path(tmp_path: Path, name: str, project: str) -> None:
    """The folder's name, or the archive's without its ending."""
    path = tmp_path / name
    is_folder = "." not in name
    if is_folder:
        _site(path)
    source = archive.Source(path, "zip", is_folder)
    assert archive.project_name(source) == project


def test_the_folder_we_stand_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``.`` is called as the folder that it is."""
    monkeypatch.chdir(_site(tmp_path / "shop"))
    assert archive.project_name(archive.inspect(".")) == "shop"
