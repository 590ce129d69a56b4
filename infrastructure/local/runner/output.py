"""Packs what a build left, after all its processes are dead.

Every folder and file is opened from its parent without following links, so nothing outside of
the output is ever read, whatever the commands have put there.
"""

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from shared.builders.port import BuildBounds, Reason
from shared.detection.build_spec import BuildSpec
from shared.sites.errors import shown

_PIECE = 1024 * 1024
_TIME = (1980, 1, 1, 0, 0, 0)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe would wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Where the output is the source itself, these are no part of the site.
_NOT_SITE = frozenset({".git", "node_modules"})
_MANY_FOLDERS = 6


class OutputRefused(Exception):
    """The output cannot be published; ``reason`` is the port's, the text is for the user."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


@dataclass(slots=True)
class Packed:
    """What went into the archive."""

    files: int = 0
    bytes: int = 0


def pack(output: Path, within: Path, target: Path, bounds: BuildBounds, name: str) -> Packed:
    """Write the folder into a ZIP file, uncompressed: it goes no further than this machine.

    ``within`` is a folder of ours above it, ``name`` what the spec calls the output. Raises
    OutputRefused.
    """
    draft = target.with_suffix(".part")
    try:
        with ExitStack() as opened, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            relative = relative_to(output, within)
            folder = _enter(within, relative, opened)
            packing = _Packing(archive, bounds, name)
            packing.add(folder, "")
        if not packing.packed.files:
            raise OutputRefused(
                "output_empty",
                f"The build left no file in {shown(name)}."
                " Next: see in the log whether the build did what it should, or set the output"
                " folder to the one that holds the site.",
            )
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return packing.packed


def relative_to(output: Path, within: Path) -> PurePosixPath:
    """Where the output lies; beside the folder that is ours are the secrets of other runs."""
    relative = PurePosixPath(os.path.relpath(output, within))
    if ".." in relative.parts:
        raise OutputRefused(
            "output_missing",
            "The output folder is outside of the source."
            " Next: set it to a folder of the project that the build writes.",
        )
    return relative


def _enter(top: Path, relative: PurePosixPath, opened: ExitStack) -> int:
    folder = os.open(top, _FOLDER)
    opened.callback(os.close, folder)
    for part in relative.parts:
        try:
            folder = os.open(part, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            raise OutputRefused("output_missing", "") from None
        except OSError as error:
            found = os.stat(part, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise _is_link(part, folder, "") from error
            raise OutputRefused("output_missing", "") from error
        opened.callback(os.close, folder)
    return folder


@dataclass(slots=True)
class _Packing:
    archive: zipfile.ZipFile
    bounds: BuildBounds
    name: str
    packed: Packed = field(default_factory=Packed)

    def add(self, folder: int, prefix: str) -> None:
        """Everything in an open folder; the same order for the same content."""
        for name in sorted(os.listdir(folder)):
            path = f"{prefix}{name}"
            if not prefix and name in _NOT_SITE:
                continue
            self._check_name(path)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                raise _is_link(name, folder, prefix)
            if stat.S_ISDIR(found.st_mode):
                with _opened(name, _FOLDER, folder) as inner:
                    self.add(inner, f"{path}/")
            elif stat.S_ISREG(found.st_mode):
                with _opened(name, _FILE, folder) as file:
                    self._copy(file, path)
            else:
                raise OutputRefused(
                    "output_link",
                    f"{shown(path)} in the output is no regular file."
                    " Next: have the build leave it out.",
                )

    def _check_name(self, path: str) -> None:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise OutputRefused(
                "output_link",
                f"The name {shown(os.fsencode(path).decode('latin-1'))} in the output is not UTF-8."
                " Next: rename it.",
            ) from None

    def _copy(self, file: int, path: str) -> None:
        self.packed.files += 1
        if self.packed.files > self.bounds.output_files:
            raise OutputRefused(
                "output_too_large",
                f"The output holds more than {self.bounds.output_files:,} files."
                f" Next: see whether {shown(self.name)} is the right folder, or publish less.",
            )
        info = zipfile.ZipInfo(path, _TIME)
        info.external_attr = 0o100644 << 16
        info.file_size = os.fstat(file).st_size
        with self.archive.open(info, "w") as target:
            while piece := os.read(file, _PIECE):
                self.packed.bytes += len(piece)
                if self.packed.bytes > self.bounds.output_bytes:
                    raise OutputRefused(
                        "output_too_large",
                        f"The output has more than {self.bounds.output_bytes:,} bytes."
                        f" Next: see whether {shown(self.name)} is the right folder, or publish"
                        " less.",
                    )
                target.write(piece)


@contextmanager
def _opened(name: str, flags: int, folder: int) -> Iterator[int]:
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_link(name: str, folder: int, prefix: str) -> OutputRefused:
    target = os.fsencode(os.readlink(name, dir_fd=folder)).decode("utf-8", "replace")
    return OutputRefused(
        "output_link",
        f"{shown(prefix + name)} in the output is a link to {shown(target)}: links are not"
        " published. Next: have the build copy the file instead.",
    )


def folders(app: Path) -> frozenset[str]:
    """The folders beside an app's files that a build may have made."""
    try:
        with os.scandir(app) as found:
            return frozenset(
                item.name
                for item in found
                if item.is_dir(follow_symlinks=False)
                and not item.name.startswith(".")
                and item.name not in _NOT_SITE
            )
    except OSError:
        return frozenset()


def missing(spec: BuildSpec, app: Path, before: frozenset[str]) -> str:
    """What to tell a user whose build did not leave the folder that was expected."""
    where = f" of {shown(spec.root)}" if spec.root else ""
    made = sorted(folders(app) - before)
    if made:
        names = ", ".join(shown(name) for name in made[:_MANY_FOLDERS])
        told = f"It made {names}. Next: set the output folder to the one that holds the site."
    else:
        told = "It made no other folder. Next: see in the log whether it built anything."
    return f"The build left no folder {shown(spec.output or '.')}{where}. {told}"
