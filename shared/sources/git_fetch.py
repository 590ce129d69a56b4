"""One fetch from beginning to end: find the revision, receive it, write the archive."""

import difflib
import re
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from shared.sites.errors import shown
from shared.sources.errors import EmptyRepository, RefInvalid, RefNotFound
from shared.sources.git import GitRequest, GitRevision, Progress
from shared.sources.git_archive import write_archive
from shared.sources.git_client import GitClient, Refs
from shared.sources.guard import Guard
from shared.sources.packs import Objects, Pack
from shared.sources.repository_url import check_url
from shared.sources.streams import Watch

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-fA-F]{4,39}")
_REF = re.compile(
    r"(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\/.-][^\x00-\x20\x7f~^:?*\[\\]*"
)
_HEADS, _TAGS = "refs/heads/", "refs/tags/"
_NEAR = 3
_MESSAGE = 4000


class _Wanted:
    """The revision that a request asks for, as soon as the server's refs are known."""

    def __init__(self, request: GitRequest) -> None:
        named = [name for name in ("branch", "tag", "commit") if getattr(request, name)]
        if len(named) > 1:
            raise RefInvalid(f"{' and '.join(named)} are given at once: give one of them")
        self.branch, self.tag = request.branch, request.tag
        self.commit = _checked_commit(request.commit) if request.commit else None
        for name in (self.branch, self.tag):
            if name is not None and not _REF.fullmatch(name):
                raise RefInvalid(f"{shown(name)} cannot be the name of a branch or tag")

    def choose(self, refs: Refs) -> str:
        """The id to ask the server for; raises EmptyRepository and RefNotFound."""
        if not any(name.startswith((_HEADS, _TAGS)) for name in refs.ids):
            raise EmptyRepository("The repository has no branch yet: push a commit to it first")
        if self.commit is not None:
            return self.commit
        if self.tag is not None:
            return _named("tag", self.tag, _TAGS, refs.ids)
        if self.branch is None:
            return self._default(refs)
        return _named("branch", self.branch, _HEADS, refs.ids)

    def _default(self, refs: Refs) -> str:
        head = refs.head
        if head is None or head not in refs.ids:
            known = _listed(_short_names(_HEADS, refs.ids)[:_NEAR])
            raise RefNotFound(
                "The repository does not say which branch is its default one, or that branch is"
                f" empty: name a branch{f' ({known})' if known else ''}"
            )
        if head.startswith(_HEADS):
            self.branch = head.removeprefix(_HEADS)
        return refs.ids[head]


def fetch(
    request: GitRequest,
    target: BinaryIO,
    guard: Guard,
    progress: Progress | None,
    stop: threading.Event | None,
) -> GitRevision:
    """See ``shared.sources.git.fetch_git``."""
    url = check_url(request.url, guard.allowed)
    wanted = _Wanted(request)
    watch = Watch(request.bounds.seconds, stop)
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as spool:
        pack = Pack(file, request.bounds, watch, progress)
        client = GitClient(url, request, guard, watch)
        start = client.fetch(wanted.choose, pack.receive)
        objects = pack.unpack(Objects(spool, request.bounds, watch))
        commit = objects.commit(start)
        written = write_archive(objects, commit, target, request.bounds, watch)
    return GitRevision(
        url=url,
        commit=commit.id,
        branch=wanted.branch,
        tag=wanted.tag,
        message=commit.message[:_MESSAGE],
        author=commit.author,
        committed_at=_time(commit.time),
        files=written.files,
        bytes=written.bytes,
        warnings=written.warnings,
    )


def _checked_commit(commit: str) -> str:
    if _COMMIT.fullmatch(commit.lower()):
        return commit.lower()
    if _SHORT.fullmatch(commit):
        raise RefInvalid(
            f"{commit} is a short commit id, which a server does not look up: give all 40 digits"
            " (git rev-parse tells them)"
        )
    raise RefInvalid(f"{shown(commit)} is no commit id: give its 40 hexadecimal digits")


def _named(kind: str, name: str, prefix: str, ids: Mapping[str, str]) -> str:
    found = ids.get(prefix + name.removeprefix(prefix))
    if found is not None:
        return found
    names = _short_names(prefix, ids)
    near = difflib.get_close_matches(name, names[:2000], _NEAR, 0.5) or names[:_NEAR]
    hint = f"near ones are {_listed(near)}" if near else f"it has no {kind} at all"
    other, there = ("tag", _TAGS) if kind == "branch" else ("branch", _HEADS)
    if there + name in ids:
        hint = f"there is a {other} of that name: ask for the {other}"
    raise RefNotFound(f"The repository has no {kind} {shown(name)}: {hint}")


def _short_names(prefix: str, ids: Mapping[str, str]) -> list[str]:
    return sorted(name.removeprefix(prefix) for name in ids if name.startswith(prefix))


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names)


def _time(seconds: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)
