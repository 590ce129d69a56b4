"""Log records from Kafka, in batches, to the store and on to readers."""

from typing import List  # noqa: UP035 - the Python worker refuses the built-in generic

import azure.functions as func

from shared.services import services
from shared.triggers import kafka

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.kafka_trigger("events", "logs", consumer_group="astrocloud-logs", **kafka.connection())
async def logs(events: List[func.KafkaEvent]) -> None:  # noqa: UP006
    """Store a batch; one that could not be stored raises, so that it comes again."""
    await services().logs.ingest(kafka.incoming(events))
