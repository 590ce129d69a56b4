"""Caches that the builds of one project and trust scope leave for each other.

A cache is a folder of generations, of which the highest is read; an empty one is begun where
nothing is to be read. A generation has ``used``, a mark that is locked while a build has it and
whose time says when it was last used, and ``data``, which the commands see. Nothing here ever
follows a link: what is in ``data`` was written by the code of a project.
"""

import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infrastructure.local.runner.executor import CacheMount
from infrastructure.local.runner.toolchains import packages
from infrastructure.local.runner.toolchains.versions import manager_release
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec

TOP = "/cache"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_MARK, _DATA, _GONE = "used", "data", ".gone-"
_RETRY_SECONDS = 0.01
# What a framework keeps beside the source. Not `public` and `.cache` of Gatsby: they are only right
# together, and `public` is what is published. Not `node_modules/.vite`: builds do not read it.
_EVERYWHERE = ("node_modules/.cache",)
_FRAMEWORKS = {
    "nextjs": (".next/cache",),
    "astro": ("node_modules/.astro",),
    "angular": (".angular/cache",),
    "eleventy": (".cache",),
    "parcel": (".parcel-cache",),
    "mkdocs": (".cache",),
}
# Locks last as long as the process that builds: it is one a run.
_held: list[IO[str]] = []


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    target: str
    variables: dict[str, str]
    # Package managers can share a cache while both use it; frameworks cannot.
    is_shared: bool


def mounts(job: BuildJob, folder: Path, *, own: Sequence[str] = ()) -> tuple[CacheMount, ...]:
    """The caches of a run, made where they are missing and kept from ``trim`` until we end.

    Those with an absolute target are for every command. The others are for the build command
    alone: ``npm ci`` removes ``node_modules`` and could not while something is mounted in it.
    One that another build is writing is left out. ``own`` names caches of the executor itself,
    which no command sees.
    """
    if not job.cache:
        return ()
    top = _place(folder, job.cache)
    found = []
    of_executor = [_Wanted(name, name, {}, is_shared=False) for name in own]
    for wanted in (*of_executor, *_of_manager(job.spec), *_of_framework(job.spec)):
        cache = top / wanted.name
        entry = _begin(cache) if job.fresh else _current(cache)
        if taken := _take(entry, shared=wanted.is_shared):
            mount = CacheMount(wanted.name, taken / _DATA, wanted.target, wanted.variables)
            found.append(mount)
    return tuple(found)


def release() -> None:
    """Give the caches of this process free again."""
    while _held:
        _held.pop().close()


def ready(source: Path, mount: CacheMount) -> bool:
    """Make the place of a relative target in the source; whether it can be mounted there.

    An install command may have put a link there that leads out: then it is left alone.
    """
    place = source
    for part in Path(mount.target).parts:
        place = place / part
        try:
            place.mkdir(exist_ok=True)
        except OSError:
            return False
        if place.is_symlink():
            return False
    return True


def size(folder: Path) -> int:
    """Bytes on disk of everything below."""
    return sum(_bytes(path) for path in _below(folder))


def clear(folder: Path, name: str) -> int:
    """Delete the caches of that name and below it; bytes freed.

    A build that has one keeps it, and nobody after it: the next begins with nothing.
    """
    freed = 0
    for entry in list(_entries(_place(folder, name))):
        count = _delete(entry)
        freed += count or 0
        if count is None:
            _begin(entry.parent)
    return freed


def trim(folder: Path, limit: int) -> int:
    """Delete what was used longest ago until the rest is within ``limit`` bytes; bytes freed.

    ``folder`` is the whole cache, or a project's part of it. What a build uses now stays.
    """
    for gone in list(_gone(folder)):
        shutil.rmtree(gone, ignore_errors=True)
    # What no build will read again goes first.
    entries = sorted((_is_current(entry), _used_at(entry), entry) for entry in _entries(folder))
    sizes = {entry: size(entry) for _, _, entry in entries}
    total, freed = sum(sizes.values()), 0
    for is_current, _, entry in entries:
        if is_current and total <= limit:
            break
        if _delete(entry) is not None:
            total -= sizes[entry]
            freed += sizes[entry]
    return freed


def _place(folder: Path, name: str) -> Path:
    parts = name.split("/")
    if not all(_NAME.fullmatch(part) for part in parts):
        raise ValueError(f"“{name[:80]}” is no name of a cache")
    return folder.joinpath(*parts)


