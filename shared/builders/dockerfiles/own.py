"""A user's own Dockerfile, read before an engine reads it.

What cannot be built is refused with its line, and what would reach beyond the build: a network of
the host, a rule that is switched off, a parser of the user's own. Which images it stands on is
found out, so that they can be fetched, or refused, by name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import AstroCloudError

MOST_BYTES = 1024 * 1024
_INSTRUCTIONS = frozenset(
    {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
     "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)  # fmt: skip
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*")
_SYNTAX = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?::[\w.-]+)?")
_HEREDOC = re.compile(r"<<(-?)\s*(['\"]?)([A-Za-z_]\w*)\2")
_FLAG = re.compile(r"--(\S+)\s*")
_STAGE = re.compile(r"[a-z][a-z0-9_.-]*")
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)(?:=(.*))?", re.DOTALL)
_WORD = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\])+")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+?])([^{}]*))?\})")
_REFERENCE = re.compile(
    r"[A-Za-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?"
)
# What every stage may use without declaring it.
_PLATFORM = {"TARGETPLATFORM": "linux/amd64", "TARGETOS": "linux", "TARGETARCH": "amd64",
             "BUILDPLATFORM": "linux/amd64", "BUILDOS": "linux", "BUILDARCH": "amd64",
             "TARGETVARIANT": "", "BUILDVARIANT": ""}  # fmt: skip


class DockerfileRefused(AstroCloudError):
    """A Dockerfile that is missing or cannot be built; says where and why."""

    code, title, status = "dockerfile_refused", "The Dockerfile cannot be built", 422


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its line, its word in capitals, its flags and the rest."""

    line: int
    word: str
    flags: tuple[str, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class OwnDockerfile:
    """What is known of one: images that it stands on, its stages and declared arguments."""

    images: tuple[str, ...]
    stages: tuple[str, ...]
    arguments: frozenset[str]
    has_caches: bool


def read_dockerfile(
    text: str, name: str, *, target: str | None = None, arguments: Mapping[str, str] | None = None
) -> OwnDockerfile:
    """Check a Dockerfile; raises DockerfileRefused. ``arguments`` are values of its ``ARG``."""
    if len(text) > MOST_BYTES:
        raise DockerfileRefused(f"{name} is longer than {MOST_BYTES:,} characters: shorten it.")
    return _Reader(name, arguments or {}).read(text, target)


class _Reader:
    def __init__(self, name: str, arguments: Mapping[str, str]) -> None:
        self._name = name
        self._given = arguments
        self._global: dict[str, str] = dict(_PLATFORM)
        self._declared: set[str] = set()
        self._stages: list[str] = []
        self._images: dict[str, None] = {}
        self._has_caches = False

    def read(self, text: str, target: str | None) -> OwnDockerfile:
        for one in self._instructions(text):
            self._check(one)
        if not self._stages:
            self._refuse(1, "there is no FROM, so it stands on nothing: begin with FROM IMAGE")
        if target is not None and not self._has_stage(target):
            named = ", ".join(name for name in self._stages if name) or "none has a name"
            raise DockerfileRefused(
                f"{self._name} has no stage {target[:60]!r} (its stages: {named})."
                " Next: set target to one of them, or leave it out."
            )
        return OwnDockerfile(
            tuple(self._images), tuple(self._stages), frozenset(self._declared), self._has_caches
        )

    def _has_stage(self, name: str) -> bool:
        known = {stage for stage in self._stages if stage}
        return name.lower() in known or (name.isdigit() and int(name) < len(self._stages))

    def _refuse(self, line: int, why: str) -> None:
        raise DockerfileRefused(f"{self._name}, line {line}: {why}.")

    def _check(self, one: Instruction) -> None:
        if one.word not in _INSTRUCTIONS:
            known = ", ".join(sorted(_INSTRUCTIONS))
            self._refuse(one.line, f"{one.word[:40]} is no instruction. Next: use one of {known}")
        if not self._stages and one.word not in {"FROM", "ARG"}:
            self._refuse(one.line, f"{one.word} stands before FROM: only ARG may")
        if not one.rest and one.word != "RUN":
            self._refuse(one.line, f"{one.word} says nothing: complete or remove it")
        match one.word:
            case "FROM":
                self._from(one)
            case "ARG":
                self._arg(one)
            case "COPY" | "ADD":
                self._flags(one, one.flags)
            case "RUN":
                self._run(one)
            case "ONBUILD":
                self._onbuild(one)

    def _from(self, one: Instruction) -> None:
        words = one.rest.split()
        is_named = len(words) == 3 and words[1].lower() == "as"
        if len(words) != 1 and not is_named:
            self._refuse(one.line, "FROM needs an image, and then at most AS NAME")
        image = self._filled(one.line, words[0], self._global)
        if image.lower() not in self._stages and image != "scratch":
            self._add_image(one.line, image)
        name = words[2].lower() if is_named else ""
        if is_named and not _STAGE.fullmatch(name):
            self._refuse(one.line, f"{words[2][:40]!r} is no name of a stage: begin with a letter")
        if name and name in self._stages:
            self._refuse(one.line, f"there is a stage {name} already: name this one otherwise")
        self._stages.append(name)

    def _arg(self, one: Instruction) -> None:
        for word in _WORD.findall(one.rest):
            match = _ARGUMENT.fullmatch(word)
            if match is None:
                self._refuse(one.line, f"{word[:40]!r} is no ARG: write NAME or NAME=VALUE")
                continue
            name, default = match[1], match[2]
            self._declared.add(name)
            if self._stages:
                continue
            if name in self._given:
                self._global[name] = self._given[name]
            elif default is not None:
                plain = default.strip("\"'")
                self._global[name] = self._filled(one.line, plain, self._global)

    def _run(self, one: Instruction) -> None:
        self._flags(one, one.flags)
        for flag in one.flags:
            name, _, value = flag.partition("=")
            if name == "security" or (name == "network" and value not in {"default", "none"}):
                self._refuse(
                    one.line,
                    f"--{flag[:60]} would reach beyond the build. Next: leave the option out",
                )
            if name == "mount":
                self._mount(one.line, value)
        if not one.rest:
            self._refuse(one.line, "RUN has no command: complete or remove it")

    def _mount(self, line: int, value: str) -> None:
        options = dict(part.partition("=")[::2] for part in value.split(","))
        kind = options.get("type", "bind")
        if kind not in {"bind", "cache", "tmpfs", "secret"}:
            self._refuse(
                line, f"a mount of the type {kind[:40]} is not offered: use bind, cache, tmpfs"
                " or secret",
            )  # fmt: skip
        self._has_caches |= kind == "cache"
        source = options.get("source", options.get("src", ""))
        if kind in {"bind", "cache"} and ".." in source.split("/"):
            self._refuse(line, "the source of a mount leads up (..): name it from the top")
        if origin := options.get("from"):
            self._origin(line, origin)

    def _flags(self, one: Instruction, flags: Sequence[str]) -> None:
        for flag in flags:
            name, _, value = flag.partition("=")
            if name == "from" and one.word == "COPY":
                self._origin(one.line, value)

    def _origin(self, line: int, name: str) -> None:
        """What ``--from`` names: an earlier stage, or an image."""
        if "$" in name:
            self._refuse(line, "a variable cannot stand behind from=: name the stage or image")
        if not self._has_stage(name) and name != "scratch":
            self._add_image(line, name)

    def _onbuild(self, one: Instruction) -> None:
        inner = _instruction(one.line, one.rest)
        if inner.word in {"FROM", "ONBUILD", "MAINTAINER"}:
            self._refuse(one.line, f"ONBUILD cannot be followed by {inner.word}")
        self._check(inner)

    def _add_image(self, line: int, image: str) -> None:
        if not _REFERENCE.fullmatch(image):
            self._refuse(line, f"{image[:80]!r} is no image: write NAME:TAG, or NAME@sha256:…")
        self._images[image] = None

    def _filled(self, line: int, text: str, values: Mapping[str, str]) -> str:
        """A text with its variables replaced, as ``FROM`` is read."""

        def value(match: re.Match[str]) -> str:
            name, kind, other = match[1] or match[2], match[3] or "", match[4] or ""
            found = values.get(name)
            is_there = bool(found) if kind.startswith(":") else found is not None
            if kind.endswith("+"):
                return other if is_there else ""
            if kind.endswith("-"):
                return (found or "") if is_there else other
            if found is None:
                self._refuse(
                    line,
                    f"${name} has no value here: declare ARG {name}=… before the first FROM, or"
                    " set it as a variable of the scope build",
                )
            return found or ""

        return _VARIABLE.sub(value, text)

    def _instructions(self, text: str) -> Iterator[Instruction]:
        escape = self._directives(text)
        lines = iter(enumerate(text.replace("\r\n", "\n").split("\n"), 1))
        for number, line in lines:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            whole = line
            while _goes_on(whole, escape):
                number_and_next = next(lines, None)
                whole = whole.rstrip()[:-1]
                if number_and_next is None:
                    break
                more = number_and_next[1]
                # Comments and empty lines in between are no part of it.
                is_left_out = not more.strip() or more.lstrip().startswith("#")
                whole += escape if is_left_out else more
            one = _instruction(number, whole.strip())
            yield one
            if one.word in {"RUN", "COPY", "ADD"}:
                for match in _HEREDOC.finditer(one.rest):
                    self._skip(lines, number, match[3], has_tabs=bool(match[1]))

    def _skip(
        self, lines: Iterator[tuple[int, str]], begun: int, end: str, *, has_tabs: bool
    ) -> None:
        for _, line in lines:
            if (line.lstrip("\t") if has_tabs else line) == end:
                return
        self._refuse(begun, f"what begins with <<{end} has no end: write {end} on its own line")

    def _directives(self, text: str) -> str:
        """The mark that escapes; a parser of the user's own is refused."""
        escape = "\\"
        for number, line in enumerate(text.splitlines(), 1):
            match = _DIRECTIVE.fullmatch(line.strip().lstrip("\ufeff"))
            if match is None:
                break
            key, value = match[1].lower(), match[2]
            if key == "syntax" and not _SYNTAX.fullmatch(value):
                self._refuse(number, f"the syntax {value[:60]} is not offered: leave the line out")
            if key == "escape":
                if value not in {"\\", "`"}:
                    self._refuse(number, "escape is a backslash or a backtick")
                escape = value
        return escape


def _goes_on(line: str, escape: str) -> bool:
    stripped = line.rstrip(" \t")
    return stripped.endswith(escape)


def _instruction(line: int, text: str) -> Instruction:
    word, _, rest = text.partition(" ") if " " in text.split("\t")[0] else text.partition("\t")
    rest, flags = rest.strip(), []
    while match := _FLAG.match(rest):
        flags.append(match[1])
        rest = rest[match.end() :]
    return Instruction(line, word.upper(), tuple(flags), rest)
