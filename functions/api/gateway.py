"""What gateways report and ask; not part of the API that users see."""

from shared.metrics.models import TrafficReport
from shared.services import services
from shared.triggers.gateway import GatewayResource
from shared.workloads.gateway import WakeRequest, Woken

resource = GatewayResource()


@resource.operation(TrafficReport)
async def gateway_traffic(report: TrafficReport) -> None:
    """Take what a gateway saw of dynamic releases."""
    await services().metrics.take_report(report)


@resource.operation(WakeRequest)
async def gateway_wake(asked: WakeRequest) -> Woken:
    """Start a release that sleeps; asked again until it is ready."""
    return await services().gateway.wake(asked.release)
