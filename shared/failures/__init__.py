"""Failures explained: from a build's or an app's log and exit code to the cause.

Pure functions on text, without input, output or dependencies. ``models`` holds the words,
``text`` makes lines of whatever a process printed, ``catalogue`` has one entry a cause, ``signs``
how tools word these causes, and ``diagnosis`` chooses. Where a log comes from stands elsewhere.
"""

from shared.failures.diagnosis import explain
from shared.failures.models import UNKNOWN, DecisiveLine, Explanation, Phase
from shared.failures.text import Log

__all__ = ["UNKNOWN", "DecisiveLine", "Explanation", "Log", "Phase", "explain"]
