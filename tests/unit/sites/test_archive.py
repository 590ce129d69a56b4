"""Archives that are accepted, and each reason for which one is refused, in both formats."""

import gzip
import hashlib
import io
import os
import struct
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sites import errors
from shared.sites.archive import inspect_archive, inspect_file, read_site
from shared.sites.archive.names import is_left_out
from shared.sites.models import ArchiveFormat, ArchiveSummary, SiteLimits
from tests.unit.sites.archives import (
    INDEX,
    declared,
    gzip_zeros,
    renamed,
    tar_bytes,
    tar_entry,
    zip_bytes,
    zip_entry,
)

LIMITS = SiteLimits()
PACKERS: dict[ArchiveFormat, Callable[..., bytes]] = {"zip": zip_bytes, "tar.gz": tar_bytes}
both = pytest.mark.parametrize("kind", ["zip", "tar.gz"])


def inspect(data: bytes, kind: ArchiveFormat, limits: SiteLimits = LIMITS) -> ArchiveSummary:
    return inspect_file(io.BytesIO(data), kind, limits)


def read(data: bytes, kind: ArchiveFormat, limits: SiteLimits = LIMITS) -> dict[str, bytes]:
    summary = inspect(data, kind, limits)
    found = read_site(io.BytesIO(data), kind, limits, summary.root)
    return {path: b"".join(pieces) for path, _, pieces in found}


def refused(data: bytes, kind: ArchiveFormat, limits: SiteLimits = LIMITS) -> errors.ArchiveRefused:
    with pytest.raises(errors.ArchiveRefused) as caught:
        read(data, kind, limits)
    return caught.value


@both
def test_files_come_out_as_they_went_in(kind: ArchiveFormat) -> None:
    files = {**INDEX, "a/b/c.txt": b"c" * 100_000, "empty.css": b"", "ü/日本.html": b"x"}
    data = PACKERS[kind](files)
    assert inspect(data, kind) == ArchiveSummary(4, sum(map(len, files.values())), "")
    assert read(data, kind) == {f"/{name}": content for name, content in files.items()}


@both
def test_large_files_come_out_whole(kind: ArchiveFormat) -> None:
    large = os.urandom(3_000_000) + bytes(3_000_000)
    assert read(PACKERS[kind]({**INDEX, "large.bin": large}), kind)["/large.bin"] == large


def test_stored_and_zip64_entries_are_read() -> None:
    assert read(zip_bytes(INDEX, zipfile.ZIP_STORED), "zip") == {"/index.html": b"<h1>Hello</h1>"}
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("index.html", "w", force_zip64=True) as file,
    ):
        file.write(b"streamed")
    assert read(buffer.getvalue(), "zip") == {"/index.html": b"streamed"}


def test_a_zip64_directory_is_read() -> None:
    data = zip_bytes(INDEX)
    at = data.rfind(b"PK\5\6")
    count, size, start = struct.unpack("<HLL", data[at + 10 : at + 20])
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    assert read(data[:at] + end64 + locator + end, "zip") == {"/index.html": INDEX["index.html"]}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_is_read(format: int) -> None:
    files = {**INDEX, f"{'folder/' * 15}{'n' * 60}.txt": b"long", "./dotted/a.txt": b"dot"}
    names = {"/index.html", f"/{'folder/' * 15}{'n' * 60}.txt", "/dotted/a.txt"}
    assert set(read(tar_bytes(files, format), "tar.gz")) == names


def test_gzip_of_several_members_is_read() -> None:
    plain = gzip.decompress(tar_bytes(INDEX))
    data = gzip.compress(plain[:700]) + gzip.compress(plain[700:])
    assert read(data, "tar.gz") == {"/index.html": INDEX["index.html"]}


def test_names_in_utf8_without_the_flag_are_read() -> None:
    data = renamed(zip_bytes({**INDEX, "xxxxx.txt": b"1"}), b"xxxxx.txt", "zür".encode() + b"x.txt")
    assert "/zürx.txt" in read(data, "zip")


@both
def test_names_are_published_in_nfc(kind: ArchiveFormat) -> None:
    assert "/u\u0308.html" not in read(PACKERS[kind]({**INDEX, "u\u0308.html": b"1"}), kind)
    assert "/\xfc.html" in read(PACKERS[kind]({**INDEX, "u\u0308.html": b"1"}), kind)


