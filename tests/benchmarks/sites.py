"""The site that publishing is measured with: seeded, so that every run has the same bytes."""

import io
import random
import zipfile
from collections.abc import Mapping

_WORDS = """
    the of a to in is you that it for on are with as at be this have from or one had by word
    but not what all were we when your can said there use an each which she do how their if
    will up deployment release gateway archive publish object digest header cache route
    manifest shard
""".split()  # noqa: SIM905, a word a line would be a page


def make_site(seed: int = 7, files: int = 1000) -> dict[str, bytes]:
    """35 % HTML of 2-60 KB, 10 % scripts and styles of 1-200 KB, the rest images of 2-100 KB."""
    random_ = random.Random(seed)
    site = {"index.html": _page(random_, 0, 12_000)}
    for number in range(1, files):
        share = number / files
        if share < 0.35:
            site[f"pages/{number}.html"] = _page(random_, number, random_.randint(2, 60) * 1000)
        elif share < 0.45:
            kind = random_.choice(("js", "css"))
            site[f"assets/{number}.{kind}"] = _script(random_, random_.randint(1, 200) * 1000)
        else:
            kind = random_.choice(("png", "jpg", "webp", "woff2"))
            site[f"images/{number}.{kind}"] = random_.randbytes(random_.randint(2, 100) * 1000)
    return site


def change(site: Mapping[str, bytes], share: float = 0.01) -> dict[str, bytes]:
    """The same site with some files changed: every hundredth, of each kind."""
    changed = dict(site)
    for path in list(site)[:: round(1 / share)]:
        changed[path] = site[path] + b" "
    return changed


def pack(site: Mapping[str, bytes]) -> bytes:
    """A ZIP file as any tool writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in site.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def _page(random_: random.Random, number: int, size: int) -> bytes:
    parts = [f"<!doctype html><title>Page {number}</title>\n<main>"]
    length = len(parts[0])
    while length < size:
        words = " ".join(random_.choices(_WORDS, k=random_.randint(8, 40)))
        part = f'<p class="text-{random_.randint(1, 9)}">{words} {random_.randint(0, 10**6)}</p>\n'
        parts.append(part)
        length += len(part)
    return "".join(parts).encode()


def _script(random_: random.Random, size: int) -> bytes:
    parts: list[str] = []
    length = 0
    while length < size:
        name = "".join(random_.choices("abcdefghijklmnop", k=random_.randint(1, 6)))
        words = random_.choice(_WORDS)
        part = f"function {name}(t,e){{return t.{words}({random_.randint(0, 10**5)},e)}};"
        parts.append(part)
        length += len(part)
    return "".join(parts).encode()
