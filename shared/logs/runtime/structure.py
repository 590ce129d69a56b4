"""What the text of a line says about itself: its level, and the fields of a JSON line.

The names are those that common loggers use: pino, winston, bunyan, zap, slog, structlog, logback,
python-json-logger, Serilog, GELF. All of it is a reading of the text; the text stays as it came.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]

MAX_JSON = 16_384
"""Longer texts are not looked into."""
MAX_FIELDS = 50
MAX_FIELD_CHARACTERS = 2_000

_LEVEL_KEYS = ("level", "severity", "levelname", "log.level", "lvl", "@l", "severityText")
_MESSAGE_KEYS = ("msg", "message", "event", "@m", "short_message")
_TIME_KEYS = ("time", "timestamp", "ts", "@timestamp", "@t", "asctime")
_NAMES: dict[str, Level] = {
    **dict.fromkeys(("trace", "silly", "verbose", "finest"), "trace"),
    **dict.fromkeys(("debug", "dbg", "fine"), "debug"),
    **dict.fromkeys(("info", "information", "informational", "notice", "http", "log"), "info"),
    **dict.fromkeys(("warn", "warning", "wrn"), "warn"),
    **dict.fromkeys(("error", "err", "severe"), "error"),
    **dict.fromkeys(
        ("fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "dpanic"), "fatal"
    ),
}
_SYSLOG: tuple[Level, ...] = (
    *("fatal", "fatal", "fatal", "error"),
    *("warn", "info", "info", "debug"),
)
_KLOG: dict[str, Level] = {"I": "info", "W": "warn", "E": "error", "F": "fatal"}

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_KLOG_HEAD = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
_LOGFMT = re.compile(r"(?:^|\s)(?:level|lvl|severity)=\"?([A-Za-z]+)", re.ASCII)
_WORD = r"TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|PANIC|EMERG|ALERT"
_LOUD = re.compile(rf"(?:^|[\s\[(<|])({_WORD})(?=$|[\s\])>|:!,])")
_QUIET = re.compile(rf"(?:^|\s)(?:\[({_WORD})\]|({_WORD}):)", re.IGNORECASE)
_EXCEPTION = re.compile(
    r"Traceback \(most recent call last\)|(?:Uncaught |Unhandled )?[\w.$]*(?:Error|Exception)"
    r"(?: \[\w+\])?(?::|$)|Exception in thread |npm ERR!"
)
_CRASH = re.compile(r"panic: |fatal error: |FATAL ERROR: ")
_HEAD = 96


class Structure(NamedTuple):
    """What a text says: ``message`` is what is for people; ``logged_at`` the app's own clock."""

    level: Level | None
    message: str
    logged_at: str | None = None
    fields: Mapping[str, Any] | None = None


def structure_of(text: str) -> Structure:
    """Read a line's text."""
    document = _document(text)
    if document is None:
        return Structure(_level_of_text(text), text)
    level_key, level = _first(document, _LEVEL_KEYS, _level_of_value)
    message_key, message = _first(document, _MESSAGE_KEYS, _message)
    time_key, logged_at = _first(document, _TIME_KEYS, _time)
    known = {level_key, message_key, time_key}
    rest = [(key, value) for key, value in document.items() if key not in known]
    fields = {key[:128]: _bounded(value) for key, value in rest[:MAX_FIELDS]}
    return Structure(level, text if message is None else message, logged_at, fields)


def level_of(text: str) -> Level | None:
    """The level alone."""
    document = _document(text)
    if document is None:
        return _level_of_text(text)
    found: Level | None = _first(document, _LEVEL_KEYS, _level_of_value)[1]
    return found


def _document(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_JSON or not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _first(document: Mapping[str, Any], keys: tuple[str, ...], read: Any) -> tuple[str | None, Any]:
    """The first of the keys whose value can be read so."""
    for key in keys:
        value = read(document[key]) if key in document else None
        if value is not None:
            return key, value
    return None, None


def _level_of_value(value: object) -> Level | None:
    """A name, a number of pino or bunyan (10 to 60), or of syslog (0 to 7)."""
    if isinstance(value, str):
        return _NAMES.get(_COLORS.sub("", value).strip().lower()) or _level_of_digits(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if 0 <= value < len(_SYSLOG):
        return _SYSLOG[int(value)]
    ladder: tuple[tuple[int, Level], ...] = (
        (60, "fatal"),
        (50, "error"),
        (40, "warn"),
        (30, "info"),
        (20, "debug"),
        (10, "trace"),
    )
    return next((level for bound, level in ladder if value >= bound), None)


def _level_of_digits(value: str) -> Level | None:
    return _level_of_value(int(value)) if re.fullmatch(r"[0-9]{1,2}", value) else None


def _message(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> str | None:
    """A time as RFC 3339 in UTC: from a text in ISO form, or a number since the epoch."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.replace(",", ".").replace("Z", "+00:00"))
            moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > 1e11 else value
            if not 1e8 < seconds < 1e11:
                return None
            moment = datetime.fromtimestamp(seconds, UTC)
        else:
            return None
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    except (ValueError, OverflowError, OSError):
        return None


def _bounded(value: object) -> object:
    if isinstance(value, str):
        shown = value
    elif isinstance(value, dict | list):
        shown = json.dumps(value, ensure_ascii=False)
    else:
        return value if value == value and abs(value or 0) != float("inf") else str(value)  # type: ignore[arg-type]
    if len(shown) > MAX_FIELD_CHARACTERS:
        return shown[:MAX_FIELD_CHARACTERS] + "…"
    return value


def _level_of_text(text: str) -> Level | None:
    head = _COLORS.sub("", text[: 2 * _HEAD])[:_HEAD]
    if _CRASH.match(head):
        return "fatal"
    if _EXCEPTION.match(head):
        return "error"
    if found := _KLOG_HEAD.match(head):
        return _KLOG[found[1]]
    if found := _LOGFMT.search(head):
        return _NAMES.get(found[1].lower())
    if found := _LOUD.search(head):
        return _NAMES[found[1].lower()]
    if found := _QUIET.search(head):
        return _NAMES[(found[1] or found[2]).lower()]
    return None
