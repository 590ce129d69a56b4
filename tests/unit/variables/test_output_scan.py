"""Secrets in the output: every form, across every boundary, and what is not looked for."""

import base64
import html
import io
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.sites.secrets import OutputScanner, SecretInOutput

SECRET = 'p@ss/w0rd+&<"quote\'d">é!'
TOKEN = "sk_live_51HxTokenThatIsLong"


def found(scanner: OutputScanner, data: bytes, path: str = "/app.js") -> str:
    """What is told of a file, or nothing."""
    try:
        scanner.check(path, data)
    except SecretInOutput as error:
        detail = error.detail
    else:
        return ""
    assert SECRET not in detail
    assert TOKEN not in detail
    return detail


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="!*'()"),
        re.sub("%..", lambda escape: escape[0].lower(), quote(SECRET, safe="")),
        quote_plus(SECRET + " x"),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET, ensure_ascii=False), ensure_ascii=False),
        json.dumps(SECRET).replace("/", "\\/"),
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        html.escape(SECRET).replace("&#x27;", "&#39;"),
        SECRET.replace("'", "\\'"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"u:{SECRET}".encode()).decode(),
        base64.b64encode(f"ab:{SECRET}:c".encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"xy{SECRET}?".encode()).decode().rstrip("="),
    ],
)
def test_a_value_is_found_in_every_form(form: str) -> None:
    """As bundlers, templates and encoders write it."""
    detail = found(OutputScanner({"PASSWORD": SECRET}), f"a\nb = '{form}'".encode())

    assert detail.startswith("“app.js”, line 2, holds the value of the secret variable PASSWORD.")


@given(st.text(min_size=12, max_size=40), st.binary(max_size=40), st.integers(0, 3))
def test_any_value_is_found_wherever_it_begins(value: str, before: bytes, shift: int) -> None:
    """At every alignment, plain and in base64."""
    try:
        encoded = value.strip().encode()
    except UnicodeEncodeError:
        return
    scanner = OutputScanner({"A": value})
    if not scanner.searches:
        return
    coded = base64.b64encode(b"?" * shift + encoded + b"!")
    for data in (before + encoded + b"!", before + coded):
        with pytest.raises(SecretInOutput):
            scanner.check("/x", data)


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(0, 120), st.sampled_from([TOKEN, "elevenchars", SECRET]))
def test_a_value_is_found_across_the_pieces_of_a_large_file(
    piece: int, before: int, value: str
) -> None:
    """Wherever a piece ends, line and column are those of the file."""
    data = b"x\n" * 3 + b"y" * before + value.encode() + b"\nrest" * 20
    with pytest.raises(SecretInOutput, match="line 4,") as caught:
        OutputScanner({"A": value}).check_stream("/large.bin", io.BytesIO(data), piece)
    with pytest.raises(SecretInOutput) as whole:
        OutputScanner({"A": value}).check("/large.bin", data)
    assert caught.value.detail == whole.value.detail


def test_a_long_line_is_told_with_its_column() -> None:
    """In minified code the line alone helps nobody."""
    detail = found(OutputScanner({"A": TOKEN}), b"x" * 5000 + TOKEN.encode())

    assert detail.startswith("“app.js”, line 1, column 5001, holds")


def test_the_first_of_several_is_told() -> None:
    """Whoever mends the file goes from its top to its end."""
    data = b"\n" + SECRET.encode() + b"\n" + TOKEN.encode()

    assert "line 2, holds the value of the secret variable B" in found(
        OutputScanner({"A": TOKEN, "B": SECRET}), data
    )


def test_a_bundlers_prefix_is_explained() -> None:
    """The usual cause is told with the way out."""
    scanner = OutputScanner({"VITE_API_KEY": TOKEN, "OTHER": SECRET})

    assert "begins with VITE_ into the pages" in found(scanner, TOKEN.encode())
    assert "VITE_" not in found(scanner, SECRET.encode())


def test_a_value_in_a_name_is_found_and_the_name_not_told() -> None:
    """A path is as public as a page."""
    detail = found(OutputScanner({"A": TOKEN}), b"", f"/{TOKEN}.html")

    assert detail.startswith("The name of a file in the output holds the value")


@pytest.mark.parametrize(
    "value",
    ["short", "true", "production", "12345678", "Localhost", "http://localhost", "********"],
)
def test_what_is_in_every_site_is_not_searched_and_named(value: str) -> None:
    """Nobody shall believe that such a value is looked for."""
    scanner = OutputScanner({"A": value, "B": TOKEN, "EMPTY": ""})

    assert scanner.ignored == ("A",)
    assert found(scanner, f"x {value} y".encode()) == ""


def test_without_secrets_nothing_is_searched() -> None:
    """The publisher can leave the look out."""
    assert not OutputScanner({}).searches
    assert not OutputScanner({"A": "", "B": "short"}).searches
    assert found(OutputScanner({}), b"anything") == ""


def test_surrounding_blanks_of_a_value_do_not_hide_it() -> None:
    """A value that was pasted with its line break is found without it."""
    assert found(OutputScanner({"A": f"{TOKEN}\n"}), f"'{TOKEN}'".encode())


def test_a_key_of_several_lines_is_found_as_it_stands_and_escaped() -> None:
    """In a template literal, with Windows line ends, and as one JSON text."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"
    scanner = OutputScanner({"KEY": key})

    for text in (key, key.replace("\n", "\r\n"), json.dumps(key)):
        assert found(scanner, text.encode())


def test_innocent_files_pass() -> None:
    """Parts of values, other cases and near misses are none."""
    scanner = OutputScanner({"A": TOKEN, "B": "elevenchars"})
    data = f"{TOKEN[:-1]} {TOKEN[1:]} {TOKEN.upper()} elevenchar levenchars".encode()

    assert found(scanner, data * 50) == ""
