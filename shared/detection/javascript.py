"""Reads the values that a JavaScript or TypeScript configuration says literally; nothing is run.

The file is cut into tokens, and every object literal in it becomes a tree of keys. What is
computed stays ``Unknown``: it is told as such and never guessed. No type checker and no bundler:
only what configurations of tools are written like.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_CHARS = 256 * 1024
_MAX_DEPTH = 60
_TOKENS = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)
    | (?P<number>\d[\d_]*(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)*)
    | (?P<mark>=>|\.\.\.|\?\?|\|\||&&|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)
_OPENING, _CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
# Where an expression begins, so that a brace opens an object and a slash a regular expression.
_BEFORE_VALUE = {"(", ",", "=", ":", "[", "?", "||", "&&", "??", "return", "default", "!", ";", ""}
_BEFORE_OBJECT = _BEFORE_VALUE - {";", "", "!"}
_IMPORT = re.compile(
    r"""import\s+(?:(?P<name>[\w$]+)|\*\s*as\s+(?P<all>[\w$]+)|\{(?P<names>[^}]*)\})?"""
    r"""(?:\s*,\s*\{(?P<more>[^}]*)\})?\s*(?:from\s*)?['"](?P<module>[^'"\n]+)['"]"""
)
_REQUIRE = re.compile(
    r"""(?:(?:const|let|var)\s+(?P<name>[\w$]+|\{[^}]*\})\s*=\s*)?"""
    r"""require\(\s*['"](?P<module>[^'"\n]+)['"]\s*\)"""
)
_PATH_CALLS = {"resolve", "path.resolve", "path.join", "join", "fileURLToPath", "URL", "url.fileURLToPath"}  # noqa: E501
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
            names = [match["name"], match["all"], *_listed(match["names"]), *_listed(match["more"])]
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


class _Reader:
    """One pass over the tokens: objects that stand in no other object, constants, calls."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self.objects: list[Object] = []
        self.constants: dict[str, Value] = {}
        self.calls: list[Call] = []
        while self._at < len(tokens):
            self._statement()

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if not 0 <= at < len(self._tokens):
            return ""
        token = self._tokens[at]
        return token.text if token.kind != "string" else "'"

    def _statement(self) -> None:
        """One step outside of any object: blocks are looked into, values are read."""
        if self._is_object():
            self.objects.append(self._object(0))
        elif self._peek() in {"const", "let", "var"} and self._kind(1) == "name":
            self._constant()
        elif self._peek() in {"module.exports", "export"}:
            self._at += 1
        elif self._kind() == "name" and self._peek(1) == "(":
            self._call(0)
        else:
            self._at += 1

    def _kind(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].kind if at < len(self._tokens) else ""

    def _is_object(self) -> bool:
        if self._peek() != "{" or self._peek(-1) not in _BEFORE_OBJECT:
            return False
        return True

    def _constant(self) -> None:
        name = self._peek(1)
        self._at += 2
        if self._peek() == ":":  # a type, up to the equals sign
            self._skip_until({"=", ";"})
        if self._peek() == "=":
            self._at += 1
            value = self._value(0)
            self.constants.setdefault(name, value)
            if isinstance(value, Object):
                self.objects.append(value)

    def _value(self, depth: int) -> Value:
        """An expression, up to the comma, bracket or line that ends it."""
        if depth > _MAX_DEPTH:
            self._skip()
            return Unknown()
        begin = self._at
        value = self._operand(depth)
        if self._peek() in {"||", "??"} and isinstance(value, Name | Unknown):
            # `process.env.OUT || "dist"`: without the variable it is what stands behind.
            if isinstance(value, Name) and value.text.startswith("process.env"):
                self._at += 1
                return self._value(depth + 1)
        if self._peek() in {"as", "satisfies"}:
            self._skip()
            return value
        if self._ends():
            return value
        self._skip()
        return Unknown(" ".join(token.text for token in self._tokens[begin : self._at])[:80])

    def _ends(self) -> bool:
        return self._peek() in {",", ";", "", *_CLOSING} or self._kind(-1) != "mark" and (
            self._kind() == "name"
        )  # a new line without a semicolon begins with a word

    def _operand(self, depth: int) -> Value:
        kind, text = self._kind(), self._tokens[self._at].text if self._at < len(self._tokens) else ""
        if kind == "string":
            self._at += 1
            return _unquoted(text)
        if kind == "number":
            self._at += 1
            return float(text.replace("_", ""))
        if text == "{":
            return self._object(depth + 1)
        if text == "[":
            return self._list(depth + 1)
        if text in {"await", "new"}:
            self._at += 1
            return self._operand(depth)
        if kind == "name" and self._peek(1) == "(":
            return self._call(depth + 1)
        if kind == "name" and self._peek(1) != "=>":
            self._at += 1
            return _LITERALS.get(text, Name(text))
        return Unknown()

    def _object(self, depth: int) -> Object:
        found = Object()
        self._at += 1
        while self._at < len(self._tokens) and self._peek() != "}":
            key = self._key()
            if key is not None and self._peek() == ":":
                self._at += 1
                found.values[key] = self._value(depth)
            elif key is not None and self._peek() in {",", "}"}:
                found.values[key] = Name(key)
            else:  # a spread, a method, a computed key
                self._skip(inside=found)
            if self._peek() == ",":
                self._at += 1
            elif self._peek() in _CLOSING - {"}"} or self._peek() == ";":
                self._at += 1
        self._at += 1
        return found

    def _key(self) -> str | None:
        token = self._tokens[self._at]
        if token.kind not in {"name", "string", "number"} or token.text in {"async", "get", "set"}:
            return None
        self._at += 1
        return _plain(token.text) if token.kind == "string" else token.text

    def _list(self, depth: int) -> list[Value]:
        found: list[Value] = []
        self._at += 1
        while self._at < len(self._tokens) and self._peek() != "]":
            before = self._at
            found.append(self._value(depth))
            if self._peek() == "," or self._at == before or self._peek() in _CLOSING - {"]"}:
                self._at += 1
        self._at += 1
        return found

    def _call(self, depth: int) -> Call:
        name = self._peek()
        self._at += 2
        arguments: list[Value] = []
        while self._at < len(self._tokens) and self._peek() != ")":
            before = self._at
            value = self._value(depth)
            arguments.append(value)
            if depth == 0 and isinstance(value, Object):
                self.objects.append(value)
            if self._peek() == "," or self._at == before or self._peek() in _CLOSING - {")"}:
                self._at += 1
        self._at += 1
        call = Call(name, tuple(arguments))
        self.calls.append(call)
        return call

    def _skip_until(self, marks: set[str]) -> None:
        while self._at < len(self._tokens) and self._peek() not in marks:
            self._at += 1

    def _skip(self, inside: Object | None = None) -> None:
        """Over the rest of an expression; objects within (a function's result) are still read."""
        open_brackets: list[str] = []
        while self._at < len(self._tokens):
            text = self._peek()
            if not open_brackets and text in {",", ";", *_CLOSING}:
                return
            if inside is None and self._is_object() and len(open_brackets) < _MAX_DEPTH:
                self.objects.append(self._object(len(open_brackets) + 1))
                continue
            if text in _OPENING:
                open_brackets.append(_OPENING[text])
            elif open_brackets and text == open_brackets[-1]:
                open_brackets.pop()
            self._at += 1


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
    return _ESCAPES.sub(r"\1", text[1:-1])


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
