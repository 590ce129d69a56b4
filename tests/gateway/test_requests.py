"""What a static site answers, request by request."""

import asyncio
import gzip

import brotli
import pytest

from tests.gateway.harness import Gateway, until
from tests.gateway.sites import REVALIDATED, File, Redirect, Store, digest

HOST = "table.apps.localhost"
TEXT = b"body { margin: 0 }\n" * 500
STYLE = File(
    TEXT,
    "text/css",
    "public, max-age=31536000, immutable",
    {"gzip": gzip.compress(TEXT, mtime=0), "br": brotli.compress(TEXT)},
)
GZIP, BROTLI = STYLE.forms["gzip"], STYLE.forms["br"]
ONLY_GZIP = File(b"only gzip " * 900, "text/plain", forms={"gzip": gzip.compress(b"x", mtime=0)})
LOST = File(b"<h1>lost</h1>", forms={"gzip": gzip.compress(b"<h1>lost</h1>", mtime=0)})
VIDEO = File(bytes(range(256)) * 40, "video/mp4")
FILES: dict[str, File | Redirect] = {
    "/": File(b"<h1>home</h1>"),
    "/index.html": File(b"<h1>home</h1>"),
    "/about": File(b"<h1>about</h1>"),
    "/docs/": File(b"<h1>docs</h1>"),
    "/docs": Redirect(308, "/docs/"),
    "/old": Redirect(301, "https://example.com/new?from=old#part"),
    "/ünder": Redirect(302, "/größe"),
    "/style.css": STYLE,
    "/only-gzip.txt": ONLY_GZIP,
    "/video.mp4": VIDEO,
    "/a b+c&d.txt": File(b"odd name", "text/plain"),
    "/größe": File("größe".encode(), "text/plain; charset=utf-8"),
    "/empty.txt": File(b"", "text/plain"),
    "/404.html": LOST,
}


@pytest.fixture(scope="module")
async def site(gateway: Gateway, store: Store) -> Gateway:
    """The site of this table, online."""
    published = await store.publish(FILES, shards=3)
    await store.route(HOST, published.route(HOST, 1, not_found="/404.html"))
    return gateway


async def test_file_comes_with_headers_of_the_manifest_alone(site: Gateway) -> None:
    """Type, tag and cache policy are the manifest's; nothing of Blob's leaves."""
    answer = await site.get(HOST, "/style.css")
    assert answer.status_code == 200
    assert answer.content == TEXT
    names = {name.lower() for name in answer.headers}
    assert names == {
        *("server", "date", "connection", "content-length", "accept-ranges"),
        *("etag", "content-type", "cache-control", "vary", "x-content-type-options"),
    }
    assert answer.headers["server"] == "nginx"
    assert answer.headers["etag"] == f'"{digest(TEXT)}"'
    assert answer.headers["content-type"] == "text/css"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(answer.headers.get_list("content-type")) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"<h1>home</h1>"),
        ("/index.html", b"<h1>home</h1>"),
        ("/about", b"<h1>about</h1>"),
        ("/docs/", b"<h1>docs</h1>"),
        ("/docs/?q=1", b"<h1>docs</h1>"),
        ("//docs//", b"<h1>docs</h1>"),
        ("/docs/./", b"<h1>docs</h1>"),
        ("/docs/x/..", b"<h1>docs</h1>"),
        ("/docs/%2e%2e/about", b"<h1>about</h1>"),
        ("/docs%2F", b"<h1>docs</h1>"),
        ("/%61bout", b"<h1>about</h1>"),
        ("/a%20b+c&d.txt", b"odd name"),
        ("/gr%C3%B6%C3%9Fe", "größe".encode()),
        ("/empty.txt", b""),
    ],
)
async def test_path_is_read_as_a_path(site: Gateway, path: str, body: bytes) -> None:
    """Escapes, dot segments and doubled slashes mean what they mean; the query is no part."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    answer = await site.raw(request.encode())
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    assert answer.partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../etc/passwd", 400),
        ("/%2e%2e/%2e%2e/etc/passwd", 400),
        ("/a%00b", 400),
        ("/%zz", 400),
        ("/" + "a" * 9000, 414),
        ("/style.css/", 404),
        ("/STYLE.css", 404),
        ("/style.css%0a", 404),
        ("/style.css%09x", 404),
        ("/%ff%fe", 404),
        ("/constructor", 404),
        ("/__proto__", 404),
        ("/@answer", 404),
        ("/objects/", 404),
        ("/nginx.conf", 404),
        ("/_blob/staging/x", 404),
        ("/api/v1/me", 404),
    ],
)
async def test_path_that_is_none_is_not_found_or_refused(
    site: Gateway, path: str, status: int
) -> None:
    """What the release does not name is 404, whatever it looks like; nonsense is 400."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    answer = await site.raw(request.encode())
    assert int(answer.split(b" ", 2)[1]) == status, answer[:200]
    if status == 404:
        assert answer.partition(b"\r\n\r\n")[2] == LOST.body


