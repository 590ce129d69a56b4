"""Reads the values that a JavaScript or TypeScript configuration says literally; nothing is run.

The file is cut into tokens, and every object literal in it becomes a tree of keys. What is
computed stays ``Unknown``: it is told as such and never guessed. No type checker and no bundler:
only what configurations of tools are written like.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_CHARS = 128 * 1024
_MAX_DEPTH = 60
# A string that is never closed ends all the same: see documents.py.
_TOKENS = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?|`(?:[^`\\]|\\.)*`?)
    | (?P<number>\d[\d_]*(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)*)
    | (?P<mark>=>|\.\.\.|\?\?|\|\||&&|[=!]==?|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,100}\]){1,300}/[a-z]{0,8}")
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)
_OPENING, _CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
# Where an expression begins, so that a brace opens an object and a slash a regular expression.
_BEFORE_VALUE = {"(", ",", "=", ":", "[", "?", "||", "&&", "??", "return", "default", "!", ";", ""}
_BEFORE_OBJECT = _BEFORE_VALUE - {";", "", "!"}
# Bounded repetitions: a hostile file costs a scan, not a scan a line.
_IMPORT = re.compile(
    r"""import\s{1,9}(?:(?P<name>[\w$]{1,99})|\*\s{0,9}as\s{1,9}(?P<all>[\w$]{1,99}))?"""
    r"""\s{0,9},?\s{0,9}(?:\{(?P<names>[^}]{0,999})\})?\s{0,9}(?:from\s{0,9})?"""
    r"""['"](?P<module>[^'"\n]{1,199})['"]"""
)
_REQUIRE = re.compile(
    r"""(?:(?:const|let|var)\s{1,9}(?P<name>[\w$]{1,99}|\{[^}]{0,999}\})\s{0,9}=\s{0,9})?"""
    r"""require\(\s{0,9}['"](?P<module>[^'"\n]{1,199})['"]\s{0,9}\)"""
)
_PATH_CALLS = {
    "URL", "fileURLToPath", "join", "path.join", "path.resolve", "resolve", "url.fileURLToPath"
}  # fmt: skip
_HERE = {"__dirname", "import.meta.url", "import.meta.dirname", "process.cwd"}


class Token(NamedTuple):
    """A piece of the file that is neither white space nor a comment."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is there but only known when the file runs."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A reference: to a constant of the file, or to something imported."""

    text: str


@dataclass(slots=True)
class Object:
    """An object literal; a nested one is a value of it."""

    values: dict[str, "Value"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call such as ``adapter({pages: "build"})``."""

    name: str
    arguments: tuple["Value", ...]


Value = str | bool | float | None | list["Value"] | Object | Call | Name | Unknown


class Module:
    """A configuration file, read."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text[:MAX_CHARS]
        reader = _Reader(list(_tokens(self.text)))
        self._roots = reader.objects
        self._constants = reader.constants
        self.calls: Sequence[Call] = reader.calls

    def get(self, *keys: str) -> Value:
        """What stands at a path of keys, in whichever object of the file has it; else None."""
        for root in self._roots:
            value: Value = root
            for key in keys:
                value = self.resolved(value)
                value = value.values.get(key) if isinstance(value, Object) else None
            if value is not None:
                return self.resolved(value)
        return None

    def resolved(self, value: Value) -> Value:
        """A constant's value in the place of its name."""
        for _ in range(5):
            if not isinstance(value, Name):
                return value
            found = self._constants.get(value.text)
            if found is None:
                return value
            value = found
        return value

    def called(self, *names: str) -> Call | None:
        """The first call of a function of one of these names."""
        return next((call for call in self.calls if call.name in names), None)

    def imports(self) -> dict[str, str]:
        """Local names and the modules that they come from; a bare import under its module."""
        found: dict[str, str] = {}
        for match in _IMPORT.finditer(self.text):
            names = [match["name"], match["all"], *_listed(match["names"])]
            found.update(dict.fromkeys(filter(None, names), match["module"]))
            found[match["module"]] = match["module"]
        for match in _REQUIRE.finditer(self.text):
            found.update(dict.fromkeys(_listed((match["name"] or "").strip("{}")), match["module"]))
            found[match["module"]] = match["module"]
        return found


def _listed(names: str | None) -> list[str]:
    return [part.split(" as ")[-1].split(":")[-1].strip() for part in (names or "").split(",")]


def _tokens(text: str) -> Iterator[Token]:
    position, before = 0, ""
    while position < len(text):
        match = _TOKENS.match(text, position)
        assert match is not None  # the last alternative takes any character
        if match[0] == "/" and before in _BEFORE_VALUE and (found := _REGEX.match(text, position)):
            match = found
            yield Token("regex", match[0])
            before = "regex"
        elif match.lastgroup != "space":
            before = match[0]
            yield Token(match.lastgroup or "mark", before)
        position = match.end()


class _TooDeep(Exception):
    """Nested deeper than any configuration is: what was read until here stays."""


