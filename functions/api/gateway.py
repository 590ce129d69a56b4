"""What gateways report and ask; not part of the API that users see."""

import azure.functions as func

from shared.metrics.models import TrafficReport
from shared.services import services
from shared.triggers.gateway import gateway_operation
from shared.workloads.gateway import WakeRequest, Woken

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


async def traffic(report: TrafficReport) -> None:
    """Take what a gateway saw of dynamic releases."""
    await services().metrics.take_report(report)


gateway_operation(blueprint, "traffic", TrafficReport, traffic)


async def wake(asked: WakeRequest) -> Woken:
    """Start a release that sleeps; asked again until it is ready."""
    return await services().gateway.wake(asked.release)


gateway_operation(blueprint, "wake", WakeRequest, wake)
