"""Packs taken apart: what any set of files becomes, and what a hostile pack must not do."""

import hashlib
import io
import struct
import tempfile
import zlib
from collections.abc import Iterable

import pytest
from dulwich.objects import Blob, Commit, ShaFile, Tree
from dulwich.pack import create_delta
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sites.archive.links import stays_within
from shared.sources import errors
from shared.sources.git import GitBounds
from shared.sources.git_archive import write_archive
from shared.sources.packs import Objects, Pack
from shared.sources.streams import Watch
from tests.unit.sources.tars import content, members

BOUNDS = GitBounds(seconds=20)
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4, "ref-delta": 7}


def objects_of(files: dict[str, bytes]) -> list[ShaFile]:
    """A commit of files in one folder; the commit comes first."""
    tree, found = Tree(), list[ShaFile]()
    for name, data in files.items():
        blob = Blob.from_string(data)
        tree.add(name.encode(), 0o100644, blob.id)
        found.append(blob)
    return [commit_of(tree), tree, *found]


def commit_of(tree: Tree) -> Commit:
    """A commit of a tree."""
    commit = Commit()
    commit.tree = tree.id
    commit.author = commit.committer = b"Ada <ada@example.com>"
    commit.author_time = commit.commit_time = 1_700_000_000
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = b"x"
    return commit


def summed(data: bytes) -> bytes:
    """With the hash that a pack ends with."""
    return data + hashlib.sha1(data, usedforsecurity=False).digest()


def packed(entries: Iterable[tuple[str, bytes, bytes]], count: int | None = None) -> bytes:
    """A pack of (kind, what stands before the bytes, bytes)."""
    entries = list(entries)
    data = struct.pack(">4sLL", b"PACK", 2, len(entries) if count is None else count)
    for kind, before, body in entries:
        size, byte = len(body), KINDS[kind] << 4 | len(body) & 15
        size >>= 4
        while size:
            data += bytes([byte | 0x80])
            byte, size = size & 0x7F, size >> 7
        data += bytes([byte]) + before + zlib.compress(body)
    return summed(data)


def pack_of(objects: Iterable[ShaFile]) -> bytes:
    """A pack of these objects in this order."""
    return packed((o.type_name.decode(), b"", o.as_raw_string()) for o in objects)


def archive_of(pack: bytes, commit: str, bounds: GitBounds = BOUNDS) -> bytes:
    """The archive that a pack becomes."""
    target, watch = io.BytesIO(), Watch(bounds.seconds)
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as spool:
        received = Pack(file, bounds, watch, None)
        received.receive(pack)
        objects = received.unpack(Objects(spool, bounds, watch))
        write_archive(objects, objects.commit(commit), target, bounds, watch)
    return target.getvalue()


NAMES = st.text("abcäß .-_", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=8), st.randoms())
def test_archive_depends_on_the_commit_alone(files: dict[str, bytes], random: object) -> None:
    found = objects_of(files)
    order = list(found)
    random.shuffle(order)  # type: ignore[attr-defined]
    one, two = (archive_of(pack_of(objects), found[0].id.decode()) for objects in (found, order))
    assert one == two
    assert {name: content(one, name) for name in members(one)} == files


def test_delta_that_comes_before_its_base_is_applied() -> None:
    base, changed = b"line\n" * 500, b"line\n" * 400 + b"other"
    commit, tree, *blobs = objects_of({"a": base, "b": changed})
    delta = b"".join(create_delta(base, changed))
    pack = packed(
        [
            ("ref-delta", bytes.fromhex(blobs[0].id.decode()), delta),
            ("commit", b"", commit.as_raw_string()),
            ("tree", b"", tree.as_raw_string()),
            ("blob", b"", base),
        ]
    )
    assert content(archive_of(pack, commit.id.decode()), "b") == changed


