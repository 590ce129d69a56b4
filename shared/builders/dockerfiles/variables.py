"""The variables of a build's commands, as a file of the shell.

All of them, secret or not, reach the commands by a mounted file: so no value is an argument,
stands in an image or its history, or has to be quoted for a parser of Dockerfiles.
"""

import re
from collections.abc import Mapping

from shared.builders.dockerfiles.errors import SpecNotSupported

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The shell itself counts with it, and ends at a value that is no number.
_OF_THE_SHELL = frozenset({"OPTIND"})


def variables_file(variables: Mapping[str, str]) -> bytes:
    """What ``.`` reads: one ``export`` a variable, in the order of their names."""
    lines = [
        f"export {_name(name)}='{_value(name, value)}'\n"
        for name, value in sorted(variables.items())
        if name not in _OF_THE_SHELL
    ]
    return "".join(lines).encode()


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SpecNotSupported(
            f"{name[:60]!r} is no name of a variable."
            " Next: use letters, digits and underscores, and no digit first."
        )
    return name


def _value(name: str, value: str) -> str:
    if "\0" in value:
        raise SpecNotSupported(f"The value of {name} holds a NUL character. Next: take it out.")
    if not value.isprintable() and any("\ud800" <= mark <= "\udfff" for mark in value):
        raise SpecNotSupported(
            f"The value of {name} holds half of a character (a lone surrogate). Next: correct it."
        )
    return value.replace("'", "'\\''")