@both
@pytest.mark.parametrize(
    ("prefix", "root"), [("", ""), ("site/", "site"), ("a/b/c/", "a/b/c"), ("./site/", "site")]
)
def test_a_single_top_folder_is_looked_through(kind: ArchiveFormat, prefix: str, root: str) -> None:
    data = PACKERS[kind]({f"{prefix}index.html": b"1", f"{prefix}x/y.css": b"2"})
    assert inspect(data, kind).root == root
    assert set(read(data, kind)) == {"/index.html", "/x/y.css"}


@both
def test_leftovers_and_secrets_never_get_online(kind: ArchiveFormat) -> None:
    files = {
        "site/index.html": b"1",
        "site/.env": b"SECRET=1",
        "site/.env.production": b"SECRET=1",
        "site/.git/config": b"x",
        "site/a/.htpasswd": b"x",
        "site/a/Thumbs.db": b"x",
        "site/.DS_Store": b"x",
        "site/.well-known/security.txt": b"kept",
        "site/a/.well-known/no.txt": b"x",
        "__MACOSX/site/._index.html": b"x",
    }
    data = PACKERS[kind](files)
    assert inspect(data, kind).files == 2
    assert set(read(data, kind)) == {"/index.html", "/.well-known/security.txt"}


@both
@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({}, "empty_archive", "no file"),
        ({".git/config": b"x"}, "empty_archive", "no file"),
        ({"dist/index.html": b"1", "package.json": b"{}"}, "no_index_html", "“dist”"),
        ({"Index.html": b"1"}, "no_index_html", "rename it to index.html"),
        ({"site/about.html": b"1"}, "no_index_html", "“site/about.html”"),
        ({"a b/index.html": b"1", "a/index.html": b"1"}, "no_index_html", "“a b”"),
        ({"a.txt": b"1"}, "no_index_html", "first page"),
        ({**INDEX, "../evil.html": b"1"}, "unsafe_path", "“../evil.html”"),
        ({**INDEX, "a/../../evil.html": b"1"}, "unsafe_path", "leads out"),
        ({**INDEX, "a/..": b"1"}, "unsafe_path", "leads out"),
        ({**INDEX, "/etc/passwd": b"1"}, "unsafe_path", "absolute"),
        ({**INDEX, "C:/evil.html": b"1"}, "unsafe_path", "absolute"),
        ({**INDEX, "a\\evil.html": b"1"}, "unsafe_path", "backslash"),
        ({**INDEX, "a\nb.html": b"1"}, "invalid_name", "“a\\nb.html”"),
        ({**INDEX, "\x1b[2J.html": b"1"}, "invalid_name", "control characters"),
        ({**INDEX, "n" * 256: b"1"}, "invalid_name", "255 bytes"),
        ({**INDEX, "long/" * 300 + "a": b"1"}, "invalid_name", "1024 bytes"),
        ({**INDEX, "Logo.png": b"1", "logo.png": b"2"}, "name_collision", "rename one"),
        ({**INDEX, "ﬁ.html": b"1", "fi.html": b"2"}, "name_collision", "Unicode"),
        ({**INDEX, "STRASSE": b"1", "straße": b"2"}, "name_collision", "case"),
        ({**INDEX, "u\u0308": b"1", "\xfc": b"2"}, "duplicate_entry", "twice"),
        ({**INDEX, "./index.html": b"2"}, "duplicate_entry", "twice"),
        ({**INDEX, "docs": b"1", "docs/a.html": b"2"}, "file_folder_collision", "“docs”"),
        ({**INDEX, "Docs": b"1", "docs/a/b.html": b"2"}, "file_folder_collision", "“Docs”"),
        (
            {**INDEX, "docs-x": b"1", "docs": b"1", "docs!": b"1", "docs/a": b"2"},
            "file_folder_collision",
            "“docs”",
        ),
    ],
)
def test_bad_content_is_refused(
    kind: ArchiveFormat, files: dict[str, bytes], code: str, said: str
) -> None:
    error = refused(PACKERS[kind](files), kind)
    assert error.code == code
    assert said in error.detail


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@both
def test_one_name_twice_is_refused(kind: ArchiveFormat) -> None:
    data = PACKERS[kind]([("index.html", b"1"), ("index.html", b"2")])
    assert refused(data, kind).code == "duplicate_entry"


