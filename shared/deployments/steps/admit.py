"""``queued``: stand in line, and let the line be served."""

from shared.deployments.admission import Admission
from shared.deployments.outcomes import Claim, Outcome, Wait

_LOOK_AGAIN_SECONDS = 15
"""Whoever frees a place serves the line; this is only for the case that they died first."""


class Admit:
    """The step of ``queued``."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def __call__(self, claim: Claim) -> Outcome:
        """Join the line and serve it; an admitted row has moved on, so the wait ends at once."""
        row = claim.row
        await self._admission.join(row["account_id"], claim.id, row["created_at"].timestamp())
        await self._admission.admit_waiting()
        return Wait(_LOOK_AGAIN_SECONDS)
