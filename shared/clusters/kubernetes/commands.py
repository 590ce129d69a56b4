"""How a person's command line becomes the words that a container starts with."""

import re
import shlex

from shared.builders.dockerfiles.start import launch

_SHELL = re.compile(r"[$`|&;<>()*?\[\]{}~!#\n]")
_BUILTINS = frozenset(
    (".", ":", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if", "read")
) | frozenset(("set", "shift", "source", "trap", "ulimit", "umask", "unset", "until", "while"))


def words(command: str) -> list[str]:
    """The words of a command.

    A plain command is started itself: it needs no shell in the image, and gets SIGTERM. All others
    are started as in the images that we make.
    """
    found = shlex.split(command) if _is_plain(command) else launch(command)
    return [_literal(word) for word in found]


def _is_plain(command: str) -> bool:
    try:
        split = shlex.split(command)
    except ValueError:
        return False
    return bool(split) and not _SHELL.search(command) and not _begins_specially(command)


def _begins_specially(command: str) -> bool:
    first = command.split(maxsplit=1)[0]
    return first in _BUILTINS or "=" in first


def _literal(text: str) -> str:
    """Kubernetes replaces ``$(NAME)`` in commands by itself, and makes one ``$`` of two."""
    return text.replace("$", "$$")
