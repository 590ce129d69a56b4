"""The path table, content types, cache policies and compressed forms."""

import gzip
import hashlib
import json
import random
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sites.caching import IMMUTABLE, REVALIDATE, CachePolicies
from shared.sites.compression import LEAST, compress, encodings
from shared.sites.manifest import compile_manifest, shard_of
from shared.sites.media_types import is_compressible, media_type
from shared.sites.models import Form, SiteFile


def table(*paths: str) -> dict[str, Any]:
    files = [SiteFile(p, hashlib.sha256(p.encode()).hexdigest(), len(p)) for p in paths]
    manifest = compile_manifest(files, {})
    found: dict[str, Any] = {}
    for shard in manifest.shards:
        found.update(json.loads(shard)["paths"])
    return found


def digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def test_an_entry_holds_what_the_gateway_answers_with() -> None:
    files = [SiteFile("/index.html", "a" * 64, 9000)]
    forms = {"a" * 64: {"gzip": Form("b" * 64, 3000), "br": None}}
    manifest = compile_manifest(files, forms)  # type: ignore[arg-type]
    entry = {
        "d": "a" * 64,
        "s": 9000,
        "t": "text/html; charset=utf-8",
        "c": "public, max-age=0, must-revalidate",
        "e": {"gzip": ["b" * 64, 3000]},
    }
    shards = [json.loads(s) for s in manifest.shards]
    assert shards == [{"version": 1, "paths": {"/": entry, "/index.html": entry}}]


def test_a_content_without_forms_names_none() -> None:
    assert "e" not in table("/index.html")["/"]


def test_index_pages_answer_for_their_folders() -> None:
    found = table("/index.html", "/docs/index.html", "/docs/api/index.html")
    assert found["/"]["d"] == digest("/index.html")
    assert found["/docs/"]["d"] == digest("/docs/index.html")
    assert found["/docs"] == {"r": [308, "/docs/"]}
    assert found["/docs/api"] == {"r": [308, "/docs/api/"]}
    assert "" not in found


def test_pages_answer_without_their_ending() -> None:
    found = table("/index.html", "/about.html", "/a/b.html")
    assert found["/about"]["d"] == digest("/about.html")
    assert found["/about.html"]["d"] == digest("/about.html")
    assert found["/about/"] == {"r": [308, "/about"]}
    assert found["/a/b"]["d"] == digest("/a/b.html")


def test_a_page_and_a_folder_of_one_name_both_answer() -> None:
    found = table("/index.html", "/about.html", "/about/index.html")
    assert found["/about"]["d"] == digest("/about.html")
    assert found["/about/"]["d"] == digest("/about/index.html")


def test_a_file_of_the_very_name_comes_first() -> None:
    found = table("/index.html", "/about", "/about.html")
    assert found["/about"]["d"] == digest("/about")


def test_targets_of_redirects_are_encoded_and_stay_on_the_site() -> None:
    found = table("/index.html", "/über uns/index.html", "/a?b%/index.html")
    assert found["/über uns"] == {"r": [308, "/%C3%BCber%20uns/"]}
    assert found["/a?b%"] == {"r": [308, "/a%3Fb%25/"]}


def test_special_pages_are_named_and_have_no_short_address() -> None:
    names = ("/index.html", "/404.html", "/200.html", "/docs/404.html")
    manifest = compile_manifest([SiteFile(n, digest(n), 1) for n in names], {})
    assert (manifest.not_found, manifest.fallback) == ("/404.html", "/200.html")
    found = table(*names)
    assert "/404" not in found
    assert "/200" not in found
    assert found["/docs/404"]["d"] == digest("/docs/404.html")


def test_a_site_without_special_pages_names_none() -> None:
    manifest = compile_manifest([SiteFile("/index.html", digest("x"), 1)], {})
    assert (manifest.not_found, manifest.fallback) == (None, None)


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=40))
def test_every_path_stands_in_the_shard_that_its_hash_names(names: set[str]) -> None:
    files = [SiteFile(f"/{name}", digest(name), 1) for name in names]
    files += [SiteFile(f"/{n}.html", digest(str(n)), 1) for n in range(300)]
    manifest = compile_manifest(files, {})
    shards = [json.loads(shard)["paths"] for shard in manifest.shards]
    for number, shard in enumerate(shards):
        assert all(shard_of(path, len(shards)) == number for path in shard)
    assert {f"/{name}" for name in names} <= {path for shard in shards for path in shard}
    assert sum(map(len, shards)) / len(shards) <= 256


def test_shards_are_the_same_whatever_order_the_files_come_in() -> None:
    files = [SiteFile(f"/{n}.html", digest(str(n)), n) for n in range(700)]
    shuffled = random.Random(1).sample(files, len(files))
    assert compile_manifest(files, {}).shards == compile_manifest(shuffled, {}).shards


