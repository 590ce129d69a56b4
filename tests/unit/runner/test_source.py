"""Unpacking a source for a build: everything that is regular, links that stay, nothing else."""

import io
import os
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from infrastructure.local.runner import source
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec
from shared.errors import AstroCloudError
from shared.sites.errors import DuplicateEntry, EmptyArchive, FileFolderCollision


class Log:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def write(self, data: bytes, stream: str = "stdout") -> None:
        raise AssertionError("nothing is run")

    def begin(self, phase: object) -> None:
        raise AssertionError("nothing is run")


Entry = tuple[str, bytes | None, str | None]


def archive_of(folder: Path, entries: list[Entry], mode: int = 0o644) -> Path:
    """A tar.gz: (name, bytes or None, target of a link or None) each."""
    path = folder / "source.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data, target in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if target is not None:
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
                continue
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
    return path


def unpack(
    folder: Path, entries: list[Entry], root: str = "", mode: int = 0o644
) -> tuple[Path, Log]:
    """The folder that it was unpacked into."""
    spec = BuildSpec(framework="other", kind="static", reasons={})
    job = BuildJob(key="a", source_format="tar.gz", source_root=root, spec=spec)
    target, log = folder / "target", Log()
    target.mkdir()
    source.unpack(job, archive_of(folder, entries, mode), target, log)
    return target, log


def test_dot_files_and_executable_bits_are_kept(tmp_path: Path) -> None:
    target, _ = unpack(tmp_path, [(".nvmrc", b"22", None), ("bin/run.sh", b"x", None)], mode=0o755)
    assert (target / ".nvmrc").read_bytes() == b"22"
    assert os.access(target / "bin/run.sh", os.X_OK)


def test_only_what_is_below_the_root_is_there(tmp_path: Path) -> None:
    target, _ = unpack(tmp_path, [("top/a", b"a", None), ("top/b/c", b"c", None)], root="top")
    assert sorted(p.name for p in target.rglob("*")) == ["a", "b", "c"]


def test_links_within_the_source_are_made(tmp_path: Path) -> None:
    target, log = unpack(
        tmp_path, [("pkg/real.js", b"x", None), ("app/link.js", None, "../pkg/real.js")]
    )
    assert (target / "app/link.js").read_bytes() == b"x"
    assert log.said == []


@pytest.mark.parametrize(
    "links",
    [
        [("a", "/etc/passwd")],
        [("a", "../outside")],
        [("sub/a", "../../outside")],
        # Each stays within by its text; one after the other they lead out.
        [("a/b/c/d", "../../../sub"), ("a/b/c/e", "d/../../x")],
        [("a", "b/../../c"), ("b", ".")],
    ],
)
def test_no_link_or_chain_of_links_leads_out(tmp_path: Path, links: list[tuple[str, str]]) -> None:
    entries: list[Entry] = [("file", b"x", None), *((name, None, to) for name, to in links)]
    with suppress(AstroCloudError):  # whoever refuses the archive, no link was made
        unpack(tmp_path, entries)
    target = tmp_path / "target"
    top = target.resolve()
    for path in target.rglob("*"):
        if path.is_symlink():
            assert path.resolve().is_relative_to(top), f"{path} leads to {path.resolve()}"


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DuplicateEntry, match="twice"):
        unpack(tmp_path, [("a", b"1", None), ("a", b"2", None)])


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFolderCollision, match="also a folder"):
        unpack(tmp_path, [("a", b"1", None), ("a/b", b"2", None)])


def test_nothing_below_the_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyArchive):
        unpack(tmp_path, [("a", b"1", None)], root="other")
