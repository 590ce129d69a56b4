"""Which pins of the root ``requirements.txt`` an app needs: its imports and their closure.

Imports are read from the staged code, wherever they stand in it, so a heavy SDK that a function
imports on first use counts. The closure follows the metadata of the installed distributions.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires

from infrastructure.packaging.errors import StagingError

FIRST_PARTY = {"functions", "shared", "function_app"}

# Module (or its longest named parent) → distributions, where the two are not called the same.
# psycopg finds its binary form by itself, so no import ever names it.
_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "azure.containerregistry": ("azure-containerregistry",),
    "azure.core": ("azure-core",),
    "azure.functions": ("azure-functions",),
    "azure.identity": ("azure-identity",),
    "azure.messaging.webpubsubservice": ("azure-messaging-webpubsubservice",),
    "azure.mgmt.containerregistry": ("azure-mgmt-containerregistry",),
    "azure.mgmt.containerregistrytasks": ("azure-mgmt-containerregistrytasks",),
    "azure.mgmt.containerservice": ("azure-mgmt-containerservice",),
    # The asynchronous clients need aiohttp, which their distributions do not name.
    "azure.storage.blob": ("azure-storage-blob", "aiohttp"),
    "azure.storage.queue": ("azure-storage-queue", "aiohttp"),
    "dateutil": ("python-dateutil",),
    "github": ("pygithub",),
    "jwt": ("pyjwt",),
    "nacl": ("pynacl",),
    "psycopg": ("psycopg", "psycopg-binary"),
    "psycopg_pool": ("psycopg-pool",),
    "yaml": ("pyyaml",),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def select(files: Mapping[str, bytes], pins: str) -> str:
    """The lines of ``pins`` that the code among ``files`` needs, in their order."""
    lines = _lines(pins)
    wanted: set[str] = set()
    for name, content in files.items():
        if name.endswith(".py"):
            for module in third_party(content, name):
                wanted.update(_distributions(module, name, lines.keys()))
    needed = _closure(wanted, lines.keys())
    return "".join(f"{line}\n" for name in lines if name in needed for line in lines[name])


def third_party(source: bytes, name: str) -> set[str]:
    """The modules that a file imports from neither the standard library nor the project."""
    try:
        tree = ast.parse(source, filename=name)
    except SyntaxError as error:
        raise StagingError(f"{name}, line {error.lineno}: {error.msg}") from None
    known = FIRST_PARTY | sys.stdlib_module_names
    return {module for module in _imports(tree) if module.partition(".")[0] not in known}


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            # A relative import stays within the project.
            if child.module and not child.level:
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not _is_for_types_only(child):
            yield from _imports(child)


def _is_for_types_only(node: ast.AST) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING" and not node.orelse


def _distributions(module: str, name: str, pinned: Iterable[str]) -> tuple[str, ...]:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        found = _DISTRIBUTIONS.get(".".join(parts[:length]))
        if found:
            return found
    guess = _canonical(parts[0])
    if guess not in pinned:
        raise StagingError(
            f"{name} imports {module}, but requirements.txt pins no {guess}; pin it, or name its "
            "distribution in infrastructure/packaging/requirements.py"
        )
    return (guess,)


def _lines(pins: str) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for line in pins.splitlines():
        match = _NAME.match(line.strip())
        if match:
            lines.setdefault(_canonical(match.group()), []).append(line.strip())
    return lines


def _closure(wanted: set[str], pinned: Iterable[str]) -> set[str]:
    """What the wanted distributions need, without regard to markers: pins carry their own."""
    known = set(pinned)
    missing = sorted(wanted - known)
    if missing:
        raise StagingError(f"requirements.txt does not pin {', '.join(missing)}")
    done: set[str] = set()
    open_ends = set(wanted)
    while open_ends:
        name = open_ends.pop()
        done.add(name)
        open_ends |= (_required(name) & known) - done
    return done


def _required(name: str) -> set[str]:
    try:
        requirements = requires(name) or []
    except PackageNotFoundError:
        # A pin for another Python or platform, or for an environment that is not this one.
        return set()
    plain = [text for text in requirements if "extra ==" not in text.replace("'", '"')]
    return {_canonical(match.group()) for text in plain if (match := _NAME.match(text))}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