def test_the_shard_of_a_path_is_fixed() -> None:
    assert [shard_of(p, 4) for p in ("/", "/index.html", "/über", "/docs/")] == [
        int(hashlib.md5(p.encode()).hexdigest()[:8], 16) % 4  # noqa: S324
        for p in ("/", "/index.html", "/über", "/docs/")
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/index.html", "text/html; charset=utf-8"),
        ("/a/STYLE.CSS", "text/css; charset=utf-8"),
        ("/app.mjs", "text/javascript; charset=utf-8"),
        ("/app.wasm", "application/wasm"),
        ("/site.webmanifest", "application/manifest+json"),
        ("/photo.avif", "image/avif"),
        ("/font.woff2", "font/woff2"),
        ("/icon.svg", "image/svg+xml"),
        ("/feed.xml", "application/xml; charset=utf-8"),
        ("/data.json", "application/json"),
        ("/app.js.map", "application/json"),
        ("/.well-known/apple-app-site-association", "application/json"),
        ("/html", "application/octet-stream"),
        ("/file.unknown", "application/octet-stream"),
    ],
)
def test_content_types(path: str, expected: str) -> None:
    assert media_type(path) == expected


# Names from real builds: Vite, webpack, Create React App, esbuild, Astro, Next.js, Nuxt, Rails.
HASHED = [
    "/app.3f2a9c1b.js",
    "/static/js/main.8e4c5d2a.chunk.js",
    "/static/js/main.8e4c5d2a.js.map",
    "/static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
    "/3f2a9c1b5d.css",
    "/assets/index-DiwrgTda.js",
    "/assets/index-C_gcIYdA.js",
    "/assets/index-BZpYJZ-P.css",
    "/assets/codeMirrorModule--QdMvsKi.css",
    "/assets/vue-x-DNqxPF3E.js.map",
    "/assets/photo-na3_2uQk.svg",
    "/sub/assets/index-DiwrgTda.js",
    "/_astro/hoisted.Bc3DfG.js",
    "/_next/static/chunks/pages/index.js",
    "/_nuxt/entry.js",
    "/_app/immutable/entry/start.js",
    "/assets/application-9e107d9d372bb6826bd81d3542a419d6.css",
]
PLAIN = [
    "/app.js",
    "/index.3f2a9c1b.html",
    "/sw.js",
    "/jquery-3.7.1.min.js",
    "/bootstrap.bundle.min.js",
    "/photo-20240115.jpg",
    "/report.2024dec1.pdf",
    "/deadbeef.js",
    "/backpack.accede.js",
    "/cafebabe-facade.css",
    "/images/team-Portrait.png",
    "/images/IMG-2024May1.jpg",
    "/assets/team-Portrait.png",
    "/js/app-HomePage.js",
    "/js/index-DiwrgTda.js",
    "/fonts/OpenSans-SemiBold.woff2",
    "/assets/fonts/Roboto-Condense.woff2",
    "/_nuxt/builds/latest.json",
    "/favicon.ico",
]


def test_only_names_with_a_content_hash_are_kept_for_ever() -> None:
    policies = CachePolicies([*HASHED, *PLAIN])
    assert {p: policies.policy(p) for p in HASHED} == dict.fromkeys(HASHED, IMMUTABLE)
    assert {p: policies.policy(p) for p in PLAIN} == dict.fromkeys(PLAIN, REVALIDATE)


def test_a_folder_with_a_script_of_its_own_is_no_bundlers() -> None:
    policies = CachePolicies(["/assets/app-HomePage.js", "/assets/main.js"])
    assert policies.policy("/assets/app-HomePage.js") == REVALIDATE


_RANDOM = random.Random(1)
TEXT = b"".join(b"<p>line %d: %d</p>\n" % (n, _RANDOM.getrandbits(40)) for n in range(4000))


def test_forms_unpack_to_the_content_and_are_the_same_every_time() -> None:
    packed = compress(TEXT, "gzip", len(TEXT))
    assert packed is not None
    assert gzip.decompress(packed) == TEXT
    assert packed == compress(TEXT, "gzip", len(TEXT))
    smaller = compress(TEXT, "br", len(TEXT))
    assert smaller is not None
    assert brotli.decompress(smaller) == TEXT


def test_a_form_must_beat_what_is_sent_without_it() -> None:
    noise = random.Random(1).randbytes(50_000)
    assert compress(noise, "gzip", len(noise)) is None
    assert compress(TEXT, "br", 1500) is None
    size = len(brotli.compress(TEXT, quality=6))
    assert compress(TEXT, "br", round(size / 0.91)) is None
    assert compress(TEXT, "br", round(size / 0.89)) is not None


@pytest.mark.parametrize(
    ("path", "size", "tried"),
    [
        ("/a.html", LEAST, True),
        ("/a.html", LEAST - 1, False),
        ("/a.html", 33 * 1024 * 1024, False),
        ("/a.png", 100_000, False),
        ("/a.woff2", 100_000, False),
        ("/a.svg", 100_000, True),
        ("/a.wasm", 100_000, True),
        ("/a.unknown", 100_000, False),
    ],
)
def test_only_large_enough_text_is_compressed(path: str, size: int, tried: bool) -> None:
    assert encodings(path, size) == (("gzip", "br") if tried else ())
    assert is_compressible("/a.json")