@pytest.mark.parametrize(
    ("mode", "code"),
    [(0o120777, "link_entry"), (0o020666, "special_entry"), (0o010666, "special_entry")],
)
def test_links_and_devices_in_a_zip_are_refused(mode: int, code: str) -> None:
    data = zip_bytes([*INDEX.items(), (zip_entry("bad", mode), b"/etc/passwd")])
    error = refused(data, "zip")
    assert error.code == code
    assert "“bad”" in error.detail


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (tar_entry("bad", tarfile.SYMTYPE, "/etc/passwd"), "link_entry"),
        (tar_entry("bad", tarfile.LNKTYPE, "index.html"), "link_entry"),
        (tar_entry("bad", tarfile.CHRTYPE), "special_entry"),
        (tar_entry("bad", tarfile.BLKTYPE), "special_entry"),
        (tar_entry("bad", tarfile.FIFOTYPE), "special_entry"),
        (tar_entry("bad", b"S"), "special_entry"),
        (tar_entry("bad", b"M"), "special_entry"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(entry: tarfile.TarInfo, code: str) -> None:
    error = refused(tar_bytes([*INDEX.items(), (entry, b"")]), "tar.gz")
    assert error.code == code
    assert "“bad”" in error.detail


def test_links_among_what_is_left_out_do_no_harm() -> None:
    entry = tar_entry("node_modules/.bin/x", tarfile.SYMTYPE, "../x")
    assert set(read(tar_bytes([*INDEX.items(), (entry, b"")]), "tar.gz")) == {"/index.html"}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "rar", ""])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>no archive</html>", "not_an_archive"),
        (b"", "empty_archive"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "wrong_format"),
        (gzip.decompress(tar_bytes(INDEX)), "not_an_archive"),
    ],
)
def test_what_is_no_archive_is_refused(kind: ArchiveFormat, data: bytes, code: str) -> None:
    accepted = kind in ("zip", "tar.gz")
    assert refused(data, kind).code == (code if accepted else "wrong_format")


def test_an_archive_of_the_other_format_is_refused() -> None:
    assert "tar.gz archive and was sent as zip" in refused(tar_bytes(INDEX), "zip").detail
    assert refused(zip_bytes(INDEX), "tar.gz").code == "wrong_format"


@both
def test_a_cut_archive_is_refused_wherever_it_is_cut(kind: ArchiveFormat) -> None:
    data = PACKERS[kind]({**INDEX, "a.txt": os.urandom(2000)})
    for end in range(8, len(data) - 1, 97):
        assert refused(data[:end], kind).code in ("truncated_archive", "damaged_archive")


