"""Runs the benchmarks and prints a table: ``python -m tests.benchmarks [name …]``."""

import asyncio
import importlib
import pkgutil
import sys
from types import ModuleType

import tests.benchmarks as package
from tests.benchmarks import Result


def benchmarks() -> dict[str, ModuleType]:
    """The modules of this package that measure something, by their file's name."""
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    modules = {
        name: importlib.import_module(f"{package.__name__}.{name}")
        for name in names
        if name != "__main__"
    }
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def wanted(found: dict[str, ModuleType], names: list[str]) -> dict[str, ModuleType]:
    """Those that were named, by file or by figure; all where none was."""
    return {
        name: module
        for name, module in found.items()
        if not names or name in names or module.NAME.lower() in map(str.lower, names)
    }


def row(module: ModuleType, result: Result) -> str:
    """One line of the table."""
    goal = result.goal or module.GOAL
    verdict = "met" if goal.met(result.value) else "MISSED"
    value = f"{result.value:.2f}{result.unit and ' ' + result.unit}"
    name, text = result.name or module.NAME, result.text or module.TEXT
    return f"{name:<5} {value:>10}   goal {goal!s:<8} {verdict:<7} {text}"


def main(names: list[str]) -> int:
    """Measure what was asked for; 0 whatever the figures are, 2 for a name that is none."""
    found = benchmarks()
    chosen = wanted(found, names)
    if not chosen:
        print(f"no benchmark {' '.join(names)}; there are: {', '.join(found)}", file=sys.stderr)
        return 2
    for module in chosen.values():
        results = asyncio.run(module.measure())
        for result in [results] if isinstance(results, Result) else results:
            print(row(module, result))
            for detail in result.details:
                print(f"      {detail}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
