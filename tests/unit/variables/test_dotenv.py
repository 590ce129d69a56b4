"""Dotenv texts: what they set, and every line that is wrong."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.variables.dotenv import parse
from shared.variables.errors import InvalidDotenv
from shared.variables.names import name_problem

NAMES = st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,20}\Z").filter(lambda name: name_problem(name) is None)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=80)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=\nB=2", {"A": "", "B": "2"}),
        ("  export A = 1  \n", {"A": "1"}),
        ("export=1", {"export": "1"}),
        ("# only a comment\n\n   # another\nA=1 # why", {"A": "1"}),
        ("A=a#b", {"A": "a#b"}),
        ("A=#b", {"A": ""}),
        ("A=https://x.test/#top", {"A": "https://x.test/#top"}),
        ("A='a # b' # c", {"A": "a # b"}),
        ('A="a # b"# c', {"A": "a # b"}),
        ("A='\\n$B'", {"A": "\\n$B"}),
        (r'A="1\n2\t\"3\" \\ \$B \q"', {"A": '1\n2\t"3" \\ $B \\q'}),
        ('A="one\ntwo\n"\nB=3', {"A": "one\ntwo\n", "B": "3"}),
        ("A='one\ntwo'", {"A": "one\ntwo"}),
        ("A=it's fine", {"A": "it's fine"}),
        ("A=x=y=z==", {"A": "x=y=z=="}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ('A="1\r\n2"', {"A": "1\n2"}),
        ("A=ü ö", {"A": "ü ö"}),
        ("", {}),
    ],
)
def test_a_text_sets(text: str, values: dict[str, str]) -> None:
    """The usual spellings mean what they mean elsewhere."""
    assert parse(text).values == values


def test_nothing_is_filled_in_and_that_is_said() -> None:
    """Whoever relies on ``$NAME`` reads that it stays."""
    found = parse("HOST=x.test\nURL=https://${HOST}/$PATH\nPRICE=5$")

    assert found.values["URL"] == "https://${HOST}/$PATH"
    assert found.notes == ["line 2: the $ in URL is kept as it stands, nothing is filled in"]


def test_every_wrong_line_is_told_at_once_and_no_value_with_it() -> None:
    """One look suffices to mend a file."""
    text = "\n".join(
        [
            "GOOD=1",
            "leaked-token-1",
            "2FAST=leaked-token-2",
            "A-B=leaked-token-3",
            "PATH=leaked-token-4",
            'QUOTED="leaked-token-5" tail',
            "GOOD=leaked-token-6",
            "MULTI='x",
            "y'",
            "OPEN='leaked-token-7",
        ]
    )
    with pytest.raises(InvalidDotenv) as caught:
        parse(text)

    lines = [problem.field for problem in caught.value.fields]
    assert lines == [f"text.line.{n}" for n in (2, 3, 4, 5, 6, 7, 10)]
    told = caught.value.detail + repr(caught.value.fields)
    assert "leaked" not in told
    assert "PATH is reserved" in told
    assert "GOOD is set in line 1 already" in told


def test_a_key_without_quotes_shows_in_no_message() -> None:
    """The lines of a pasted key are not repeated, though each looks like half a variable."""
    text = "KEY=-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg+kqhk/iG9w==\n-----END PRIVATE KEY-----"
    with pytest.raises(InvalidDotenv) as caught:
        parse(text)

    assert "MIIE" not in caught.value.detail
    assert {p.field for p in caught.value.fields} == {"text.line.2", "text.line.3"}


@pytest.mark.parametrize("filler", [" ", "\t", "#", "'", '"', "=", "\\", "export "])
def test_long_lines_are_read_in_one_go(filler: str) -> None:
    """What a hostile text repeats costs its length, not its square."""
    for text in (f"A{filler * 60_000}b", f"A={filler * 60_000}b", f'A="{filler * 60_000}b'):
        try:
            found = set(parse(text).values)
        except InvalidDotenv as error:
            found = {problem.field for problem in error.fields}
        assert found in ({"A"}, {"text.line.1"})


def test_many_problems_are_counted_beyond_the_first() -> None:
    """A picture sent by mistake does not make an endless message."""
    with pytest.raises(InvalidDotenv, match=r"\(and 950 more\)"):
        parse("nothing\n" * 1000)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.booleans())
def test_what_is_written_quoted_is_read_again(values: dict[str, str], crlf: bool) -> None:
    """Any value survives double quotes, whatever it holds."""
    table = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    lines = [f'{name}="{value.translate(table)}"' for name, value in values.items()]
    text = ("\r\n" if crlf else "\n").join(lines)

    assert parse(text).values == values


@given(st.text(alphabet=string.printable + "üß\ufeff\u2028", max_size=200))
def test_any_text_is_read_or_refused_by_line(text: str) -> None:
    """No text makes the reader fail otherwise, or hang."""
    try:
        found = parse(text)
    except InvalidDotenv as error:
        told = [int(problem.field.rpartition(".")[2]) for problem in error.fields]
        names: list[str] = []
    else:
        told, names = [], list(found.values)
    assert all(1 <= line <= len(text.splitlines()) + 1 for line in told)
    assert all(name_problem(name) is None for name in names)
