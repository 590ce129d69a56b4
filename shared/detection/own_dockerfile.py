"""A project's own Dockerfile, as far as detection asks: stages, and the port that it exposes.

It is read, not judged: what an instruction does is for the engine to say. Text that is no
Dockerfile at all is refused here, before anything is built.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared.detection.errors import BrokenFile

_INSTRUCTIONS = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
    "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_MAX_LINES, _MAX_STAGES = 20_000, 100
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])", re.IGNORECASE)
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(?:=|\s+)(\"[^\"]*\"|'[^']*'|\S*)")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)(?::?-([^}]*))?\}?")
_PORT = re.compile(r"(\d{1,5})(?:-\d{1,5})?(?:/tcp)?", re.IGNORECASE)


@dataclass(slots=True)
class Stage:
    """From one ``FROM`` to the next."""

    base: str
    name: str | None
    line: int
    port: int | None = None
    values: dict[str, str] = field(default_factory=dict)


def read_dockerfile(text: str, path: str) -> tuple[Stage, ...]:
    """Its stages; raises BrokenFile with the line where it is no Dockerfile."""
    stages: list[Stage] = []
    is_ours = not re.match(r"\s*#\s*syntax\s*=\s*(?!docker/dockerfile)", text, re.IGNORECASE)
    for number, word, rest in _instructions(text):
        if word not in _INSTRUCTIONS:
            if not is_ours:
                continue  # Another syntax was asked for: its instructions are not known here.
            meant = difflib.get_close_matches(word[:40], _INSTRUCTIONS, n=1)
            hint = f"; {meant[0]} is meant, perhaps" if meant else ""
            raise BrokenFile(path, f"line {number}: {word[:40]} is no instruction{hint}")
        if word == "FROM":
            stages.append(_stage(number, rest, path))
            if len(stages) > _MAX_STAGES:
                raise BrokenFile(path, f"it has more than {_MAX_STAGES} stages")
        elif word == "ARG" and not stages:
            continue  # For the names of images only.
        elif not stages:
            raise BrokenFile(path, f"line {number}: {word} stands before the first FROM")
        else:
            _take(stages[-1], word, rest)
    if not stages:
        raise BrokenFile(path, "it has no FROM")
    return tuple(stages)


def stage_of(stages: tuple[Stage, ...], target: str | None) -> Stage | None:
    """The stage that makes the image: the last one, or the one of that name or number."""
    if target is None:
        return stages[-1]
    for at, stage in enumerate(stages):
        if (stage.name or "").lower() == target.lower() or str(at) == target:
            return stage
    return None


def port_of(stages: tuple[Stage, ...], stage: Stage) -> int | None:
    """The first TCP port that a stage exposes, or what it stands on."""
    for _ in stages:
        if stage.port is not None:
            return stage.port
        before = stages[: stages.index(stage)]
        found = next((s for s in reversed(before) if s.name and s.name == stage.base.lower()), None)
        if found is None:
            return None
        stage = found
    return None


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, instruction and the rest, continued lines joined, here-documents left out."""
    escape = _escape(text)
    lines = iter(enumerate(text.splitlines()[:_MAX_LINES], 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        parts = [stripped]
        while parts[-1].endswith(escape):
            parts[-1] = parts[-1][: -len(escape)]
            following = next((n for _, n in lines if n.strip() and n.strip()[0] != "#"), None)
            if following is None:
                break
            parts.append(following.strip())
        word, _, rest = " ".join(parts).partition(" ")
        if word.upper() in {"RUN", "COPY", "ADD"}:
            for match in _HEREDOC.finditer(rest):
                next((None for _, inner in lines if inner.strip() == match[2]), None)
        yield number, word.upper(), rest.strip()


def _escape(text: str) -> str:
    """What joins a line with the next one: a backslash, unless the head says otherwise."""
    found = (_ESCAPE.match(line) for line in text.splitlines()[:3])
    return next((match[1] for match in found if match), "\\")


def _stage(number: int, rest: str, path: str) -> Stage:
    match = _FROM.fullmatch(rest)
    if match is None:
        raise BrokenFile(path, f"line {number}: FROM needs an image, such as FROM alpine:3")
    return Stage(match[1], match[2].lower() if match[2] else None, number)


def _assigned(rest: str) -> Mapping[str, str]:
    return {name: value.strip("\"'") for name, value in _ASSIGNED.findall(rest)}


def _take(stage: Stage, word: str, rest: str) -> None:
    if word in {"ENV", "ARG"}:
        stage.values.update(_assigned(rest))
    if word != "EXPOSE" or stage.port is not None:
        return
    for part in rest.split():
        known = _VARIABLE.sub(lambda m: stage.values.get(m[1]) or m[2] or "", part)
        match = _PORT.fullmatch(known)
        if match and 1 <= int(match[1]) <= 65535:
            stage.port = int(match[1])
            return
