"""Names of entries: which are accepted, which are left out, and which collide.

Both archive formats pass every name through here before anything else is believed.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from posixpath import commonpath

from shared.sites.errors import (
    DuplicateEntry,
    EmptyArchive,
    FileFolderCollision,
    InvalidName,
    NameCollision,
    NoIndexHtml,
    UnsafePath,
    shown,
)
from shared.sites.models import SiteLimits

_DRIVE = re.compile(r"[A-Za-z]:")
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_WELL_KNOWN = ".well-known"


def clean_name(raw: bytes, limits: SiteLimits) -> str:
    """The name in UTF-8 and NFC, relative, with single slashes; "" for the archive's own folder.

    Raises InvalidName or UnsafePath.
    """
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidName(
            f"The name {shown(raw.decode('latin-1'))} is not UTF-8: rename the file, or pack the"
            " folder with a tool that writes UTF-8 names"
        ) from None
    if any(unicodedata.category(c) == "Cc" for c in name):
        raise InvalidName(f"The name {shown(name)} holds control characters: rename the file")
    if "\\" in name:
        raise UnsafePath(f"The name {shown(name)} holds a backslash: use / between folders")
    if name.startswith("/") or _DRIVE.match(name):
        raise UnsafePath(f"The name {shown(name)} is absolute: pack the folder from within")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafePath(f"The name {shown(name)} leads out of its folder: pack it without ..")
    cleaned = unicodedata.normalize("NFC", "/".join(parts))
    _check_length(cleaned, limits)
    return cleaned


def _check_length(name: str, limits: SiteLimits) -> None:
    if len(name.encode()) > limits.path_bytes:
        raise InvalidName(
            f"The name {shown(name)} has more than {limits.path_bytes} bytes: shorten it"
        )
    if any(len(part.encode()) > limits.name_bytes for part in name.split("/")):
        raise InvalidName(
            f"A part of the name {shown(name)} has more than {limits.name_bytes} bytes: shorten it"
        )


def is_left_out(name: str) -> bool:
    """Whether this never gets online: dot files and folders (.git, .env) and systems' leftovers."""
    return any(
        part.lower() in _JUNK or (part.startswith(".") and part != _WELL_KNOWN)
        for part in name.split("/")
    )


def is_junk(name: str) -> bool:
    """Whether a system's tools left it in the archive: no part of a source either."""
    return any(part.lower() in _JUNK for part in name.split("/"))


def check_collisions(names: Iterable[str]) -> None:
    """Raise for names that one file system or URL would take for one."""
    seen: dict[str, str] = {}
    for name in names:
        key = _key(name)
        other = seen.get(key)
        if other is None:
            seen[key] = name
            continue
        if other == name:
            raise DuplicateEntry(f"{shown(name)} is in the archive twice: keep one of them")
        raise NameCollision(
            f"{shown(other)} and {shown(name)} differ by case or Unicode form only: rename one"
        )
    _check_folders(seen)


def _check_folders(names: Mapping[str, str]) -> None:
    # With / before every other character, a folder's first file comes right after its namesake.
    keys = sorted(key.replace("/", "\0") for key in names)
    for key, following in pairwise(keys):
        if following.startswith(f"{key}\0"):
            file, inside = (names[k.replace("\0", "/")] for k in (key, following))
            raise FileFolderCollision(
                f"{shown(file)} is a file and also the folder of {shown(inside)}: rename one"
            )


def _key(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def find_root(names: Iterable[str]) -> str:
    """The folder that is the site: single top folders are looked through down to index.html.

    Raises EmptyArchive, or NoIndexHtml saying what was found instead.
    """
    files = set(names)
    if not files:
        raise EmptyArchive("The archive holds no file to publish: pack the folder of your site")
    common = commonpath([name.rpartition("/")[0] for name in (min(files), max(files))])
    folders = list(accumulate(f"{part}/" for part in common.split("/") if part))
    for folder in ("", *folders):
        if f"{folder}index.html" in files:
            return folder.rstrip("/")
    raise NoIndexHtml(_what_instead(files, common))


def source_root(names: Iterable[str]) -> str:
    """The one top folder that everything lies in, as Git hosts pack a repository; else ""."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return tops.pop() if len(tops) == 1 else ""


def checked_root(names: Iterable[str], root: str) -> str:
    """The folder, where it holds a page; raises EmptyArchive or NoIndexHtml."""
    within = f"{root}/" if root else ""
    files = [name for name in names if name.startswith(within)]
    if not files:
        raise EmptyArchive(
            f"{_folder(root)} holds no file to publish: set output to the folder with the site"
        )
    if not any(name.endswith(".html") for name in files):
        raise NoIndexHtml(
            f"{_folder(root)} holds no page (.html): set output to the folder with the site"
        )
    return root


def _folder(root: str) -> str:
    return f"The folder {shown(root)}" if root else "The output"


def _what_instead(files: set[str], root: str) -> str:
    where = f"in {shown(root)}" if root else "at the top of the archive"
    indexes = sorted(
        (name for name in files if name.lower().rpartition("/")[2] in ("index.html", "index.htm")),
        key=lambda name: (name.count("/"), name),
    )
    if not indexes:
        pages = sorted((n for n in files if n.endswith(".html")), key=lambda n: (n.count("/"), n))
        found = f" (there is {shown(pages[0])})" if pages else ""
        return (
            f"There is no index.html {where}{found}: pack the folder that holds your site's first"
            " page, named index.html"
        )
    folder, _, name = indexes[0].rpartition("/")
    if name != "index.html":
        return f"There is no index.html {where}, but {shown(indexes[0])}: rename it to index.html"
    return (
        f"There is no index.html {where}, but one in {shown(folder)}: publish that folder instead"
    )


def site_path(name: str, root: str) -> str | None:
    """The URL path of a file below the root; None for a .well-known that is not at the top."""
    relative = name[len(root) + 1 :] if root else name
    if _WELL_KNOWN in relative.split("/")[1:]:
        return None
    return f"/{relative}"
