"""NCRONTAB: six fields, both day fields must fit, nothing that only croniter knows."""

from datetime import UTC, datetime

import pytest

from infrastructure.local.functions_host.errors import HostError, Unsupported
from infrastructure.local.functions_host.timers import Schedule

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("*/10 * * * * *", datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)),
        ("30 */5 * * * *", datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)),
        ("0 0 0 * * Mon", datetime(2026, 1, 5, tzinfo=UTC)),
        ("0 0 0 13 * Fri", datetime(2026, 2, 13, tzinfo=UTC)),
        ("0 0 6 1 jan *", datetime(2027, 1, 1, 6, tzinfo=UTC)),
    ],
)
def test_the_following_time_is_computed(expression: str, following: datetime) -> None:
    """The first field is the second; day of month and day of week both count."""
    assert Schedule(expression, "function f").after(START) == following


@pytest.mark.parametrize(
    "expression", ["* * * * *", "0 0 0 L * *", "@daily", "0 0 0 * * 1#2", "61 * * * * *", ""]
)
def test_what_is_no_ncrontab_is_refused(expression: str) -> None:
    """Five fields, croniter's own additions, values out of range."""
    with pytest.raises(HostError, match=r"function f: .* is no NCRONTAB expression"):
        Schedule(expression, "function f")


def test_a_time_span_is_refused_by_name() -> None:
    """App Service plans take it, ours do not."""
    with pytest.raises(Unsupported, match="time span"):
        Schedule("00:05:00", "function f")
