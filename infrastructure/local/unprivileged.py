"""Runs a program as an unprivileged user when we are root: Postgres refuses to be root.

The state may lie below a home that no other user can enter, so changing the user is not
enough. First choice is a user namespace, in which our own files belong to a plain user;
second is another user that keeps the one capability to pass closed folders.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infrastructure.local.errors import StackError

PLAIN_ID = 1000
NOBODY = 65534


def _namespace() -> list[str]:
    identity = [f"--map-user={PLAIN_ID}", f"--map-group={PLAIN_ID}"]
    return ["unshare", "--user", *identity, "--"]


def _capability() -> list[str]:
    return [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        # initdb asks access(2), which ignores the capability of a plain user without this.
        "--securebits=+no_setuid_fixup",
        # Changing the user clears the wish to end with the parent: it is made again after it.
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--pdeathsig=INT", "--"),
    ]


def prefix(folder: Path, program: Path) -> list[str]:
    """What stands before a command so that it runs unprivileged and may use the folder.

    Empty for an ordinary user. The folder is made, and belongs to whom the program will be.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        return []
    first, second = (_namespace(), 0), (_capability(), NOBODY)
    # A folder that was filled by one way can only be used by the same way again.
    ways = (second, first) if folder.stat().st_uid == NOBODY else (first, second)
    for words, owner in ways:
        _give(folder, owner)
        if _works(words, folder, program):
            return words
    raise StackError(
        "Postgres refuses to run as root, and neither `unshare --user` nor `setpriv` works here: "
        "run ./dev as an ordinary user, or install util-linux."
    )


def _give(folder: Path, owner: int) -> None:
    if folder.stat().st_uid == owner:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def _works(words: Sequence[str], folder: Path, program: Path) -> bool:
    script = 'test "$(id -u)" != 0 && test -w "$1" && "$2" --version'
    try:
        done = subprocess.run(
            [*words, "sh", "-c", script, "sh", str(folder), str(program)],
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