@both
def test_a_flipped_bit_in_the_content_is_refused(kind: ArchiveFormat) -> None:
    data = bytearray(PACKERS[kind]({**INDEX, "a.bin": os.urandom(5000)}))
    data[len(data) // 2] ^= 1
    assert refused(bytes(data), kind).code == "damaged_archive"


def test_an_encrypted_entry_is_refused() -> None:
    data = bytearray(zip_bytes({**INDEX, "secret.txt": b"1"}))
    data[data.rfind(b"PK\1\2") + 8] |= 1
    error = refused(bytes(data), "zip")
    assert error.code == "encrypted_entry"
    assert "“secret.txt”" in error.detail


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_unusual_compression_is_refused(method: int) -> None:
    assert refused(zip_bytes(INDEX, method), "zip").code == "unsupported_compression"


def test_a_name_that_is_no_utf8_is_refused() -> None:
    data = renamed(zip_bytes({**INDEX, "xxxx.txt": b"1"}), b"xxxx.txt", b"\xff\xfexx.txt")
    assert refused(data, "zip").code == "invalid_name"


def test_a_nul_in_a_name_does_not_hide_its_rest() -> None:
    data = renamed(zip_bytes({**INDEX, "a.txtxb.html": b"1"}), b"a.txtxb.html", b"a.txt\0b.html")
    assert refused(data, "zip").code == "invalid_name"


def test_overlapping_entries_are_refused() -> None:
    data = zip_bytes({"index.html": b"1" * 50, "index.htmm": b"1" * 50})
    second = data.rfind(b"PK\1\2")
    # The second entry points at the bytes of the first, which is named like it there, too.
    data = data[: second + 42] + bytes(4) + data[second + 46 :]
    data = data.replace(b"index.htmm", b"index.html")
    assert refused(data, "zip").code == "overlapping_entries"


def test_an_entry_that_is_named_in_two_ways_is_refused() -> None:
    data = zip_bytes(INDEX)
    at = data.find(b"index.html")
    assert refused(data[:at] + b"index.htmx" + data[at + 10 :], "zip").code == "damaged_archive"


def test_bytes_before_or_between_an_archives_parts_are_refused() -> None:
    data = zip_bytes(INDEX)
    assert refused(b"PK\3\4" + data, "zip").code == "damaged_archive"
    end = data.rfind(b"PK\5\6")
    assert refused(data[:end] + b"more" + data[end:], "zip").code == "damaged_archive"


def test_a_smaller_size_than_the_true_one_is_refused() -> None:
    data = declared(zip_bytes({"index.html": bytes(1_000_000)}), 10)
    assert refused(data, "zip").code == "damaged_archive"


def bounded_memory(work: Callable[[], errors.ArchiveRefused]) -> tuple[str, int]:
    tracemalloc.start()
    try:
        code = work().code
        return code, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def zeros(size: int) -> bytes:
    """A ZIP with that many zeros, made without holding them: deflate repeats itself."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block, crc = bytes(1024 * 1024), 0
    packed = bytearray()
    for _ in range(size // len(block)):
        packed += deflate.compress(block)
        crc = zlib.crc32(block, crc)
    packed += deflate.flush()
    wide = struct.pack("<HHQQ", 1, 16, size, len(packed))
    sizes = (crc, 2**32 - 1, 2**32 - 1, 10)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 8, 0, 33, *sizes, 20) + b"index.html" + wide
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 8, 0, 33, *sizes, 20, 0, 0, 0, 0, 0)
    central += b"index.html" + wide
    start = len(local) + len(packed)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), start, 0)
    return local + bytes(packed) + central + end


def test_ten_gigabytes_of_zeros_in_a_zip_are_refused_by_what_they_declare() -> None:
    data = declared_bomb(zeros(64 * 1024 * 1024), 10 * 1024**3)
    code, memory = bounded_memory(lambda: refused(data, "zip"))
    assert code == "file_too_large"
    assert memory < 8 * 1024**2


def declared_bomb(data: bytes, size: int) -> bytes:
    at = data.rfind(struct.pack("<HH", 1, 16)) + 4
    return data[:at] + struct.pack("<Q", size) + data[at + 8 :]


def test_zeros_within_the_bounds_are_refused_by_their_ratio() -> None:
    assert refused(zeros(64 * 1024 * 1024), "zip").code == "suspicious_ratio"


def test_zeros_that_declare_little_are_refused_by_what_they_are() -> None:
    data = declared_bomb(zeros(64 * 1024 * 1024), 1000)
    code, memory = bounded_memory(lambda: refused(data, "zip"))
    assert code == "damaged_archive"
    assert memory < 8 * 1024**2


def test_gigabytes_of_zeros_in_a_tar_are_refused_without_unpacking_them(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    gzip_zeros(path, 512 * 1024**2)
    limits = SiteLimits(file_bytes=2**40, bytes=2**40)
    with pytest.raises(errors.SuspiciousRatio):
        inspect_archive(path, "tar.gz", limits)
    with pytest.raises(errors.FileTooLarge):
        inspect_archive(path, "tar.gz", LIMITS)
    with pytest.raises(errors.SiteTooLarge):
        inspect_archive(path, "tar.gz", SiteLimits(file_bytes=2**40, bytes=2**20, files=10))


def test_a_description_of_gigabytes_in_a_tar_is_refused() -> None:
    info = tar_entry("x", tarfile.XHDTYPE)
    info.size = 8 * 1024**3
    data = gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000))
    assert refused(data, "tar.gz").code == "invalid_name"


def test_two_hundred_thousand_files_are_refused_before_they_are_looked_at() -> None:
    files = ((f"{n}.txt", b"") for n in range(1_000))
    data = zip_bytes(files, zipfile.ZIP_STORED)
    at = data.rfind(b"PK\5\6")
    start = struct.unpack("<L", data[at + 16 : at + 20])[0]
    directory = data[start:at] * 200
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 200_000, 200_000, len(directory), start
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    bomb = data[:start] + directory + end64 + locator + end
    code, memory = bounded_memory(lambda: refused(bomb, "zip"))
    assert code == "too_many_files"
    assert memory < 4 * 1024**2


def test_more_entries_than_the_directory_names_are_refused() -> None:
    data = bytearray(zip_bytes({**INDEX, "b.txt": b"1"}))
    at = data.rfind(b"PK\5\6")
    data[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    assert refused(bytes(data), "zip").code == "damaged_archive"


def test_deep_folders_cost_no_more_than_their_names() -> None:
    deep = {f"{n}/{'x/' * 480}a.txt": b"" for n in range(500)}
    data = zip_bytes({**INDEX, **deep})
    tracemalloc.start()
    try:
        assert inspect(data, "zip").files == 501
        assert tracemalloc.get_traced_memory()[1] < 20 * len(data)
    finally:
        tracemalloc.stop()


def test_a_long_chain_of_single_folders_is_looked_through() -> None:
    assert inspect(zip_bytes({f"{'x/' * 400}index.html": b"1"}), "zip").root == "/".join("x" * 400)


@both
@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (SiteLimits(files=2), "too_many_files"),
        (SiteLimits(bytes=25), "site_too_large"),
        (SiteLimits(file_bytes=10), "file_too_large"),
        (SiteLimits(archive_bytes=50), "site_too_large"),
    ],
)
def test_bounds_hold(kind: ArchiveFormat, limits: SiteLimits, code: str) -> None:
    error = refused(
        PACKERS[kind]({"index.html": b"1" * 11, "b": b"2" * 9, "c": b"3" * 9}), kind, limits
    )
    assert error.code == code


def test_many_empty_folders_in_a_tar_are_refused() -> None:
    limits = SiteLimits(files=10)
    folders = [(tar_entry(f"d{n}", tarfile.DIRTYPE), b"") for n in range(50)]
    assert refused(tar_bytes([*INDEX.items(), *folders]), "tar.gz", limits).code == "too_many_files"


def test_nothing_is_written_while_inspecting(tmp_path: Path) -> None:
    path = tmp_path / "site.zip"
    path.write_bytes(zip_bytes(INDEX))
    inspect_archive(path, "zip", LIMITS)
    assert [p.name for p in tmp_path.iterdir()] == ["site.zip"]


names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\:."),
    min_size=1,
    max_size=12,
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
sites = st.dictionaries(paths, st.binary(max_size=3000), max_size=8)


@given(sites, st.sampled_from(["zip", "tar.gz"]))
def test_any_site_comes_out_as_it_went_in_or_is_refused_for_its_names(
    site: dict[str, bytes], kind: ArchiveFormat
) -> None:
    data = PACKERS[kind]({**INDEX, **site})
    try:
        found = read(data, kind)
    except (errors.NameCollision, errors.DuplicateEntry, errors.FileFolderCollision):
        return
    hashes = sorted(hashlib.sha256(d).hexdigest() for d in found.values())
    kept = {n: d for n, d in {**INDEX, **site}.items() if not is_left_out(n)}
    assert hashes == sorted(hashlib.sha256(d).hexdigest() for d in kept.values())
    assert all(".." not in path.split("/") and path.startswith("/") for path in found)


@given(st.binary(max_size=400), st.sampled_from(["zip", "tar.gz"]))
def test_any_bytes_are_refused_with_a_code(data: bytes, kind: ArchiveFormat) -> None:
    start = {"zip": b"PK\3\4", "tar.gz": b"\x1f\x8b\x08"}[kind]
    for attempt in (data, start + data, gzip.compress(data)):
        refused(attempt, kind)


@given(st.data(), st.sampled_from(["zip", "tar.gz"]))
def test_damage_anywhere_never_publishes_other_bytes(
    data: st.DataObject, kind: ArchiveFormat
) -> None:
    files = {**INDEX, "a/b.txt": b"some text " * 30, "c.bin": bytes(range(256))}
    archive = bytearray(PACKERS[kind](files))
    at = data.draw(st.integers(0, len(archive) - 1))
    archive[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(archive), kind)
    except errors.ArchiveRefused:
        return
    assert set(found.values()) <= set(files.values())


def test_reading_happens_in_the_thread_that_asks() -> None:
    """Nothing here needs an event loop, so a thread may do all of it."""
    results: list[ArchiveSummary] = []
    thread = threading.Thread(target=lambda: results.append(inspect(zip_bytes(INDEX), "zip")))
    thread.start()
    thread.join()
    assert results == [ArchiveSummary(1, len(INDEX["index.html"]), "")]
