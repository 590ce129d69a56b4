"""What timers do: sweep up what is due, keep the line whole, delete what has had its time."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.accounts import store as accounts
from shared.deliveries import store as deliveries
from shared.idempotency import store as idempotency

if TYPE_CHECKING:
    from shared.services import Services

# Longer than any deployment may take, from its first wait to its end.
_KEPT_RUNS = timedelta(days=2)
_log = logging.getLogger(__name__)


class Upkeep:
    """Each method is one timer's work and bears being run twice at once."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    async def sweep(self) -> None:
        """Hint at all that is due; this alone guarantees that nothing is ever stuck."""
        deployments = await self._services.advancer.sweep()
        delivered = await self._services.deliveries.sweep()
        workloads = await self._services.workload_hints.sweep()
        tasks = await self._services.task_looks.sweep()
        await self._services.logs.say_dropped()
        await self._services.admission.rebuild()
        await self._services.admission.admit_waiting()
        await self._services.health.beat()
        if deployments or delivered or tasks:
            _log.info(
                "swept %d deployments, %d deliveries, %d workloads and %d tasks",
                *(deployments, delivered, workloads, tasks),
            )

    async def clean(self) -> None:
        """Delete what has had its time, and seal with the newest key what is not yet."""
        uploads = await self._services.projects.clean_uploads()
        await self._services.builder.tidy(datetime.now(UTC) - _KEPT_RUNS)
        await self._services.variables.clean()
        await self._services.variables.reseal()
        await self._services.runtime_logs.trim()
        await self._services.runtime_logs.clean()
        await self._services.metrics.clean()
        async with self._services.database.transaction() as connection:
            rows = await accounts.delete_expired(connection)
            rows += await idempotency.delete_old(connection)
            rows += await deliveries.delete_old(connection)
        _log.info("cleaned %d staged archives and %d rows", uploads, rows)
