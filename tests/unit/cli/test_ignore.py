"""What stays at home: the same as Git itself would leave out."""

import io
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from frontend.cli import archive
from frontend.cli.errors import UsageError
from frontend.cli.ignore import rule_of

FILES = (
    *("a.log", "b.txt", "keep/x.log", "keep/deep/y.log", "build/out.js", "src/build/out.js"),
    *("src/a.txt", "src/keep.log", "docs/build/index.html", "[x].txt", "x.txt", "#note", "!loud"),
    *("sp ace.txt", "deep/a/b/c/d.txt", "deep/a/d.txt", "foo/bar/baz", "foo/bar.md", "é.txt"),
    *("file.c", "file.o", "src/file.o", "UPPER.LOG", "a-b.txt", "trail ", "back\\slash"),
)
CASES = (
    ("*.log\n!keep/", ""),
    ("*\n!*/\n!*.txt", ""),
    ("build", ""),
    ("build/", "!build/"),
    ("/build", ""),
    ("src/**\n!src/a.txt", ""),
    ("**/build", ""),
    ("deep/**/d.txt", ""),
    ("deep/*/d.txt", ""),
    ("foo/*\n!foo/bar.md", ""),
    ("foo\n!foo/bar.md", ""),
    ("\\#note\n\\!loud\n#b.txt", ""),
    ("[x].txt", ""),
    ("\\[x\\].txt", ""),
    ("file.[oc]\n!file.c", ""),
    ("file.[!o]", ""),
    ("file.[^o]", ""),
    ("[[:alpha:]]-?.txt", ""),
    ("[a-z].txt", ""),
    ("[a", ""),
    ("sp ace.txt   ", ""),
    ("trail\\ ", ""),
    ("back\\\\slash", ""),
    ("?.txt", ""),
    ("*.log", "!keep.log"),
    ("src/*.o", ""),
    ("a**b.txt\n**foo", ""),
    ("**", ""),
    ("deep/a/**", ""),
    ("/*\n!/src", ""),
    ("upper.log", ""),
    ("\r\n*.txt\r\n", ""),
    ("/", ""),
    ("ends\\", ""),
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: its answers cannot be compared")
    place = tmp_path / "shop"
    place.mkdir()
    _git(place, "init", "-q")
    for name in FILES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x")
    return place


def _git(place: Path, *words: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "core.quotepath=off", *words]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name]


def _kept(place: Path) -> list[str]:
    return sorted(name for _, name in archive.files(place, []))


def _expected(place: Path) -> list[str]:
    return sorted(_git(place, "ls-files", "-z", "--others", "--exclude-standard"))


@pytest.mark.parametrize(("top", "below"), CASES)
def test_a_file_of_rules_means_what_it_means_to_git(repository: Path, top: str, below: str) -> None:
    """Nested files, negations, folders, anchors, brackets, escapes and spaces."""
    (repository / ".gitignore").write_text(top, newline="")
    (repository / "src" / ".gitignore").write_text(below)
    assert _kept(repository) == _expected(repository)


def test_any_rules_mean_what_they_mean_to_git(repository: Path) -> None:
    """Drawn from pieces, in any order and number."""
    draw = random.Random(4)
    pieces = [
        "*",
        "**",
        "/",
        "!",
        "a",
        "build",
        "src",
        "keep",
        ".txt",
        ".log",
        "?",
        "foo",
        "d",
        "x",
    ]
    for _ in range(150):
        rules = ["".join(draw.choices(pieces, k=draw.randint(1, 5))) for _ in range(4)]
        (repository / ".gitignore").write_text("\n".join(rules))
        assert _kept(repository) == _expected(repository), rules


def test_a_folder_within_a_repository_keeps_its_rules(repository: Path) -> None:
    """Also those of the folders above it, and of .git/info/exclude."""
    (repository / ".gitignore").write_text("*.log\n/src/a.txt\n")
    (repository / ".git" / "info" / "exclude").write_text("file.o\n")
    assert _kept(repository / "src") == ["build/out.js"]


def test_our_file_goes_before_git(tmp_path: Path) -> None:
    """It leaves out more, or takes back what Git ignores; never secrets, never packages."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "node_modules").mkdir()
    for name in ("dist/index.html", "draft.md", "index.html", ".env", "node_modules/a.js"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("dist\n")
    (tmp_path / ".astrocloudignore").write_text("!dist\n*.md\n!.env\n!node_modules\n")
    skipped: list[str] = []
    kept = [name for _, name in archive.files(tmp_path, skipped)]
    assert kept == [".astrocloudignore", ".gitignore", "dist/index.html", "index.html"]
    assert skipped == [".env", "draft.md (.astrocloudignore)", "node_modules"]


def test_a_folder_in_which_everything_is_ignored(tmp_path: Path) -> None:
    """It is said why nothing is left, and what to do with a site that is built."""
    (tmp_path / ".gitignore").write_text("*\n")
    (tmp_path / "index.html").write_text("x")
    with pytest.raises(UsageError, match=r"ignored by \.gitignore.*--prebuilt"):
        archive.pack(archive.inspect(str(tmp_path)), io.BytesIO())


@pytest.mark.parametrize("line", ["", "# x", "   ", "/", "!", "[a", "x\\"])
def test_lines_that_fit_nothing(line: str) -> None:
    """Comments, empty lines, and what is not finished."""
    assert rule_of(line) is None