def _of_manager(spec: BuildSpec) -> Iterator[_Wanted]:
    if spec.node is None:
        if spec.package_manager:
            yield _python()
        return
    manager = manager_release(spec.package_manager or "npm", spec.package_manager_version)
    name = manager.name if manager else "npm"
    if manager and manager.is_berry:
        # Its global folder holds the mirror of what was loaded; where a project keeps its
        # packages itself (`.yarn/cache`), it goes on doing so.
        yield _mount("yarn-berry", YARN_GLOBAL_FOLDER="")
    elif name == "yarn":
        yield _mount("yarn", YARN_CACHE_FOLDER="")
    elif name == "bun":
        yield _mount("bun", BUN_INSTALL_CACHE_DIR="")
    elif manager and name == "pnpm":
        # Copies, or clones where the disk can: through a hard link a build could change a
        # package in the store. Links do not reach over a mount anyway.
        prefix = "pnpm_config" if manager.major >= 11 else "npm_config"
        paths = {f"{prefix}_store_dir": "/store", f"{prefix}_cache_dir": "/metadata"}
        mount = _mount("pnpm", **paths)
        mount.variables[f"{prefix}_package_import_method"] = "clone-or-copy"
        yield mount
    else:
        yield _mount("npm", npm_config_cache="")
        where = f"{TOP}/packages"
        yield _Wanted("packages", where, {packages.VARIABLE: where}, is_shared=False)


def _python() -> _Wanted:
    return _mount(
        "python",
        PIP_CACHE_DIR="/pip",
        UV_CACHE_DIR="/uv",
        POETRY_CACHE_DIR="/poetry",
        PIPENV_CACHE_DIR="/pipenv",
    )


def _mount(name: str, **variables: str) -> _Wanted:
    target = f"{TOP}/{name}"
    inside = {key: target + inner for key, inner in variables.items()}
    return _Wanted(name, target, inside, is_shared=True)


def _of_framework(spec: BuildSpec) -> Iterator[_Wanted]:
    targets = [*(_EVERYWHERE if spec.node else ()), *_FRAMEWORKS.get(spec.framework, ())]
    root = spec.root.strip("/")
    output = Path(spec.output or "out")
    for target in targets:
        if _overlap(Path(target), output):
            continue
        where = f"{root}/{target}" if root else target
        # One a place: the apps of a monorepo have theirs.
        name = f"{spec.framework}-{re.sub(r'[^A-Za-z0-9.]+', '-', where)}"[:100]
        yield _Wanted(name, where, {}, is_shared=False)


def _overlap(one: Path, other: Path) -> bool:
    """What is mounted is not on disk: nothing of the output may be."""
    one, other = Path(os.path.normpath(one)), Path(os.path.normpath(other))
    return one == other or one in other.parents or other in one.parents


def _current(cache: Path) -> Path:
    return cache / str(max(_generations(cache), default=1))


def _is_current(entry: Path) -> bool:
    return entry == _current(entry.parent)


def _begin(cache: Path) -> Path:
    """A new generation, which everybody reads from now on."""
    while True:
        entry = cache / str(max(_generations(cache), default=0) + 1)
        cache.mkdir(parents=True, exist_ok=True)
        try:
            entry.mkdir()
        except FileExistsError:
            continue
        (entry / _MARK).touch()
        return entry


def _generations(cache: Path) -> list[int]:
    return [int(path.name) for path in _folders(cache) if path.name.isdigit()]


def _take(entry: Path, *, shared: bool) -> Path | None:
    """Lock an entry until we end; None where another build has it for itself."""
    while True:
        (entry / _DATA).mkdir(parents=True, exist_ok=True)
        try:
            file = (entry / _MARK).open("a")
        except FileNotFoundError:
            continue  # deleted since: made anew
        if not _locked(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            file.close()
            if not shared:
                return None
            # Only who deletes it has it for himself, and that for a moment.
            time.sleep(_RETRY_SECONDS)
        elif _is_same(file, entry / _MARK) and (entry / _DATA).is_dir():
            os.utime(file.fileno())
            _held.append(file)
            return entry
        else:
            file.close()


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _delete(entry: Path) -> int | None:
    """Delete an entry that nobody uses; its bytes, or None where somebody does."""
    gone = entry.with_name(f"{_GONE}{uuid.uuid4().hex}")
    with _alone(entry) as is_alone:
        if not is_alone:
            return None
        count = size(entry)
        # Out of the way at once, so that no half-deleted cache is ever used.
        entry.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    return count


@contextmanager
def _alone(entry: Path) -> Iterator[bool]:
    try:
        file = (entry / _MARK).open("a")
    except FileNotFoundError:
        yield False
        return
    with file:
        yield _locked(file, fcntl.LOCK_EX) and _is_same(file, entry / _MARK)


def _entries(folder: Path) -> Iterator[Path]:
    """Entries below, whichever depth the names of caches have."""
    for path in _folders(folder):
        if (path / _MARK).exists() and not path.name.startswith(_GONE):
            yield path
        elif not path.name.startswith(_GONE):
            yield from _entries(path)


def _gone(folder: Path) -> Iterator[Path]:
    for path in _folders(folder):
        if path.name.startswith(_GONE):
            yield path
        elif not (path / _MARK).exists():
            yield from _gone(path)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return [Path(item.path) for item in found if item.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _used_at(entry: Path) -> float:
    try:
        return (entry / _MARK).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _below(folder: Path) -> Iterator[os.stat_result]:
    stack = [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as found:
                for item in found:
                    if item.is_dir(follow_symlinks=False):
                        stack.append(item.path)
                    yield item.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # deleted meanwhile


def _bytes(found: os.stat_result) -> int:
    return found.st_blocks * 512
