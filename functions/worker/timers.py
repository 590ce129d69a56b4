"""Timers: the sweep, which guarantees progress, and the clean-up."""

import azure.functions as func

from shared.services import services

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.timer_trigger("timer", "*/10 * * * * *", run_on_startup=True, use_monitor=False)
async def sweep(timer: func.TimerRequest) -> None:
    """Every ten seconds: hint at all that is due."""
    await services().upkeep.sweep()


@blueprint.timer_trigger("timer", "0 */15 * * * *", use_monitor=False)
async def clean(timer: func.TimerRequest) -> None:
    """Every quarter of an hour: delete what has had its time."""
    await services().upkeep.clean()
