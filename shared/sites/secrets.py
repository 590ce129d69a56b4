"""Searches a site's files for secret values before anybody can read them.

A value is found as it stands, and URL-encoded, escaped for JSON (also twice), for HTML, and in
base64 wherever in the encoded text it begins. What is not found: a value that was encrypted,
hashed, cut into pieces, or put into a compressed file (.gz, .br, .zip, pictures).
"""

import base64
import html
import io
import json
import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from urllib.parse import quote, quote_plus

from shared.sites.errors import ArchiveRefused, shown

SHORTEST = 8
_SHORTEST_DIGITS = 12
_PIECE = 1024 * 1024
_GLANCE = 256 * 1024
_WORD = 8
_LONG = 2 * _WORD - 1
_LONG_LINE = 200
_CONTEXT = 64 * 1024
_COMMON = frozenset(
    (
        *("production", "development", "staging", "preview", "undefined", "localhost", "password"),
        *("postgres", "postgresql", "disabled", "username", "database", "function", "external"),
        *("internal", "anonymous", "administrator", "127.0.0.1", "localhost:3000", "example.com"),
        *("http://localhost", "http://localhost:3000", "http://localhost:8080"),
        "https://example.com",
    )
)
_PUBLIC_PREFIXES = (
    *("VITE_", "NEXT_PUBLIC_", "NUXT_PUBLIC_", "REACT_APP_", "PUBLIC_", "GATSBY_", "VUE_APP_"),
    *("EXPO_PUBLIC_", "STORYBOOK_", "NG_APP_"),
)


class SecretInOutput(ArchiveRefused):
    """A file that everybody could read holds the value of a secret variable."""

    code, title = "secret_in_output", "A secret is in the output"