@pytest.mark.parametrize(
    ("accept", "encoding", "body"),
    [
        ("", None, TEXT),
        ("identity", None, TEXT),
        ("gzip", "gzip", GZIP),
        ("br", "br", BROTLI),
        ("gzip, deflate, br, zstd", "br", BROTLI),
        ("gzip;q=1.0, br;q=0.5", "gzip", GZIP),
        ("br;q=0, gzip;q=0.2", "gzip", GZIP),
        ("br;q=0, gzip;q=0", None, TEXT),
        ("*", "br", BROTLI),
        ("*;q=0.5, br;q=0", "gzip", GZIP),
        ("identity;q=1, gzip;q=0.5", None, TEXT),
        ("GZIP", "gzip", GZIP),
        ("x-gzip", "gzip", GZIP),
        ("gzip;q=nonsense", None, TEXT),
        ("deflate", None, TEXT),
    ],
)
async def test_client_chooses_the_encoding(
    site: Gateway, accept: str, encoding: str | None, body: bytes
) -> None:
    """Quality values decide, the better form where they are equal, and the tag is that form's."""
    async with site.client(HOST) as client:
        stream = client.build_request("GET", "/style.css", headers={"accept-encoding": accept})
        answer = await client.send(stream, stream=True)
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert raw == body
    assert answer.headers["etag"] == f'"{digest(body)}"'
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_decision_of_one_client_is_not_anothers(site: Gateway) -> None:
    """Kept decisions are told apart by what clients take, in any order and any number of times."""
    wishes = {
        "gzip, deflate, br": BROTLI,
        "gzip, deflate": GZIP,
        "br": BROTLI,
        "identity": TEXT,
        "br;q=0, gzip": GZIP,
        "*;q=0": TEXT,
        "zstd, compress": TEXT,
        "X-GZIP, compress": GZIP,
    }
    for accept, body in [*wishes.items(), *reversed(wishes.items()), *wishes.items()]:
        answer = await site.get(HOST, "/style.css", accept_encoding=accept)
        assert answer.headers["etag"] == f'"{digest(body)}"', accept


@pytest.mark.parametrize("size", [0, 1, 3000, 4096, 32767, 32768, 32769, 200_000])
async def test_file_of_any_size_is_whole(
    gateway: Gateway, store: Store, host: str, size: int
) -> None:
    """Small files are sent from memory, larger ones from the file: cold, warm, and in part."""
    body = bytes(range(251)) * (size // 251 + 1)
    await store.online(host, {"/file": File(body[:size], "application/octet-stream")})
    for _ in range(3):
        answer = await gateway.get(host, "/file")
        assert answer.content == body[:size]
        assert answer.headers["content-length"] == str(size)
        part = await gateway.get(host, "/file", range="bytes=0-99")
        assert part.content == body[: min(size, 100)]


async def test_usual_request_asks_nobody(gateway: Gateway, store: Store, host: str) -> None:
    """The answer for a second client comes from the cache, by the decision of the first."""
    await store.online(host, {"/": File(b"home")})
    for _ in range(2):
        await gateway.get(host)

    async def logged() -> list[str]:
        """Both are in the log."""
        found = [line["cache"] for line in gateway.records() if line["host"] == host]
        return found if len(found) == 2 else []

    assert await until(logged) == ["MISS", "HIT"]


async def test_entry_without_forms_does_not_vary(site: Gateway) -> None:
    """A file that is stored once is the same for every client, and says so by silence."""
    answer = await site.get(HOST, "/about", accept_encoding="gzip, br")
    assert "vary" not in answer.headers
    assert "content-encoding" not in answer.headers


async def test_brotli_is_no_guess(site: Gateway) -> None:
    """A file stored with gzip alone is never answered in brotli."""
    answer = await site.get(HOST, "/only-gzip.txt", accept_encoding="br")
    assert "content-encoding" not in answer.headers
    assert answer.content == ONLY_GZIP.body


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('"{tag}"', 304),
        ('W/"{tag}"', 304),
        ('"other", "{tag}"', 304),
        ("*", 304),
        ('"other"', 200),
        ("{tag}", 200),
        ("", 200),
    ],
)
async def test_known_content_is_not_sent_again(site: Gateway, tags: str, status: int) -> None:
    """If-None-Match in every form: strong, weak, a list, any."""
    given = tags.format(tag=digest(TEXT))
    answer = await site.get(HOST, "/style.css", if_none_match=given)
    assert answer.status_code == status
    assert answer.headers["etag"] == f'"{digest(TEXT)}"'
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == (b"" if status == 304 else TEXT)


