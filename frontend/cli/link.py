"""Which project a folder belongs to: ``.astrocloud/project.json``, written by ``link``.

It names a project and a platform and holds no secret; each clone has its own.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from frontend.cli.errors import UsageError
from frontend.cli.ignore import GIT, Ignore, repository_of

FOLDER = ".astrocloud"
NAME = "project.json"


@dataclass(frozen=True, slots=True)
class Link:
    """A project, and where its platform is."""

    project_id: str
    slug: str
    url: str


def read(folder: Path) -> Link | None:
    """The link of this very folder."""
    path = folder / FOLDER / NAME
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return Link(*(str(known[name]) for name in ("project_id", "slug", "url")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(path, (error.strerror or "input/output error").lower()) from None
    except (ValueError, KeyError, TypeError):
        raise _unusable(path, "it is damaged") from None


def find(folder: Path) -> Link | None:
    """The link of this folder or of one above it, within the same repository."""
    folder = folder.resolve()
    top = repository_of(folder)
    places = [folder]
    if top is not None:
        places += [place for place in folder.parents if place.is_relative_to(top)]
    return next((link for place in places if (link := read(place)) is not None), None)


def write(folder: Path, link: Link) -> Path:
    """Link the folder."""
    path = folder / FOLDER / NAME
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(link), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unusable(path, (error.strerror or "input/output error").lower()) from None
    return path


def remove(folder: Path) -> bool:
    """Take the link away; whether there was one."""
    path = folder / FOLDER / NAME
    if not path.exists():
        return False
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    return True


def is_ignored(folder: Path) -> bool:
    """Whether Git leaves the link out; also where there is no repository."""
    if repository_of(folder.resolve()) is None:
        return True
    return Ignore.of(folder).why(FOLDER, is_folder=True) == GIT


def _unusable(path: Path, reason: str) -> UsageError:
    detail = f"{path} cannot be used: {reason}. Next: remove it, then astrocloud link."
    return UsageError("link_unusable", "The link to the project cannot be used", detail)
