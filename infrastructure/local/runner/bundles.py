"""Bundles: what a dynamic build of the processes executor leaves in place of an image.

A bundle is the app's whole tree with its packages, and a small file that says which tools it
needs. It is moved, not copied, and is there whole or not at all. What runs it is ``workloads``.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from infrastructure.local.runner import disk
from infrastructure.local.runner.bounds import in_words
from infrastructure.local.runner.executor import Built, Work
from shared.builders.port import BuildJob

SCHEME = "bundle:"
_REFERENCE = re.compile(
    r"bundle:(?P<image>[a-z0-9]+([._/-][a-z0-9]+)*)/(?P<key>[a-z0-9][a-z0-9-]{0,99})"
)
_DRAFT, _GONE = ".new-", ".gone-"
# Settings of installers and registries: a server installs nothing.
_OF_INSTALLS = ("npm_config_", "pnpm_config_", "pip_", "uv_", "poetry_", "pipenv_", "yarn_")


class BundleMissing(Exception):
    """There is no such bundle, or none of it can be read; says which."""


class Moved(BaseModel):
    """A folder of tools that a build had for itself: its name in the bundle, and where its files
    believe to be."""

    model_config = ConfigDict(frozen=True)

    name: str
    place: Path


class Manifest(BaseModel):
    """What a bundle needs to be run.

    ``root`` is the folder of the app within the tree, ``start`` its own command, ``path`` goes
    before the system's PATH, ``folders`` are shared tools that have to be readable at their own
    place.
    """

    model_config = ConfigDict(frozen=True)

    version: int = 1
    root: str = ""
    start: str | None = None
    path: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    environment: dict[str, str] = {}
    moved: tuple[Moved, ...] = ()
    bytes: int = 0


class Bundle:
    """One that is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.manifest = Manifest.model_validate_json((path / "bundle.json").read_bytes())
        except (OSError, ValueError) as error:
            raise BundleMissing(f"the bundle {path.name} was not found") from error

    @property
    def tree(self) -> Path:
        """The app's files."""
        return self.path / "app"

    @property
    def app(self) -> Path:
        """Where its commands run, within the tree."""
        return self.tree / self.manifest.root


def is_reference(image: str) -> bool:
    """Whether an image is a bundle of some runner."""
    return _REFERENCE.fullmatch(image) is not None


def reference(job: BuildJob) -> str:
    """How a cluster names what that job leaves."""
    return f"{SCHEME}{job.image}/{job.key}"


def find(folder: Path, image: str) -> Bundle:
    """The bundle of that reference below the folder of all; raises BundleMissing."""
    try:
        return Bundle(_place(folder, image))
    except BundleMissing:
        raise BundleMissing(f"{image} was not found on this runner") from None


def leave(folder: Path, work: Work) -> Built:
    """Make the bundle of a build whose processes are all dead; blocks."""
    job = work.job
    moved = [
        (path, Moved(name=f"tools/{index}", place=path))
        for index, path in enumerate(work.tools.writable)
    ]
    size = disk.used((work.source, *work.tools.writable))
    if size > job.bounds.image_bytes:
        return _too_large(job, size)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{_DRAFT}{job.key}"
    disk.remove(draft)
    draft.mkdir(mode=0o755)
    manifest = Manifest(
        root=job.spec.root,
        start=job.spec.start,
        path=work.tools.path,
        folders=work.tools.folders,
        environment=dict(_for_servers(work)),
        moved=tuple(one for _, one in moved),
        bytes=size,
    )
    shutil.move(work.source, draft / "app")
    for path, one in moved:
        (draft / one.name).parent.mkdir(mode=0o755, exist_ok=True)
        shutil.move(path, draft / one.name)
    (draft / "bundle.json").write_text(manifest.model_dump_json())
    final = _place(folder, reference(job))
    final.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    disk.remove(final)
    draft.rename(final)
    for path, one in moved:
        # Without a sandbox its files are looked for where they were made.
        path.symlink_to(final / one.name)
    work.log.say(f"Kept as a bundle of {in_words(size)}.")
    return Built(image=reference(job), image_bytes=size)


def delete(folder: Path, image: str) -> None:
    """Delete a bundle that nothing uses; silent where it is gone or was never ours; blocks."""
    if not is_reference(image):
        return
    final = _place(folder, image)
    gone = folder / f"{_GONE}{secrets.token_hex(8)}"
    with suppress(BundleMissing):
        for one in Bundle(final).manifest.moved:
            if one.place.is_symlink():
                one.place.unlink()
    with suppress(FileNotFoundError):
        final.rename(gone)
        disk.remove(gone)


def sweep(folder: Path, is_kept: Callable[[str], bool]) -> None:
    """Delete what was killed half made or half deleted; ``is_kept`` tells a run at work."""
    for path in folder.glob(f"{_GONE}*"):
        disk.remove(path)
    for path in folder.glob(f"{_DRAFT}*"):
        if not is_kept(path.name.removeprefix(_DRAFT)):
            disk.remove(path)


def _place(folder: Path, image: str) -> Path:
    match = _REFERENCE.fullmatch(image)
    if match is None:
        raise BundleMissing(f"{image} is no bundle of a runner")
    return folder / match["image"] / match["key"]


def _for_servers(work: Work) -> Iterator[tuple[str, str]]:
    for name, value in work.tools.environment.items():
        if not name.lower().startswith(_OF_INSTALLS):
            yield name, value


def _too_large(job: BuildJob, size: int) -> Built:
    return Built(
        reason="image_too_large",
        detail=f"The app and its packages take {in_words(size)}, at most"
        f" {in_words(job.bounds.image_bytes)} are allowed. Next: leave out packages that only"
        " development needs and files that the server does not read, or raise the plan's bound.",
    )
