"""Timer triggers: six-field NCRONTAB in UTC, one run at a time, drained on stop.

As on Azure, the next time is computed after a run has ended, so times that passed meanwhile are
skipped. There is no schedule monitor: a run that was due while the host was down is not made up
for, since our own timers only sweep rows. ``past_due`` says that another time had passed before
the run began.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from azure.functions.timer import TimerRequest
from croniter import croniter

from infrastructure.local.functions_host.declarations import Function, TimerTrigger
from infrastructure.local.functions_host.errors import HostError, Unsupported
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.settings import expand

logger = logging.getLogger(__name__)

# NCRONTAB knows names, lists, ranges and steps; croniter's own additions (L, #, @daily) not.
_NCRONTAB = re.compile(r"[0-9A-Za-z*,/-]+(?: +[0-9A-Za-z*,/-]+){5}")
_NAMES = re.compile(
    r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun", re.IGNORECASE
)


class Schedule:
    """A checked NCRONTAB expression."""

    def __init__(self, expression: str, where: str) -> None:
        self._expression = " ".join(expression.split())
        if re.fullmatch(r"[\d.]*\d\d:\d\d:\d\d", self._expression):
            raise Unsupported(where, "a timer schedule given as a time span")
        letters = re.search(r"[A-Za-z]", _NAMES.sub("", self._expression))
        fits = _NCRONTAB.fullmatch(self._expression) and not letters
        if not fits or not croniter.is_valid(self._expression, second_at_beginning=True):
            raise HostError(
                f"{where}: {expression!r} is no NCRONTAB expression; it needs six fields, "
                "{second} {minute} {hour} {day} {month} {day of week}"
            )

    def after(self, moment: datetime) -> datetime:
        """The first time of the schedule after a moment."""
        # NCRONTAB wants day of month and day of week both to fit, unlike Unix cron.
        times = croniter(self._expression, moment, second_at_beginning=True, day_or=False)
        following: datetime = times.get_next(datetime)
        return following


class TimerListener:
    """Fires one timer function; ``now`` is replaced in tests."""

    def __init__(
        self,
        function: Function,
        invoke: Invoker,
        environment: Mapping[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        assert isinstance(function.trigger, TimerTrigger)
        where = f"function {function.name}"
        self._function = function
        self._invoke = invoke
        self._now = now
        self._at_start = function.trigger.run_on_startup
        self.schedule = Schedule(expand(function.trigger.schedule, environment, where), where)
        self._stopping = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def waiting_for(self) -> str | None:
        """Nothing: a timer listens as soon as it is started."""
        return None if self.task else f"timer {self._function.name}"

    def start(self) -> None:
        """Begin to fire."""
        self.task = asyncio.create_task(self._run(), name=f"timer {self._function.name}")

    async def drain(self) -> None:
        """Fire no more, and let a running invocation end."""
        self._stopping.set()
        if self.task:
            await self.task

    def abort(self) -> None:
        """Cancel what still runs."""
        if self.task:
            self.task.cancel()

    async def _run(self) -> None:
        if self._at_start:
            await self._fire(past_due=False)
        while not self._stopping.is_set():
            due = self.schedule.after(self._now())
            if await self._wait_until(due):
                return
            await self._fire(past_due=self.schedule.after(due) <= self._now())

    async def _wait_until(self, due: datetime) -> bool:
        """True when told to stop first. In slices, since clocks are set and laptops sleep."""
        while (left := (due - self._now()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(min(left, 30.0)):
                    await self._stopping.wait()
                return True
            except TimeoutError:
                continue
        return self._stopping.is_set()

    async def _fire(self, *, past_due: bool) -> None:
        try:
            await self._invoke(self._function, TimerRequest(past_due=past_due))
        except Failed:
            # Logged by the invoker; Azure does not repeat a failed timer either.
            return
