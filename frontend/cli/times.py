"""Times on the command line: ``15m``, ``1h``, ``2d``, or a moment of its own."""

import re
from datetime import UTC, datetime, timedelta

from frontend.cli.errors import UsageError

_SPAN = re.compile(r"(\d{1,6})\s*(s|m|min|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DAY_SECONDS = 86_400


def moment_of(text: str, now: datetime | None = None) -> str:
    """What ``--since`` means: a span back from now, or a time in ISO 8601."""
    seconds = _seconds(text)
    try:
        if seconds is not None:
            then = (now or datetime.now(UTC)) - timedelta(seconds=seconds)
        else:
            then = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return then.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        how = "give a span such as 15m, 1h or 2d, or a time in ISO 8601"
        raise _refused(text, how) from None


def minutes_of(text: str) -> int:
    """A span in whole minutes, at most a day: so long figures are kept."""
    seconds = _seconds(text)
    if seconds is None or not 60 <= seconds <= _DAY_SECONDS:
        raise _refused(text, "give a span from 1m to 24h")
    return seconds // 60


def _seconds(text: str) -> int | None:
    span = _SPAN.fullmatch(text.strip().lower())
    return int(span[1]) * _SECONDS[span[2]] if span else None


def _refused(text: str, reason: str) -> UsageError:
    return UsageError("usage", "The command line is not understood", f"--since {text}: {reason}.")