class _Reader:
    """One pass over the tokens: objects, outer ones first, constants and calls."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._found: list[tuple[int, Object]] = []
        self.constants: dict[str, Value] = {}
        self.calls: list[Call] = []
        try:
            while self._at < len(tokens):
                self._statement()
        except _TooDeep:
            self._at = len(tokens)

    @property
    def objects(self) -> list[Object]:
        """Objects that are no value of another one."""
        return [found for _, found in sorted(self._found, key=lambda item: item[0])]

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if not 0 <= at < len(self._tokens):
            return ""
        token = self._tokens[at]
        return token.text if token.kind != "string" else "'"

    def _kind(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].kind if 0 <= at < len(self._tokens) else ""

    def _statement(self) -> None:
        """One step outside of any object: blocks are looked into, values are read."""
        if self._is_object():
            self._free_object()
        elif self._peek() in {"const", "let", "var"} and self._kind(1) == "name":
            self._constant()
        elif self._kind() == "name" and self._peek(1) == "(":
            self._call()
        else:
            self._at += 1

    def _is_object(self) -> bool:
        return self._peek() == "{" and self._peek(-1) in _BEFORE_OBJECT

    def _free_object(self) -> Object:
        depth = self._depth
        found = self._object()
        self._found.append((depth, found))
        return found

    def _constant(self) -> None:
        name = self._peek(1)
        self._at += 2
        if self._peek() == ":":  # a type, up to the equals sign
            while self._peek() not in {"=", ";", ""}:
                self._at += 1
        if self._peek() == "=":
            self._at += 1
            value = self._free_object() if self._is_object() else self._value()
            self.constants.setdefault(name, value)

    def _value(self) -> Value:
        """An expression, up to the comma, bracket or word that ends it."""
        begin = self._at
        value = self._operand()
        if self._peek() in {"||", "??"} and _is_variable(value):
            # `process.env.OUT || "dist"`: without the variable it is what stands behind.
            self._at += 1
            return self._value()
        if self._peek() in {"as", "satisfies"}:
            self._skip()
            return value
        if self._at > begin and self._ends():
            return value
        self._skip()
        return Unknown(" ".join(token.text for token in self._tokens[begin : self._at])[:80])

    def _ends(self) -> bool:
        # Without a semicolon the next line begins with a word.
        return self._peek() in {",", ";", "", *_CLOSING} or self._kind() == "name"

    def _operand(self) -> Value:
        kind, text = self._kind(), self._peek()
        if kind == "string":
            self._at += 1
            return _unquoted(self._tokens[self._at - 1].text)
        if kind == "number":
            self._at += 1
            return float(text.replace("_", ""))
        if text == "{":
            return self._object()
        if text == "[":
            return self._list()
        while self._peek() in {"await", "new"}:
            self._at += 1
        if self._kind() == "name" and self._peek(1) == "(":
            return self._call()
        if self._kind() == "name" and self._peek(1) != "=>":
            self._at += 1
            return _LITERALS.get(self._peek(-1), Name(self._peek(-1)))
        return Unknown()

    def _object(self) -> Object:
        found = Object()
        for _ in self._items("}"):
            key = self._key()
            if key is not None and self._peek() == ":":
                self._at += 1
                found.values[key] = self._value()
            elif key is not None and self._peek() in {",", "}"}:
                found.values[key] = Name(key)
            else:  # a spread, a method, a computed key
                self._skip()
        return found

    def _list(self) -> list[Value]:
        return [self._value() for _ in self._items("]")]

    def _call(self) -> Call:
        name = self._peek()
        self._at += 1
        depth = self._depth
        call = Call(name, tuple(self._value() for _ in self._items(")")))
        self.calls.append(call)
        # `defineConfig({…})`: which calls hand on a configuration is not known, so all may.
        self._found += [(depth, value) for value in call.arguments if isinstance(value, Object)]
        return call

    def _items(self, closing: str) -> Iterator[None]:
        """Before each item of a bracket; whatever is left of one is passed over."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _TooDeep
        self._at += 1
        while self._peek() not in {closing, ""}:
            before = self._at
            yield
            if self._peek() != closing and (self._at == before or self._kind() == "mark"):
                self._at += 1
        self._at += 1
        self._depth -= 1

    def _key(self) -> str | None:
        token = self._tokens[self._at]
        if token.kind not in {"name", "string", "number"}:
            return None
        self._at += 1
        return _plain(token.text) if token.kind == "string" else token.text

    def _skip(self) -> None:
        """Over the rest of an expression; a function's result within is still read."""
        expected: list[str] = []
        while text := self._peek():
            if not expected and text in {",", ";", *_CLOSING}:
                return
            if self._is_object():
                self._depth += len(expected)
                self._free_object()
                self._depth -= len(expected)
                continue
            if text in _OPENING:
                expected.append(_OPENING[text])
            elif expected and text == expected[-1]:
                expected.pop()
            self._at += 1


def _is_variable(value: Value) -> bool:
    return isinstance(value, Name) and value.text.startswith("process.env")


_LITERALS: dict[str, Value] = {
    "true": True,
    "false": False,
    "null": Unknown("null"),
    "undefined": Unknown("undefined"),
}


def _unquoted(text: str) -> Value:
    if text.startswith("`") and "${" in text:
        return Unknown(text[:80])
    return _plain(text)


def _plain(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] else text[1:]
    return _ESCAPES.sub(r"\1", inner)


def path_of(value: Value) -> str | None:
    """A path that is written down: a text, or a call such as ``path.resolve(__dirname, "dist")``.

    Such calls begin at the configuration's own folder, as the text does.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, Call) or value.name not in _PATH_CALLS:
        return None
    parts: list[str] = []
    for argument in value.arguments:
        if isinstance(argument, Name | Call) and _reference(argument) in _HERE:
            continue
        part = path_of(argument)
        if part is None:
            return None
        parts.append(part)
    return "/".join(parts) or "."


def _reference(value: Name | Call) -> str:
    return value.text if isinstance(value, Name) else value.name