async def test_date_beside_a_tag_means_nothing(site: Gateway) -> None:
    """If-None-Match alone decides where both are sent; a date alone compares with nothing."""
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    for tag, status in ((digest(TEXT), 304), ("other", 200)):
        for _ in range(2):
            answer = await site.get(
                HOST, "/style.css", if_modified_since=date, if_none_match=f'"{tag}"'
            )
            assert answer.status_code == status
            assert answer.headers["etag"] == f'"{digest(TEXT)}"'
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["cache-control"] == STYLE.cache
    alone = await site.get(HOST, "/style.css", if_modified_since=date)
    assert alone.status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("if-match", f'"{digest(TEXT)}"', 200),
        ("if-match", "*", 200),
        ("if-match", '"other"', 412),
        ("if-unmodified-since", "Wed, 01 Jan 2025 00:00:00 GMT", 412),
    ],
)
async def test_condition_that_does_not_hold_is_refused(
    site: Gateway, name: str, value: str, status: int
) -> None:
    """If-Match is compared with the tag; there is no date that another could be compared with."""
    for _ in range(2):
        answer = await site.get(HOST, "/style.css", **{name: value})
        assert answer.status_code == status


async def test_tag_of_another_encoding_does_not_match(site: Gateway) -> None:
    """Each form has a tag of its own."""
    answer = await site.get(
        HOST, "/style.css", accept_encoding="gzip", if_none_match=f'"{digest(TEXT)}"'
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=0-999999", 206, slice(None)),
        ("bytes=10240-", 416, None),
        ("items=0-1", 200, slice(None)),
    ],
)
async def test_range_is_cut_from_the_object(
    site: Gateway, asked: str, status: int, part: slice | None
) -> None:
    """Part of a file, an end, too much, beyond the end."""
    answer = await site.get(HOST, "/video.mp4", range=asked)
    assert answer.status_code == status
    if part is not None:
        assert answer.content == VIDEO.body[part]


@pytest.mark.parametrize(("current", "status"), [(True, 206), (False, 200)])
async def test_range_of_an_older_version_gives_the_whole(
    site: Gateway, current: bool, status: int
) -> None:
    """If-Range continues a download only while the content is the same."""
    tag = f'"{digest(VIDEO.body if current else b"older")}"'
    answer = await site.get(HOST, "/video.mp4", range="bytes=0-9", if_range=tag)
    assert answer.status_code == status


async def test_head_is_get_without_the_body(site: Gateway) -> None:
    """The same headers, also for an object that nobody has fetched yet."""
    async with site.client(HOST) as client:
        head = await client.head("/a%20b+c&d.txt")
        whole = await client.get("/a%20b+c&d.txt")
    assert head.status_code == 200
    assert head.content == b""
    assert dict(head.headers) | {"date": ""} == dict(whole.headers) | {"date": ""}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
async def test_files_can_only_be_read(site: Gateway, method: str) -> None:
    """Any other method is refused, with those that go, and its body is not the next request."""
    body = b"GET /about HTTP/1.1\r\nHost: smuggled.apps.localhost\r\n\r\n"
    head = f"{method} / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    last = f"GET /about HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    answers = await site.raw(head.encode() + body + last.encode())
    assert answers.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, HEAD\r\n" in answers
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.endswith(b"<h1>about</h1>")


@pytest.mark.parametrize("path", ["/", "/docs", "/nowhere", "/style.css"])
async def test_body_of_a_get_is_not_the_next_request(site: Gateway, path: str) -> None:
    """Whatever is answered, a body that a GET carries is read and dropped."""
    body = b"GET /about HTTP/1.1\r\nHost: smuggled.apps.localhost\r\n\r\n"
    tag = f'If-None-Match: "{digest(TEXT)}"\r\n'
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{tag}Content-Length: {len(body)}\r\n\r\n"
    last = f"GET /about HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    answers = await site.raw(head.encode() + body + last.encode())
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.endswith(b"<h1>about</h1>")


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/docs", 308, "/docs/"),
        ("/docs?a=1&b=2", 308, "/docs/?a=1&b=2"),
        ("/old", 301, "https://example.com/new?from=old#part"),
        ("/old?a=1", 301, "https://example.com/new?from=old&a=1#part"),
        ("/%C3%BCnder", 302, "/gr%C3%B6%C3%9Fe"),
        ("/docs?x=%0d%0aSet-Cookie:%20a=b", 308, "/docs/?x=%0d%0aSet-Cookie:%20a=b"),
    ],
)
async def test_redirect_keeps_the_query(
    site: Gateway, path: str, status: int, location: str
) -> None:
    """A redirect goes where the manifest says, relative to where the client is."""
    answer = await site.get(HOST, path)
    assert answer.status_code == status
    assert answer.headers["location"] == location


