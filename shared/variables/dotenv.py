"""Reads dotenv text: every variable, or every line that cannot be used, told all at once.

No message repeats any of a value, nor a name that may be a piece of one. Nothing is filled in: a
``$`` is a character like any other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import FieldProblem
from shared.variables.errors import InvalidDotenv
from shared.variables.names import name_problem, value_problem

_MOST_TOLD = 50
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|$)")
_BLANKS = " \t"
_EXPORT = re.compile(r"export[ \t]+(?=\S)")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*$")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\{|[A-Za-z_])")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "$": "$", "\n": ""}


@dataclass(slots=True)
class Dotenv:
    """What a text sets, in its order, and what may surprise in it."""

    values: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(text: str) -> Dotenv:
    """Read a whole text; raises InvalidDotenv with a field a line that is wrong."""
    reader = _Reader(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    reader.read()
    if reader.problems:
        raise _refusal(reader.problems)
    return reader.found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._lines: dict[str, int] = {}
        self.found = Dotenv()
        self.problems: list[tuple[int, str]] = []

    def read(self) -> None:
        while self._at < len(self._text):
            start = self._line
            stripped = self._rest_of_line().strip()
            if stripped and not stripped.startswith("#"):
                self._entry(start)
            self._next_line()

    def _entry(self, line: int) -> None:
        head, sign, value_text = self._rest_of_line().partition("=")
        if not sign:
            self._problem(line, "there is no NAME=value here: begin a comment with #")
            return
        name = head.strip(_BLANKS)
        exported = _EXPORT.match(name)
        name = name[exported.end() :] if exported else name
        self._at += len(head) + 1 + len(value_text) - len(value_text.lstrip(_BLANKS))
        value = self._value(line)
        if value is not None:
            self._take(line, name, value)

    def _value(self, line: int) -> str | None:
        """The value from here on; what follows a closing quote is looked at, too."""
        quote = self._text[self._at : self._at + 1]
        if quote not in ("'", '"') or not quote:
            return _COMMENT.sub("", self._rest_of_line()).strip()
        found = (_SINGLE if quote == "'" else _DOUBLE).match(self._text, self._at)
        if found is None:
            self._problem(line, f"the {quote} that begins the value is closed nowhere")
            return None
        self._line += found[0].count("\n")
        self._at = found.end()
        if not _REST.match(self._text, self._at):
            self._problem(line, f"something follows the closing {quote}: only a comment may")
            return None
        return found[1] if quote == "'" else _ESCAPE.sub(_unescaped, found[1])

    def _take(self, line: int, name: str, value: str) -> None:
        problem = name_problem(name) or value_problem(value)
        if problem is None and name in self._lines:
            problem = f"{name} is set in line {self._lines[name]} already: keep one of them"
        if problem is not None:
            self._problem(line, problem)
            return
        self._lines[name] = line
        self.found.values[name] = value
        if _REFERENCE.search(value):
            self.found.notes.append(
                f"line {line}: the $ in {name} is kept as it stands, nothing is filled in"
            )

    def _problem(self, line: int, reason: str) -> None:
        self.problems.append((line, reason))

    def _rest_of_line(self) -> str:
        end = self._text.find("\n", self._at)
        return self._text[self._at : end if end >= 0 else len(self._text)]

    def _next_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = end + 1 if end >= 0 else len(self._text)
        self._line += 1


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[0])


def _refusal(problems: Sequence[tuple[int, str]]) -> InvalidDotenv:
    told = problems[:_MOST_TOLD]
    more = f" (and {len(problems) - len(told)} more)" if len(problems) > len(told) else ""
    lines = "; ".join(f"line {line}: {reason}" for line, reason in told)
    return InvalidDotenv(
        f"Nothing was imported. {lines}{more}",
        fields=[FieldProblem(f"text.line.{line}", reason) for line, reason in told],
    )
