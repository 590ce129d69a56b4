"""Which Node runs a build: what the project asks for, matched with the lines that are there."""

import re
from dataclasses import dataclass

from shared.detection.documents import pick, text_of
from shared.detection.package_json import PackageJson
from shared.detection.tree import Source, join

AVAILABLE = (20, 22, 24)
DEFAULT = 24
_MAX_RANGE = 200
_CODENAMES = {"iron": 20, "jod": 22, "krypton": 24, "hydrogen": 18, "gallium": 16, "fermium": 14}
_VERSION = r"v?(\d{1,4}|[xX*])(?:\.(\d{1,6}|[xX*]))?(?:\.(\d{1,6}|[xX*]))?(?:[-+][\w.+-]*)?"
_COMPARATOR = re.compile(rf"(<=|>=|<|>|=|\^|~>?)?\s*{_VERSION}")
_HYPHEN = re.compile(rf"\s*{_VERSION}\s+-\s+{_VERSION}\s*")
_TOOL_VERSIONS = re.compile(r"^(?:nodejs|node)\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """A line of Node, why, and what is said where it is not the one that was asked for."""

    line: int
    text: str
    warning: str | None = None

    @property
    def value(self) -> str:
        """As it stands in a build spec."""
        return str(self.line)


def node_version(source: Source, root: str, packages: list[PackageJson]) -> NodeVersion:
    """From the app's folder first, then from the top; ``packages`` in the same order."""
    for asked, where in _asked(source, root, packages):
        return choose(asked, where)
    return NodeVersion(DEFAULT, f"nothing asks for a version; {DEFAULT} is the default")


def _asked(source: Source, root: str, packages: list[PackageJson]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for folder in dict.fromkeys((root, "")):
        for name in (".nvmrc", ".node-version"):
            path = join(folder, name) or name
            if line := _first_line(source.text(path)):
                found.append((line, path))
        path = join(folder, ".tool-versions") or ""
        if match := _TOOL_VERSIONS.search(source.text(path) or ""):
            found.append((match[1], path))
    for package in packages:
        for keys in (("engines", "node"), ("volta", "node")):
            if text := text_of(pick(package.data, *keys)):
                found.append((text, f"{'.'.join(keys)} in {package.path}"))
    return found


def _first_line(text: str | None) -> str:
    lines = (line.partition("#")[0].strip() for line in (text or "").splitlines())
    return next((line for line in lines if line), "")


def choose(asked: str, where: str) -> NodeVersion:
    """The newest available line that a version or range allows; else the nearest one, said so."""
    asked = asked[:_MAX_RANGE]
    shown = asked[:40]
    fitting = [line for line in AVAILABLE if _allows(asked, line)]
    if fitting:
        return NodeVersion(fitting[-1], f"{where} asks for {shown}")
    numbers = [int(n) for n in re.findall(r"\d{1,4}", _named(asked))[:1]]
    here = f"{AVAILABLE[0]} to {AVAILABLE[-1]}"
    if not numbers:
        return NodeVersion(
            DEFAULT,
            f"{where} asks for {shown}, which is no version that is understood",
            f"{where} asks for Node {shown}, which is not understood: Node {DEFAULT} is used.",
        )
    nearest = min(AVAILABLE, key=lambda line: (abs(line - numbers[0]), -line))
    return NodeVersion(
        nearest,
        f"{where} asks for {shown}, which is not available; {nearest} is the nearest",
        f"{where} asks for Node {shown}, but {here} are available: Node {nearest} is used."
        f" Next: try the project with Node {nearest}, or ask for a version from {here}.",
    )


def _named(asked: str) -> str:
    """Names such as ``lts/jod`` as a number."""
    text = asked.strip().lower().removeprefix("lts/").removeprefix("lts-")
    return str(_CODENAMES[text]) if text in _CODENAMES else asked.strip()


def _allows(asked: str, line: int) -> bool:
    text = _named(asked)
    if text.lower() in {"*", "lts", "lts/*", "lts/-1", "node", "latest", "stable", "current", "x"}:
        return line == (AVAILABLE[-2] if text.endswith("-1") else AVAILABLE[-1])
    return any(_allows_all(part.strip(), line) for part in text.split("||"))


def _allows_all(part: str, line: int) -> bool:
    """Whether a release of that line can be within every comparator of a range."""
    if match := _HYPHEN.fullmatch(part):
        return _number(match[1], 0) <= line <= _number(match[4], 9999)
    comparators = list(_COMPARATOR.finditer(part))
    if not comparators or _COMPARATOR.sub("", part).strip(" ,"):
        return False
    return all(_within(match, line) for match in comparators)


def _within(match: re.Match[str], line: int) -> bool:
    operator, major = match[1] or "", match[2]
    if not major.isdigit():
        return True
    number, is_first = int(major), not any(int(n) for n in match.groups()[2:] if _is_number(n))
    if operator in {">=", ">"}:
        is_whole = operator == ">" and match[3] is None
        return line > number if is_whole else line >= number
    if operator in {"<", "<="}:
        return line < number if operator == "<" and is_first else line <= number
    return line == number


def _is_number(text: str | None) -> bool:
    return text is not None and text.isdigit()


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdigit() else otherwise
