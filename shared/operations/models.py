"""What the admin API says."""

from datetime import datetime
from uuid import UUID

from shared.models import Response


class Running(Response):
    """A deployment that has not ended."""

    id: UUID
    account: str
    name: str
    state: str
    since: datetime
    due_at: datetime | None
    attempt: int


class Overview(Response):
    """What runs: deployments that have not ended, oldest first, and what is behind."""

    running: list[Running]
    active: int
    active_bound: int
    waiting: int
    overdue: int
    undelivered: int
    hints_waiting: int
    accounts: int
    projects: int
    live_sites: int
