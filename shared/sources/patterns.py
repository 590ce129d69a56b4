"""Patterns of paths as ``watch`` in ``astrocloud.toml`` writes them: those of ``.gitignore``.

``*`` and ``?`` stay within a folder, ``**`` goes through folders, a pattern without a slash fits
at any depth, one that names a folder fits all in it, and ``!`` takes back what fitted before.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache


def matches(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Those of the paths that the patterns mean; the last pattern that fits decides."""
    rules = [(not pattern.startswith("!"), _compiled(pattern)) for pattern in patterns]
    return [path for path in paths if _is_meant(path, rules)]


def _is_meant(path: str, rules: list[tuple[bool, re.Pattern[str]]]) -> bool:
    return next((wanted for wanted, rule in reversed(rules) if rule.fullmatch(path)), False)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = pattern.removeprefix("!").strip().removeprefix("./")
    is_anchored = "/" in text.rstrip("/")
    is_folder = text.endswith(("/", "/**"))
    names = _once(text.strip("/").split("/"))
    if names[-1] == "**" and len(names) > 1:
        names.pop()
    parts = [_part(part) for part in names]
    body = "".join(parts).removesuffix("/")
    start = "" if is_anchored else "(?:[^/]+/)*"
    end = "/.+" if is_folder else "(?:/.+)?"
    return re.compile(start + body + end, re.DOTALL)


def _once(parts: list[str]) -> list[str]:
    """Without ``**`` after ``**``, which means the same and costs time to look for."""
    return [part for n, part in enumerate(parts) if part != "**" or n == 0 or parts[n - 1] != "**"]


def _part(part: str) -> str:
    """One folder's name, with the slash behind it."""
    if part == "**":
        return "(?:[^/]+/)*"
    found = []
    for piece in re.findall(r"\[!?\]?[^\]]*\]|\\.|\*+|.", part, re.DOTALL):
        if piece.startswith("*"):
            found.append("[^/]*")
        elif piece == "?":
            found.append("[^/]")
        elif len(piece) > 2 and piece.startswith("[") and piece.endswith("]"):
            found.append(_set(piece))
        else:
            found.append(re.escape(piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece))
    return "".join(found) + "/"


def _set(piece: str) -> str:
    """One character of several; a set that cannot be read stands for itself."""
    inside = piece[1:-1]
    negation = "^" if inside.startswith(("!", "^")) else ""
    inside = inside[len(negation) :].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    escaped = inside.replace("]", r"\]")
    found = f"(?!/)[{negation}{escaped}]"
    try:
        re.compile(found)
    except re.error:
        return re.escape(piece)
    return found
