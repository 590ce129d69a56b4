"""Whether a cron line is one that every cluster understands, and what is wrong with it otherwise.

Only what Kubernetes and cron agree on: five fields with numbers, names, lists, ranges and steps.
"""

import re
from datetime import UTC, datetime

EXAMPLE = "30 4 * * * (each day at 4:30 UTC)"
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}  # fmt: skip
_PART = re.compile(r"(?:\*|([A-Za-z0-9]{1,9})(?:-([A-Za-z0-9]{1,9}))?)(?:/([0-9]{1,4}))?")
# Where the longest way to a day is: 29 February falls on one day of the week once in 28 years.
_MAX_YEARS = 30


def problem_of(line: str) -> str | None:
    """What is wrong with a cron line, in words that name the field; None where it is good."""
    fields = line.split()
    if line.startswith("@"):
        same = _MACROS.get(line.lower())
        return f"{_shown(line)} is no cron line: write {same or EXAMPLE}"
    if len(fields) != len(_FIELDS):
        more = ": seconds and years are not possible" if len(fields) > len(_FIELDS) else ""
        return (
            f"it has {len(fields)} field{'s' if len(fields) != 1 else ''} and needs 5"
            f" ({', '.join(_FIELDS)}){more}; for example {EXAMPLE}"
        )
    for name, text, bounds in zip(_FIELDS, fields, _RANGES, strict=True):
        if problem := _field_problem(name, text, bounds):
            return f"{name} {_shown(text)}: {problem}; for example {EXAMPLE}"
    return None if _comes(fields) else f"that day never comes; for example {EXAMPLE}"


def _field_problem(name: str, text: str, bounds: tuple[int, int]) -> str | None:
    low, high = bounds
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return f"it can be {low} to {high}, *, a list (1,2), a range (1-5) or a step (*/2)"
        numbers = [_number(name, word) for word in match.group(1, 2) if word]
        if None in numbers:
            return f"it can be {low} to {high}, {_names(name)}or *"
        values = [number for number in numbers if number is not None]
        if name == _FIELDS[4] and 7 in values:
            return "Sunday is 0"
        if any(not low <= value <= high for value in values):
            return f"it can be {low} to {high}"
        if len(values) > 1 and values[0] > values[1]:
            return f"a range goes upwards; write {match[1]}-{high},{low}-{match[2]}"
        if match[3] and not 1 <= int(match[3]) <= high:
            return f"a step can be 1 to {high}"
    return None


def _number(name: str, word: str) -> int | None:
    if word.isdecimal():
        return int(word)
    known = {"month": _MONTHS, "day of the week": _DAYS}.get(name, ())
    lower = word.lower()
    return known.index(lower) + (name == "month") if lower in known else None


def _names(name: str) -> str:
    known = {"month": "JAN to DEC, ", "day of the week": "SUN to SAT, "}
    return known.get(name, "")


def _comes(fields: list[str]) -> bool:
    """Whether there is ever such a day: the 30th of February is well written, too."""
    from croniter import CroniterBadDateError, croniter

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        # Names come in any case, and croniter knows them in lower case.
        croniter(" ".join(fields).lower(), begin, max_years_between_matches=_MAX_YEARS).get_next()
    except CroniterBadDateError:
        return False
    return True


def _shown(text: str) -> str:
    return f"“{text[:60]}”"
