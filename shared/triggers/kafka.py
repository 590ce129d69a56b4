"""What every Kafka trigger declares, and its events as the services take them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from shared.config import settings
from shared.logs.service import Incoming


def connection() -> dict[str, Any]:
    """Arguments of a trigger's decorator: batches, and how the brokers are reached.

    The host fills in names between percent signs. It does so for texts only, so which protocol
    is declared must be known here; without SASL there is no name for the host to look up.
    ``binary`` gives a record's own bytes; by default Azure's extension hands over a JSON text
    with the record's value in it.
    """
    arguments: dict[str, Any] = {
        "broker_list": "%KAFKA_BROKERS%",
        "cardinality": "MANY",
        "data_type": "BINARY",
    }
    if settings().kafka_protocol == "SASL_SSL":
        arguments |= {"protocol": "SASLSSL", "authentication_mode": "PLAIN"}
        arguments |= {"username": "%KAFKA_USERNAME%", "password": "%KAFKA_PASSWORD%"}
    return arguments


def incoming(events: Iterable[func.KafkaEvent]) -> list[Incoming]:
    """The records of a batch with their positions."""
    return [
        Incoming(event.get_body(), event.partition, event.offset, _milliseconds(event.timestamp))
        for event in events
    ]


def _milliseconds(timestamp: str | None) -> int | None:
    """When Kafka was told a record; the extension gives ISO 8601, or nothing that can be read."""
    if not timestamp:
        return None
    try:
        # .NET writes seven digits of a second; Python 3.11 and later read and cut them.
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
