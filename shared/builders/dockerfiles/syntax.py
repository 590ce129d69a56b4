"""Writes single instructions, so that no text of a stranger is ever read as another one.

A Dockerfile is lines: a newline, a backslash at an end, a heredoc mark or a directive in the
first lines would all begin something new. So a stranger's text stands in the exec form of
``RUN`` only, as JSON in which everything that a parser of Dockerfiles looks for is escaped.
"""

from collections.abc import Sequence

from shared.builders.dockerfiles.errors import SpecNotSupported

# `<` begins a heredoc, a backslash escapes, quotes begin words; all else that is ASCII is text.
_PLAIN = {chr(code) for code in range(0x20, 0x7F)} - set("<\\\"'`")


def word(text: str) -> str:
    """A text as JSON of plain ASCII, whose only escapes are ``\\uXXXX``."""
    if "\0" in text:
        raise SpecNotSupported("A command or folder holds a NUL character. Next: take it out.")
    return f'"{"".join(mark if mark in _PLAIN else _escaped(mark) for mark in text)}"'


def _escaped(mark: str) -> str:
    try:
        units = mark.encode("utf-16-be").hex()
    except UnicodeEncodeError:
        raise SpecNotSupported(
            "A command or folder holds half of a character (a lone surrogate). Next: correct it."
        ) from None
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def run(words: Sequence[str], mounts: Sequence[str] = ()) -> str:
    """``RUN`` in exec form: no shell but the one that it names reads these words."""
    flags = "".join(f"--mount={mount} " for mount in mounts)
    return f"RUN {flags}{words_of(words)}"


def words_of(words: Sequence[str]) -> str:
    """The exec form of an instruction."""
    return f"[{', '.join(word(text) for text in words)}]"