async def test_unknown_path_shows_the_sites_own_page(site: Gateway) -> None:
    """The not-found page is an object like others, but 404, for now, and never a part of it."""
    for path in ("/nowhere", "/nowhere", "/nowhere/else.png"):
        answer = await site.get(HOST, path, range="bytes=0-3")
        assert answer.status_code == 404
        assert answer.content == LOST.body
        assert answer.headers["cache-control"] == REVALIDATED
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "etag" not in answer.headers


async def test_not_found_page_is_encoded_too(site: Gateway) -> None:
    """Under 404 as under 200 the client's choice of form holds."""
    answer = await site.get(HOST, "/nowhere", accept_encoding="gzip")
    assert answer.status_code == 404
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == "<h1>lost</h1>"


async def test_site_without_a_page_of_its_own_shows_ours(
    gateway: Gateway, store: Store, host: str
) -> None:
    """Without a 404 page the gateway says what is wrong and where to go."""
    await store.online(host, {"/": File(b"home")})
    answer = await gateway.get(host, "/nowhere")
    assert answer.status_code == 404
    assert "This page does not exist" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/orders/42", "text/html,*/*", 200),
        ("/orders/42/", "text/html", 200),
        ("/orders/42", "application/json", 404),
        ("/assets/gone.js", "text/html", 404),
    ],
)
async def test_fallback_stands_for_pages_alone(
    gateway: Gateway, store: Store, host: str, path: str, accept: str, status: int
) -> None:
    """A single-page application gets its page for what looks like one, and 404 for the rest."""
    app = File(b"<div id=app></div>")
    await store.online(host, {"/index.html": app}, fallback="/index.html")
    for _ in range(2):
        answer = await gateway.get(host, path, accept=accept)
        assert answer.status_code == status
        assert (answer.content == app.body) == (status == 200)


async def test_permalink_is_not_indexed(gateway: Gateway, store: Store, host: str) -> None:
    """A route may ask search engines to stay away."""
    await store.online(host, {"/": File(b"home")}, noindex=True)
    for _ in range(2):
        answer = await gateway.get(host)
        assert answer.headers["x-robots-tag"] == "noindex"


async def test_header_of_a_manifest_cannot_add_a_line(
    gateway: Gateway, store: Store, host: str
) -> None:
    """A type with a line feed in it leaves the path out; a cache policy falls back."""
    evil = "text/html\r\nSet-Cookie: a=b"
    await store.online(
        host, {"/type": File(b"1", evil), "/cache": File(b"2", cache=evil)}, not_found="/none"
    )
    assert (await gateway.get(host, "/type")).status_code == 404
    answer = await gateway.get(host, "/cache")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == REVALIDATED
    assert "set-cookie" not in answer.headers


async def test_long_headers_of_a_manifest_fit(gateway: Gateway, store: Store, host: str) -> None:
    """The longest type and cache policy that are believed are cached; a longer policy is not."""
    long = File(b"1", "text/" + "t" * 507, "max-age=" + "1" * 504, {"br": b"2"})
    await store.online(host, {"/long": long, "/longer": File(b"3", cache="m" * 513)}, noindex=True)
    for _ in range(2):
        answer = await gateway.get(host, "/long")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == long.type
        assert answer.headers["cache-control"] == long.cache
        assert answer.headers["x-robots-tag"] == "noindex"
    assert (await gateway.get(host, "/longer")).headers["cache-control"] == REVALIDATED

    async def logged() -> list[str]:
        """All three are in the log."""
        found = [line["cache"] for line in gateway.records() if line["host"] == host]
        return found if len(found) == 3 else []

    assert await until(logged) == ["MISS", "HIT", "MISS"]


async def test_cold_object_is_fetched_once(gateway: Gateway, store: Store, host: str) -> None:
    """Twenty clients at once make one read of an object, and each gets it whole."""
    page = File(b"x" * 300_000, "application/octet-stream")
    await store.online(host, {"/big": page})
    answers = await asyncio.gather(*(gateway.get(host, "/big") for _ in range(20)))
    assert all(answer.content == page.body for answer in answers)

    async def logged() -> list[str]:
        """All twenty are in the log."""
        found = [line["cache"] for line in gateway.records() if line["host"] == host]
        return found if len(found) == 20 else []

    assert (await until(logged)).count("MISS") == 1
