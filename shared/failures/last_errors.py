"""The last error lines of a log whose cause is not known: the message, not what follows on it."""

# Tools print such quotes and marks.
# ruff: noqa: RUF001

import re
from collections.abc import Sequence
from itertools import pairwise

from shared.failures.models import Line

MOST = 5
_ERROR = re.compile(
    r"(?i)\b(?:error|fatal|exception|failed|failure|panic|cannot|can't|could not|unable to"
    r"|not found|no such|denied|refused|invalid|unexpected|undefined|missing|traceback)\b|ERR[!_]"
    r"|^E\s|^✘|^×|^✖|^❌|Error\b"
)
# Stack frames, package managers' farewells and other consequences.
_NOISE = re.compile(
    r"^at |^File \"|node:internal|npm (?:ERR!|error)\s*(?:$|A complete log|code \w+$|errno|path|"
    r"Lifecycle|command (?:sh|failed)|workspace|location|This is probably not|Exit status)|"
    r"\.npm/_logs"
    r"|exit(?:ed)?(?: with)?(?: code| status)?:? \d+$|ELIFECYCLE|Command failed|^Node\.js v|"
    r"^error Command failed|info Visit|^make.*Error \d|did not complete successfully|^\^+$|"
    r"^Traceback|^error during build:$|^\W*[Bb]uild failed(?: in \S+)?\.?$|^\d+ errors?$|0 errors?"
)


def last_errors(lines: Sequence[Line]) -> list[Line]:
    """Up to five lines: errors where some look like it, else simply the last ones."""
    told = [line for line in lines if not line.warning and not _NOISE.search(line.bare)]
    errors = [line for line in told if _ERROR.search(line.bare)]
    return (_with_messages(errors, told) or told or list(lines))[-MOST:]


def _with_messages(errors: Sequence[Line], told: Sequence[Line]) -> list[Line]:
    """An error that ends with a colon says its message in the line after."""
    after = {line.n: following for line, following in pairwise(told)}
    shown = {line.n: line for line in errors}
    for line in errors:
        if line.bare.endswith(":") and line.n in after:
            shown[after[line.n].n] = after[line.n]
    return [shown[n] for n in sorted(shown)]
