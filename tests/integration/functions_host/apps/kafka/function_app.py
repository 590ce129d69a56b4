"""Kafka functions, one a cardinality, that record their records and fail when these say so."""

import json
import os
import typing

import azure.functions as func
from recording import calls, held, record

app = func.FunctionApp()
MANY = os.environ["CARDINALITY"] == "MANY"
_trigger = app.kafka_trigger(
    arg_name="events",
    topic="%TOPIC%",
    broker_list="%BROKERS%",
    consumer_group="%GROUP%",
    cardinality=os.environ["CARDINALITY"],
    data_type="binary",
)


def _seen(event: func.KafkaEvent) -> dict[str, object]:
    return {
        "body": json.loads(event.get_body()),
        "key": event.key,
        "offset": event.offset,
        "partition": event.partition,
        "topic": event.topic,
        "timestamp": event.timestamp,
        "headers": event.headers,
    }


async def _work(events: list[func.KafkaEvent]) -> None:
    seen = [_seen(event) for event in events]
    failures = sum("failed" in call for call in calls())
    if any(failures < item["body"].get("fail", 0) for item in seen):
        record(failed=seen)
        raise RuntimeError("on purpose")
    if any(item["body"].get("hold") for item in seen):
        record(held=seen)
        await held()
    record(batch=seen)


if MANY:

    @_trigger
    async def many(events: typing.List[func.KafkaEvent]) -> None:  # noqa: UP006
        """A batch."""
        await _work(events)

else:

    @_trigger
    async def one(events: func.KafkaEvent) -> None:
        """One record."""
        await _work([events])
