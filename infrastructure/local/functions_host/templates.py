"""ASP.NET route templates as the Functions host uses them: parse, order, match.

Supported: literals, ``{name}``, ``{name:constraint}``, ``{name?}`` and ``{*rest}``, one part a
segment. Literals compare without case. A path that fits no template with its method is 404:
the host never answers 405, since the method is one more route constraint. HTTP messages are not
this module's business.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Generic, TypeVar
from urllib.parse import unquote

from infrastructure.local.functions_host.errors import HostError, Unsupported

T = TypeVar("T")

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)((?::[^}:?=]+)*)(\?)?\}")
_GUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _whole_number(bits: int) -> Callable[[str], bool]:
    bound = 1 << (bits - 1)

    def check(text: str) -> bool:
        return bool(re.fullmatch(r"[+-]?[0-9]{1,20}", text)) and -bound <= int(text) < bound

    return check


_CONSTRAINTS: dict[str, Callable[[str], bool]] = {
    "guid": lambda text: bool(_GUID.fullmatch(text)),
    "int": _whole_number(32),
    "long": _whole_number(64),
    "bool": lambda text: text.lower() in {"true", "false"},
    "alpha": lambda text: text.isascii() and text.isalpha(),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One part between slashes: a literal (``name`` empty) or a parameter."""

    literal: str
    name: str = ""
    constraints: tuple[str, ...] = ()
    optional: bool = False
    catch_all: bool = False


class Template:
    """A parsed route below its prefix."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.segments = tuple(_segment(part, where) for part in _split(text))
        self._check(where)
        self._pattern = re.compile(_pattern(self.segments), re.IGNORECASE)
        self._checks = tuple(
            (segment.name, tuple(_CONSTRAINTS[name] for name in segment.constraints))
            for segment in self.segments
            if segment.constraints
        )

    @property
    def shape(self) -> tuple[str, ...]:
        """What makes two templates the same route: parameter names do not matter."""
        return tuple(
            segment.literal.lower() or f"{{{'*' * segment.catch_all}{segment.constraints}}}"
            for segment in self.segments
        )

    @property
    def first_literal(self) -> str | None:
        """The lower-case literal that each matching path begins with, if there is one."""
        return self.segments[0].literal.lower() or None if self.segments else None

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters of a path without its leading slash, or None."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = {name: value for name, value in found.groupdict().items() if value is not None}
        for name, checks in self._checks:
            if name in values and not all(check(values[name]) for check in checks):
                return None
        return values

    def _check(self, where: str) -> None:
        names = [segment.name for segment in self.segments if segment.name]
        if len(names) != len(set(names)):
            raise HostError(f"{where}: the route {self.text} names a parameter twice")
        for segment in self.segments[:-1]:
            if segment.optional or segment.catch_all:
                raise HostError(f"{where}: {{{segment.name}}} must be last in {self.text}")


class Router(Generic[T]):
    """Templates in the host's order of precedence, each with its methods and its target."""

    def __init__(self, routes: Sequence[tuple[Template, frozenset[str], T]]) -> None:
        precedence = cmp_to_key(compare)
        ordered = sorted(routes, key=lambda route: precedence(route[0]))
        self._general = [route for route in ordered if route[0].first_literal is None]
        # Most paths begin with a literal: only templates that can fit are tried, in order.
        self._by_literal: dict[str, list[tuple[Template, frozenset[str], T]]] = {}
        for literal in {route[0].first_literal for route in ordered} - {None}:
            fitting = [route for route in ordered if route[0].first_literal in {literal, None}]
            self._by_literal[str(literal)] = fitting

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The first target whose template and methods fit; ``path`` has no leading slash."""
        path = path.removesuffix("/")
        first = path.partition("/")[0].lower()
        for template, methods, target in self._by_literal.get(first, self._general):
            if methods and method not in methods:
                continue
            values = template.match(path)
            if values is not None:
                return target, values
        return None


def decode_path(raw: bytes) -> str:
    """A request's path as ASP.NET Core hands it to routing: decoded, but ``%2F`` kept."""
    text = raw.partition(b"?")[0].decode("latin-1")
    if "%" not in text:
        return text
    return unquote(re.sub("%2f", "%252F", text, flags=re.IGNORECASE))


def compare(one: Template, two: Template) -> int:
    """The order of ``WebJobsRouteBuilder``: literals first, then constraints, then length."""
    for mine, other in zip(one.segments, two.segments, strict=False):
        if bool(mine.name) != bool(other.name):
            return 1 if mine.name else -1
        if mine.name:
            difference = len(other.constraints) - len(mine.constraints)
        else:
            left, right = mine.literal.lower(), other.literal.lower()
            difference = (left > right) - (left < right)
        if difference:
            return difference
    return len(two.segments) - len(one.segments)


def _split(text: str) -> list[str]:
    return text.strip("/").split("/") if text.strip("/") else []


def _segment(part: str, where: str) -> Segment:
    if "{" not in part and "}" not in part:
        if not part or "?" in part:
            raise HostError(f"{where}: the route has an empty segment or a question mark")
        return Segment(literal=part)
    match = _PARAMETER.fullmatch(part)
    if match is None:
        raise Unsupported(where, f"the route segment {part}")
    stars, name, constraints, optional = match.groups()
    named = tuple(constraint for constraint in constraints.split(":") if constraint)
    for constraint in named:
        if constraint not in _CONSTRAINTS:
            raise Unsupported(where, f"the route constraint {constraint}")
    return Segment("", name, named, optional=bool(optional), catch_all=bool(stars))


def _pattern(segments: Sequence[Segment]) -> str:
    pattern = ""
    for index, segment in enumerate(segments):
        slash = "/" if index else ""
        if segment.catch_all:
            pattern += f"(?:{slash}(?P<{segment.name}>.+))?"
        elif segment.optional:
            pattern += f"(?:{slash}(?P<{segment.name}>[^/]+))?"
        elif segment.name:
            pattern += f"{slash}(?P<{segment.name}>[^/]+)"
        else:
            pattern += slash + re.escape(segment.literal)
    return pattern
