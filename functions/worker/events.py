"""Events from Kafka, in batches, on to whoever watches."""

from typing import List  # noqa: UP035 - the Python worker refuses the built-in generic

import azure.functions as func

from shared.services import services
from shared.triggers import kafka

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.kafka_trigger(
    "events", "events", consumer_group="astrocloud-events", **kafka.connection()
)
async def events(events: List[func.KafkaEvent]) -> None:  # noqa: UP006
    """Push a batch."""
    await services().events.ingest([item.value for item in kafka.incoming(events)])
