"""The claims and ends of runs, as notes in the registry: whoever writes one first is believed.

What they say stands in ``records``; what is done because of them is the builder's business.
"""

from datetime import datetime

from shared.builders.acr import names
from shared.builders.acr.records import CANCELED, Claim, End
from shared.builders.acr.registry import Registry
from shared.builders.port import RunStatus


class Ledger:
    """The notes of one registry. Each method raises what the registry raises."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def claim(self, key: str) -> Claim | None:
        """How a key was claimed; None where it never was."""
        found = await self._registry.note(names.RUNS, names.claim_tag(key))
        return None if found is None else Claim.model_validate_json(found)

    async def claim_first(self, key: str, claim: Claim) -> Claim:
        """Claim a key, unless it was claimed; the claim that holds."""
        told = claim.model_dump_json()
        kept = await self._registry.keep_first(names.RUNS, names.claim_tag(key), told)
        return Claim.model_validate_json(kept)

    async def end(self, key: str) -> End | None:
        """How a run ended; None where nobody has said so."""
        found = await self._registry.note(names.RUNS, names.end_tag(key))
        return None if found is None else End.model_validate_json(found)

    async def keep_end(self, key: str, status: RunStatus) -> RunStatus:
        """Say how a run ended, unless it was said; what holds."""
        told = End(status=status).model_dump_json()
        kept = await self._registry.keep_first(names.RUNS, names.end_tag(key), told)
        return End.model_validate_json(kept).status

    async def delete(self, key: str) -> None:
        """Keep of a run only that it was there, so that no late start begins it."""
        end = End(status=CANCELED, is_deleted=True)
        await self._registry.overwrite(names.RUNS, names.end_tag(key), end.model_dump_json())

    async def tags_before(self, before: datetime) -> list[str]:
        """Notes that were last written before a time."""
        return await self._registry.tags_before(names.RUNS, before)

    async def forget(self, tag: str) -> None:
        """Delete a note: what it says is asked for no more."""
        await self._registry.forget(names.RUNS, tag)