class OutputScanner:
    """Looks for the values of secret variables; safe to use from several threads.

    ``ignored`` names those whose values are too short or too common to be looked for: they
    would be found in every site.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        values = {name: value.strip() for name, value in secrets.items()}
        self.ignored = tuple(sorted(n for n, v in values.items() if v and is_common(v)))
        self._forms: dict[bytes, str] = {}
        for name, value in sorted(values.items()):
            if value and not is_common(value):
                self._forms.update((form, name) for form in _forms(value))
        self._longest = max(map(len, self._forms), default=0)
        # Any text of 15 bytes covers an aligned word of 8: those words, at all offsets, are looked
        # up in one pass, however many secrets there are. Few shorter forms are searched singly.
        self._short = [form for form in self._forms if len(form) < _LONG]
        self._words: dict[int, set[bytes]] = {}
        for form in self._forms:
            for word in _words(form) if len(form) >= _LONG else ():
                self._words.setdefault(word, set()).add(form)
        self._known = frozenset(self._words)

    @property
    def searches(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._forms)

    def check(self, path: str, content: bytes | BinaryIO) -> None:
        """Look through a file and its path; raises SecretInOutput."""
        self._check_path(path)
        if isinstance(content, bytes):
            self.check_bytes(path, content)
        else:
            self.check_stream(path, content)

    def check_bytes(self, path: str, data: bytes) -> None:
        """Look through a file that is in memory; raises SecretInOutput."""
        found = self._find(data)
        if found is not None:
            raise self._refusal(path, io.BytesIO(data), *found)

    def check_stream(self, path: str, file: BinaryIO, piece: int = _PIECE) -> None:
        """Look through a file from its beginning, a piece at a time; raises SecretInOutput."""
        file.seek(0)
        before, carried = 0, b""
        while data := file.read(piece):
            window = carried + data
            found = self._find(window)
            if found is not None:
                raise self._refusal(path, file, before + found[0], found[1])
            keep = min(len(window), max(self._longest - 1, 0))
            carried = window[len(window) - keep :]
            before += len(window) - keep

    def _check_path(self, path: str) -> None:
        found = self._find(path.encode(errors="surrogateescape"))
        if found is not None:
            name = self._forms[found[1]]
            raise SecretInOutput(
                f"The name of a file in the output holds the value of the secret variable {name}."
                f" {_next_step(name)}"
            )

    def _find(self, data: bytes) -> tuple[int, bytes] | None:
        """The first place of a form, and which one it is."""
        hits = [(at, form) for form in self._candidates(data) if (at := data.find(form)) >= 0]
        return min(hits, default=None)

    def _candidates(self, data: bytes) -> Iterator[bytes]:
        yield from self._short
        seen: set[bytes] = set()
        if self._words:
            view = memoryview(data)[: len(data) // _WORD * _WORD]
            # Small glances: a thread keeps the interpreter to itself during each.
            for start in range(0, len(view), _GLANCE):
                words = view[start : start + _GLANCE].cast("Q")
                if not self._known.isdisjoint(words):
                    for word in self._known & set(words):
                        seen |= self._words[word]
        yield from seen

    def _refusal(self, path: str, file: BinaryIO, at: int, form: bytes) -> SecretInOutput:
        name = self._forms[form]
        line, column, is_long = _place(file, at)
        where = f"line {line}, column {column}" if is_long else f"line {line}"
        return SecretInOutput(
            f"{shown(path.lstrip('/'))}, {where}, holds the value of the secret variable {name}."
            f" {_next_step(name)}"
        )


def is_common(value: str) -> bool:
    """Whether a value is too short or too ordinary to be looked for."""
    if value.isdigit():
        return len(value) < _SHORTEST_DIGITS
    short = len(value.encode(errors="surrogatepass")) < SHORTEST
    return short or value.lower() in _COMMON or len(set(value)) == 1


def _forms(value: str) -> Iterator[bytes]:
    """The texts by which a value can show."""
    once = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    twice = {json.dumps(text, ensure_ascii=False)[1:-1] for text in once}
    encoded = {quote(value, safe=""), quote(value), quote(value, safe="!*'()"), quote_plus(value)}
    texts = {
        *(value, value.replace("\n", "\r\n")),
        *once,
        *twice,
        *(text.replace("/", "\\/") for text in once),
        *(value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n"),),
        *encoded,
        *(_lower_escapes(text) for text in encoded),
        *(html.escape(value), html.escape(value, quote=False)),
        *(html.escape(value).replace("&#x27;", "&#39;"), value.replace("&", "&amp;")),
        *(html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),),
    }
    yield from (text.encode() for text in texts)
    for shift in range(3):
        core = _base64(value.encode(), shift)
        yield from {core, core.translate(bytes.maketrans(b"+/", b"-_"))}


def _base64(value: bytes, shift: int) -> bytes:
    """The part of the encoded text that is the value's alone, whatever stands around it."""
    encoded = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
    first = (0, 2, 3)[shift]
    return encoded[first : len(encoded) - bool((shift + len(value)) % 3)]


def _lower_escapes(text: str) -> str:
    """``%2F`` as ``%2f``."""
    head, *rest = text.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _words(form: bytes) -> Iterator[int]:
    for offset in range(_WORD):
        yield int.from_bytes(form[offset : offset + _WORD], sys.byteorder)


def _place(file: BinaryIO, at: int) -> tuple[int, int, bool]:
    """Line and column of a byte, both from 1, and whether the line is a long one."""
    file.seek(0)
    line, begin, read = 1, 0, 0
    while read < at:
        data = file.read(min(_CONTEXT, at - read))
        line += data.count(b"\n")
        last = data.rfind(b"\n")
        begin = read + last + 1 if last >= 0 else begin
        read += len(data)
    return line, at - begin + 1, at - begin >= _LONG_LINE


def _next_step(name: str) -> str:
    prefix = next((p for p in _PUBLIC_PREFIXES if name.startswith(p)), None)
    if prefix is not None:
        return (
            f"The bundler puts every variable that begins with {prefix} into the pages: where this"
            " one is meant to be public, make it a plain variable; else give it another name, and"
            " a new value if the old one was ever published"
        )
    return (
        "Use it in code that runs during the build or on a server only; where it is meant to be"
        " public, make it a plain variable"
    )
