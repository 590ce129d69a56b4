"""Which files of a folder stay at home: the rules of ``.gitignore`` and ``.astrocloudignore``.

Rules are Git's: the last that fits decides, deeper files go before shallower ones, and nothing
below an ignored folder comes back. ``.astrocloudignore`` goes before all ``.gitignore``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

GIT = ".gitignore"
OURS = ".astrocloudignore"
_SPACES = re.compile(r"(?<!\\)((?:\\\\)*) +$")
_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "xdigit": "0-9a-fA-F",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: what it fits, below the folder of its file."""

    fits: re.Pattern[str]
    folders_only: bool
    ignores: bool


class Ignore:
    """The rules that hold in one folder, given those of the folders above it."""

    def __init__(self, above: "Ignore | None" = None, path: str = "") -> None:
        self._path = path
        self._git: list[tuple[str, list[Rule]]] = list(above._git) if above else []
        self._ours: list[tuple[str, list[Rule]]] = list(above._ours) if above else []

    @classmethod
    def of(cls, folder: Path, *, git: bool = True) -> "Ignore":
        """The rules at a folder, with those of the repository around it."""
        folder = folder.resolve()
        top = repository_of(folder) if git else None
        ignore = cls()
        if top is not None:
            ignore._git.append(("", _rules(top / ".git" / "info" / "exclude")))
            parts = folder.relative_to(top).parts
            for depth, part in enumerate(parts):
                ignore._git.append((ignore._path, _rules(top.joinpath(*parts[:depth]) / GIT)))
                ignore = cls(ignore, f"{ignore._path}{part}/")
        return ignore._with(folder, git=git)

    def below(self, name: str, folder: Path, *, git: bool = True) -> "Ignore":
        """The rules of a folder in this one."""
        return Ignore(self, f"{self._path}{name}/")._with(folder, git=git)

    def why(self, name: str, *, is_folder: bool) -> str | None:
        """The kind of file whose rule leaves this entry out; None where none does."""
        path = _bytes(f"{self._path}{name}")
        for kind, levels in ((OURS, self._ours), (GIT, self._git)):
            decision = _decision(levels, path, is_folder)
            if decision is not None:
                return kind if decision else None
        return None

    def _with(self, folder: Path, *, git: bool) -> "Ignore":
        if git:
            self._git.append((self._path, _rules(folder / GIT)))
        self._ours.append((self._path, _rules(folder / OURS)))
        return self


def repository_of(folder: Path) -> Path | None:
    """The folder of the Git repository around this one."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _decision(levels: Sequence[tuple[str, list[Rule]]], path: str, is_folder: bool) -> bool | None:
    for base, rules in reversed(levels):
        below = path[len(_bytes(base)) :]
        for rule in reversed(rules):
            if (is_folder or not rule.folders_only) and rule.fits.fullmatch(below):
                return rule.ignores
    return None


def _rules(file: Path) -> list[Rule]:
    try:
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError:
        return []  # most folders have none
    return [rule for line in text.split("\n") if (rule := rule_of(line)) is not None]


def _bytes(text: str) -> str:
    """A character a byte: for Git, ``?`` is one byte and not one letter."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def rule_of(line: str) -> Rule | None:
    """The rule of a line; None for a comment, an empty line, or what Git never lets fit."""
    line = _SPACES.sub(r"\1", _bytes(line.rstrip("\r")))
    if not line or line.startswith("#"):
        return None
    ignores = not line.startswith("!")
    text = line if ignores else line[1:]
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    try:
        body = "".join(_segments(text.split("/")))
    except ValueError:
        return None
    start = "" if anchored else "(?:[^/]+/)*"
    return Rule(re.compile(start + body, re.DOTALL), folders_only, ignores)


def _segments(names: Sequence[str]) -> Iterator[str]:
    last = len(names) - 1
    for number, name in enumerate(names):
        if name != "**":
            yield _name(name) + ("" if number == last else "/")
        elif number == last:
            yield ".+"
        elif number == 0 or names[number - 1] != "**":
            yield "(?:[^/]+/)*"


def _name(text: str) -> str:
    """One name; raises ValueError for an open bracket or a backslash at the end."""
    found: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*":
            if not (found and found[-1] == "[^/]*"):
                found.append("[^/]*")
        elif char == "?":
            found.append("[^/]")
        elif char == "\\":
            if at == len(text):
                raise ValueError("nothing is behind the backslash")
            found.append(re.escape(text[at]))
            at += 1
        elif char == "[":
            piece, at = _set(text, at)
            found.append(piece)
        else:
            found.append(re.escape(char))
    return "".join(found)


def _set(text: str, at: int) -> tuple[str, int]:
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    inside, first = "", True
    while at < len(text):
        if text[at] == "]" and not first:
            return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1
        first = False
        if known := re.match(r"\[:(\w+):\]", text[at:]):
            inside += _POSIX.get(known[1], "")
            at += known.end()
            continue
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            inside += re.escape(text[at])
        else:
            inside += "-" if text[at] == "-" else re.escape(text[at])
        at += 1
    raise ValueError("the bracket is not closed")
