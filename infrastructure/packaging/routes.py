"""Writes ``functions/api/routes.py``: which operations the API's resources declare.

``python -m infrastructure.packaging.routes`` writes, ``--check`` only says whether it is stale.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from functions.api import gateway
from functions.api.description import MODULES
from shared.triggers.routes import Route

FILE = Path("functions/api/routes.py")
_HEAD = '''"""Every route of the API and what serves it: no resource is imported before it is asked.

Made by ``python -m infrastructure.packaging.routes`` of what the resources declare.
"""

from shared.triggers.routes import table

ROUTES = table(
    """
'''


def declared() -> Iterator[Route]:
    """As the modules say it."""
    for module in MODULES:
        for one in module.resource.operations:
            yield Route(one.method, one.path, module.__name__, one.name)
    for name in gateway.resource.names:
        yield Route("POST", name.replace("_", "/", 1), gateway.__name__, name)


def text() -> str:
    """The module."""
    rows = [f"    {one.method} {one.path} {one.module}.{one.name}\n" for one in declared()]
    return f'{_HEAD}{"".join(rows)}    """\n)\n'


def main(arguments: list[str]) -> int:
    """Write or check; the exit code says whether all is well."""
    if arguments == ["--check"]:
        if FILE.read_text() == text():
            return 0
        print(f"{FILE} is stale: run python -m infrastructure.packaging.routes")
        return 1
    FILE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
