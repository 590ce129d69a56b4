"""A ``package.json``: what detection wants to know of it, with the types checked."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shared.detection.documents import json_object, pick, text_of

_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
# Words before the command that is meant: `cross-env CI=1 npx vite build`.
_LEADING = {"npx", "bunx", "pnpx", "cross-env", "cross-env-shell", "env", "exec", "dlx", "time"}
_MANAGERS = {"npm", "pnpm", "yarn", "bun"}
_RUNNERS = {"run-s", "run-p", "npm-run-all", "npm-run-all2", "concurrently", "wireit"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SEPARATORS = re.compile(r"&&|\|\||[;&|\n]")
_MAX_SCRIPT = 4000
_MAX_COMMANDS = 50

Words = Sequence[str]


@dataclass(frozen=True, slots=True)
class PackageJson:
    """The file at ``path`` within the source."""

    path: str
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, path: str, text: str) -> "PackageJson":
        """Read it; broken JSON is an error that names the file and the place."""
        return cls(path, json_object(text, path))

    @property
    def name(self) -> str:
        """The package's name, or nothing."""
        return text_of(self.data.get("name")) or ""

    def depends_on(self, name: str) -> str | None:
        """The group of dependencies that names a package."""
        for group in _DEPENDENCIES:
            found = self.data.get(group)
            if isinstance(found, Mapping) and name in found:
                return group
        return None

    def dependencies(self) -> set[str]:
        """Every package that it names."""
        groups = (self.data.get(group) for group in _DEPENDENCIES)
        return {name for group in groups if isinstance(group, Mapping) for name in group}

    def script(self, name: str) -> str | None:
        """A script that says something."""
        return text_of(pick(self.data, "scripts", name))

    def commands(self, script: str) -> list[Words]:
        """The commands that a line of shell runs, scripts that it calls included."""
        return list(islice(self._expanded(script, frozenset()), _MAX_COMMANDS))

    def _expanded(self, script: str, seen: frozenset[str]) -> Iterator[Words]:
        for words in split(script):
            called = self._called(words) - seen
            yield words
            for name in sorted(called):
                if len(seen) < 5 and (text := self.script(name)):
                    yield from self._expanded(text, seen | called)

    def _called(self, words: Words) -> set[str]:
        if not words:
            return set()
        head, rest = words[0], words[1:]
        names: set[str] = set()
        if head in _MANAGERS:
            names = {word for word in rest[:2] if word != "run"}
        elif head in _RUNNERS:
            names = {w.removeprefix("npm:").split(" ")[0] for w in rest}
            names |= {part for w in rest for part in w.split()[:3]}
        return {name for name in names if self.script(name)}


def split(script: str) -> Iterator[Words]:
    """The commands of a line of shell, as words, without what stands before the command itself."""
    for part in _SEPARATORS.split(script[:_MAX_SCRIPT]):
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        while words and (words[0] in _LEADING or _ASSIGNMENT.fullmatch(words[0])):
            words = words[1:]
        if words:
            yield words


def runs(words: Words, tool: str) -> bool:
    """Whether a command is that tool: ``vite build`` is also ``npx vite --mode x build``."""
    head, *expected = tool.split()
    for at, word in enumerate(words[:4]):
        name = word.rpartition("/")[2].removesuffix(".js")
        if name == head and (at == 0 or words[0] in _MANAGERS or words[0] == "node"):
            return all(part in words[at + 1 :] for part in expected)
    return False


def flag(words: Words, names: Sequence[str]) -> str | None:
    """The value of an option: ``--out x`` or ``--out=x``."""
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in names:
            following = words[at + 1] if at + 1 < len(words) else ""
            found = value if equals else following
            return found if found and not found.startswith("-") else None
    return None


def positional(words: Words, after: str) -> str | None:
    """The first plain word after another: the folder in ``vitepress build docs``."""
    if after not in words:
        return None
    rest = words[list(words).index(after) + 1 :]
    return rest[0] if rest and not rest[0].startswith("-") else None
