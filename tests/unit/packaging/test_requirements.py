"""Which pins an app gets: its imports wherever they stand, their closure, nothing else."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

from infrastructure.packaging import StagingError
from infrastructure.packaging.requirements import select, third_party

ROOT = Path(__file__).parents[3]
PINS = (ROOT / "requirements.txt").read_text()


def _names(lines: str) -> set[str]:
    return {line.partition("==")[0] for line in lines.splitlines()}


def test_imports_are_found_wherever_they_stand_but_not_those_for_types_only() -> None:
    """Within functions too; the standard library and the project's own code do not count."""
    source = b"""
import os, psycopg.rows
from shared import config
from . import sibling
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import mypy
def f():
    from azure.storage.blob.aio import BlobClient
    try:
        import brotli
    except ImportError:
        pass
"""
    assert third_party(source, "x.py") == {
        "psycopg.rows",
        "azure.storage.blob.aio.BlobClient",
        "brotli",
    }


def test_an_app_gets_the_closure_of_its_imports_and_no_more() -> None:
    """azure-functions needs werkzeug; nobody asked for kubernetes."""
    names = _names(select({"a.py": b"import azure.functions, psycopg"}, PINS))
    assert {"azure-functions", "werkzeug", "psycopg", "psycopg-binary"} <= names
    assert not names & {"kubernetes", "azure-storage-blob", "redis"}


def test_pins_keep_their_markers_and_order() -> None:
    """Both lines of a package that has one a Python version."""
    chosen = select({"a.py": b"import azure.functions"}, PINS)
    both = [line for line in PINS.splitlines() if line.startswith("azure-functions==")]
    assert len(both) == 2
    assert all(line in chosen.splitlines() for line in both)
    lines = chosen.splitlines()
    assert lines == [line for line in PINS.splitlines() if line in lines]


def test_an_import_that_no_pin_covers_is_named_with_its_file() -> None:
    """The app would fail on Azure, so staging fails here."""
    with pytest.raises(StagingError, match=r"shared/x\.py imports notthere\.part"):
        select({"shared/x.py": b"import notthere.part"}, PINS)


def test_a_syntax_error_is_named_with_its_line() -> None:
    """File, line, reason."""
    with pytest.raises(StagingError, match=r"shared/x\.py, line 2"):
        select({"shared/x.py": b"\nimport ("}, PINS)


def _modules(distribution: str) -> set[str]:
    """The modules that an installed distribution brings, by their dotted names."""
    try:
        installed = files(distribution) or []
    except PackageNotFoundError:
        return set()
    names = set()
    for file in installed:
        if file.suffix in {".py", ".so", ".pyd"}:
            parts = [*file.parts[:-1], file.name.partition(".")[0]]
            names.add(".".join(parts).removesuffix(".__init__"))
    return names


def test_every_third_party_import_of_the_project_is_in_what_its_pins_install() -> None:
    """Seen from the installed files, so that the map of names is not its own judge."""
    for folder in ("functions", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_bytes()
            pinned = _names(select({path.name: source}, PINS))
            brought = set().union(*(_modules(name) for name in pinned))
            for module in third_party(source, path.name):
                # The last part may be a name within the module.
                assert {module, module.rpartition(".")[0]} & brought, f"{path} imports {module}"
