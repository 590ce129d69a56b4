"""Restarts that a cluster counts, told in their release's log as lines of the platform.

The runner writes its own; this is for clusters that only tell how often a replica was started.
"""

import hashlib
from collections.abc import Iterator

from shared.clusters.port import ReplicaStatus, WorkloadStatus
from shared.database import Row
from shared.logs.service import LogService


class Restarts:
    """Writes a line for each replica that was started again since the row was last looked at."""

    def __init__(self, logs: LogService) -> None:
        self._logs = logs

    async def tell(self, row: Row, status: WorkloadStatus) -> None:
        """Told again, it is the same line: its writer is named by the replica and the restart."""
        for replica in restarted(row, status):
            await self._logs.say_once(
                row["account_id"],
                row["release_id"],
                _writer(replica),
                _text(replica),
                replica=replica.name,
            )


def restarted(row: Row, status: WorkloadStatus) -> Iterator[ReplicaStatus]:
    """The replicas that have more restarts than the row knows of."""
    known = {one["name"]: one["restarts"] for one in (row["status"] or {}).get("replicas", ())}
    for replica in status.replicas:
        if replica.restarts > known.get(replica.name, 0):
            yield replica


def _writer(replica: ReplicaStatus) -> str:
    """A pod's name alone may be as long as a writer's may be."""
    name = f"{replica.name}/{replica.restarts}"
    return f"restart-{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def _text(replica: ReplicaStatus) -> str:
    count = "1 restart" if replica.restarts == 1 else f"{replica.restarts} restarts"
    return f"{replica.last_end or 'It ended'}, and was started again ({count} so far)"