def small() -> tuple[bytes, str]:
    """A pack, and the commit in it."""
    found = objects_of({"a": b"a" * 100})
    kinds = ["commit", "tree", "blob"]
    entries = [(kind, b"", o.as_raw_string()) for kind, o in zip(kinds, found, strict=True)]
    return packed(entries), found[0].id.decode()


def test_any_cut_of_a_pack_is_refused() -> None:
    pack, commit = small()
    for end in range(len(pack)):
        with pytest.raises(errors.RepositoryDamaged):
            archive_of(pack[:end], commit)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_pack_with_changed_bytes_is_refused_or_whole(data: st.DataObject) -> None:
    pack, commit = small()
    body = bytearray(pack[:-20])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    changed = summed(bytes(body))
    try:
        archive = archive_of(changed, commit)
    except (errors.GitError, errors.RepositoryTooLarge):
        return
    assert content(archive, "a") == b"a" * 100


def test_bomb_is_refused_by_what_it_unpacks_to() -> None:
    found = objects_of({"a": bytes(3_000_000)})
    entries = zip(["commit", "tree", "blob"], [o.as_raw_string() for o in found], strict=True)
    pack = packed((kind, b"", raw) for kind, raw in entries)
    assert len(pack) < 10_000
    with pytest.raises(errors.RepositoryTooLarge, match="3,000,000"):
        archive_of(pack, found[0].id.decode(), GitBounds(file_bytes=1_000_000))


def test_object_larger_than_it_says_is_refused() -> None:
    pack, commit = small()
    lying = pack[:-20].replace(zlib.compress(b"a" * 100), zlib.compress(bytes(50_000_000)))
    with pytest.raises(errors.RepositoryDamaged):
        archive_of(summed(lying), commit)


def test_trees_that_share_each_other_are_bounded() -> None:
    blob = Blob.from_string(b"x")
    tree = Tree()
    tree.add(b"leaf", 0o100644, blob.id)
    objects: list[tuple[str, bytes, bytes]] = [
        ("blob", b"", b"x"),
        ("tree", b"", tree.as_raw_string()),
    ]
    for _ in range(10):
        above = Tree()
        for n in range(10):
            above.add(str(n).encode(), 0o040000, tree.id)
        tree = above
        objects.append(("tree", b"", tree.as_raw_string()))
    commit = commit_of(tree)
    objects.append(("commit", b"", commit.as_raw_string()))
    with pytest.raises(errors.RepositoryTooLarge, match="100 files"):
        archive_of(packed(objects), commit.id.decode(), GitBounds(files=100))


@pytest.mark.parametrize("name", [b"..", b".", b"a/b", b""])
def test_name_that_leads_out_is_refused(name: bytes) -> None:
    blob = Blob.from_string(b"x")
    raw = b"100644 " + name + b"\0" + bytes.fromhex(blob.id.decode())
    tree = Tree.from_string(raw)
    commit = commit_of(tree)
    pack = packed(
        [("blob", b"", b"x"), ("tree", b"", raw), ("commit", b"", commit.as_raw_string())]
    )
    with pytest.raises(errors.RepositoryDamaged):
        archive_of(pack, commit.id.decode())


def test_git_folder_of_a_tree_is_left_out() -> None:
    found = objects_of({".GIT": b"x", "a": b"y"})
    assert list(members(archive_of(pack_of(found), found[0].id.decode()))) == ["a"]


@pytest.mark.parametrize(
    ("path", "target", "is_within"),
    [
        ("a", "b/c", True),
        ("x/a", "../b", True),
        ("a", "../b", False),
        ("x/a", "../../b", False),
        ("a", "/etc/passwd", False),
        ("a", "b/../../c", False),
        ("a", "b/../c", False),
        ("a", ".git/config", False),
        ("a", "", False),
        ("a", ".", False),
        ("a", "b\0c", False),
    ],
)
def test_link_has_to_stay_within(path: str, target: str, is_within: bool) -> None:
    assert stays_within(path, target) is is_within
