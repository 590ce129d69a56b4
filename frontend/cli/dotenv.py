"""Files of variables as ``env pull`` writes them: a name and a value a line."""

import re
from collections.abc import Iterable, Mapping

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}


def lines_of(variables: Mapping[str, str], secrets: Iterable[str]) -> str:
    """The text of a file; of secrets only the names, since nobody is given their values."""
    lines = [f"{name}={quoted(variables[name])}" for name in sorted(variables)]
    lines += [f"# {name} is a secret: its value is given to nobody" for name in sorted(secrets)]
    return "".join(f"{line}\n" for line in lines)


def quoted(value: str) -> str:
    """A value as every reader of such files understands it."""
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and not any(char in value for char in "\n\r"):
        return f"'{value}'"  # nothing is expanded in it
    return '"' + "".join(_ESCAPES.get(char, char) for char in value) + '"'
