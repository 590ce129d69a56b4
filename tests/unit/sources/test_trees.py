"""Archives as sources: what detection sees, digests, and watch patterns."""

import stat
from pathlib import Path

import pytest

from shared.detection.tree import Source
from shared.sites.errors import ArchiveRefused
from shared.sites.models import ArchiveFormat, SiteLimits
from shared.sources.patterns import matches
from shared.sources.trees import ArchiveTree, changed_paths, digest_of
from tests.unit.sites.archives import tar_bytes, tar_entry, zip_bytes, zip_entry

FILES = {"package.json": b"{}", ".nvmrc": b"22", "src/a.js": b"1", "logo.png": b"\x89PNG"}


def write(tmp_path: Path, name: str, data: bytes) -> Path:
    """An archive on disk."""
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
@pytest.mark.parametrize("top", ["", "shop-main/"])
def test_tree_looks_through_one_top_folder(tmp_path: Path, format: ArchiveFormat, top: str) -> None:
    files = {f"{top}{name}": data for name, data in FILES.items()}
    pack = zip_bytes if format == "zip" else tar_bytes
    tree = ArchiveTree(write(tmp_path, "a", pack(files)), format, SiteLimits())
    assert sorted(tree.files()) == sorted(FILES)
    source = Source(tree)
    assert (source.text(".nvmrc"), source.text("package.json")) == ("22", "{}")
    assert source.text("logo.png") is None
    assert tree.listing.root == top.rstrip("/")


def test_top_folder_of_a_repository_is_not_looked_through(tmp_path: Path) -> None:
    path = write(tmp_path, "a", tar_bytes({"site/index.html": b"x"}))
    assert list(ArchiveTree(path, "tar.gz", SiteLimits(), "").files()) == ["site/index.html"]


def test_digest_is_that_of_the_files_however_they_are_packed(tmp_path: Path) -> None:
    limits = SiteLimits()
    one = digest_of(write(tmp_path, "a", tar_bytes(FILES)), "tar.gz", limits)
    turned = {f"top/{name}": FILES[name] for name in reversed(FILES)}
    two = digest_of(write(tmp_path, "b", zip_bytes(turned)), "zip", limits)
    assert one.digest == two.digest
    changed = digest_of(write(tmp_path, "c", tar_bytes({**FILES, "new": b""})), "tar.gz", limits)
    assert changed.digest != one.digest
    assert changed_paths(one.contents, changed.contents) == ["new"]


def test_mode_and_link_are_part_of_the_digest(tmp_path: Path) -> None:
    limits = SiteLimits()
    seen = set()
    for n, mode in enumerate((0o100644, 0o100755, stat.S_IFLNK | 0o777)):
        data = zip_bytes([(zip_entry("a", mode), b"b"), ("b", b"")])
        seen.add(digest_of(write(tmp_path, str(n), data), "zip", limits).digest)
    assert len(seen) == 3


def test_git_folder_has_no_say(tmp_path: Path) -> None:
    limits = SiteLimits()
    one = digest_of(write(tmp_path, "a", tar_bytes(FILES)), "tar.gz", limits)
    with_git = {**FILES, ".git/HEAD": b"x", ".git/objects/1": b"y"}
    assert digest_of(write(tmp_path, "b", tar_bytes(with_git)), "tar.gz", limits) == one


def test_archive_beyond_the_bounds_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a", tar_bytes(FILES))
    with pytest.raises(ArchiveRefused, match="more than 3 files"):
        digest_of(path, "tar.gz", SiteLimits(files=3))
    twice = write(tmp_path, "b", tar_bytes([("a", b"1"), ("a", b"2")]))
    with pytest.raises(ArchiveRefused, match="twice"):
        digest_of(twice, "tar.gz", SiteLimits())
    folder = write(tmp_path, "c", tar_bytes([(tar_entry("x", b"5"), b"")]))
    with pytest.raises(ArchiveRefused, match="no file"):
        digest_of(folder, "tar.gz", SiteLimits())


@pytest.mark.parametrize(
    ("pattern", "meant", "other"),
    [
        ("src", "src/a/b.ts", "lib/a.ts"),
        ("src/", "packages/web/src/a", "src"),
        ("/src", "src/a", "web/src/a"),
        ("apps/web/**", "apps/web/a/b", "apps/api/a"),
        ("**/*.ts", "a/b/c.ts", "a/b.js"),
        ("*.md", "docs/a.md", "a.mdx"),
        ("apps/*/package.json", "apps/a/package.json", "apps/a/b/package.json"),
        ("a/**/b", "a/b", "a/c"),
        ("a/**/b", "a/x/y/b", "x/a/b"),
        ("file?.[jt]s", "file1.ts", "file1.xs"),
        ("[!a].js", "b.js", "a.js"),
        ("./package.json", "package.json", "package_json"),
        (r"\!a", "!a", "a"),
        ("[", "[", "a"),
        ("a.[]", "a.[]", "a.x"),
    ],
)
def test_pattern_means_paths_as_gitignore_does(pattern: str, meant: str, other: str) -> None:
    assert matches([meant, other], [pattern]) == [meant]


def test_last_pattern_that_fits_decides() -> None:
    paths = ["src/a.ts", "src/a.test.ts"]
    assert matches(paths, ["src", "!*.test.ts"]) == ["src/a.ts"]
    assert matches(paths, ["!*.test.ts", "src"]) == paths
