"""How the brokers are reached: by the trigger's declaration and by the producer's options."""

from types import SimpleNamespace

import azure.functions as func
import pytest

from shared.clients.kafka import _options
from shared.logs.service import Incoming
from shared.triggers import kafka


def declared(monkeypatch: pytest.MonkeyPatch, protocol: str) -> dict[str, object]:
    """The binding that a trigger with these arguments declares."""
    monkeypatch.setattr(kafka, "settings", lambda: SimpleNamespace(kafka_protocol=protocol))
    app = func.FunctionApp()

    @app.kafka_trigger("events", "logs", consumer_group="group", **kafka.connection())
    async def probe(events: object) -> None:
        del events

    (function,) = app.get_functions()
    trigger = function.get_trigger()
    assert trigger is not None
    binding: dict[str, object] = trigger.get_dict_repr()
    return {
        name: getattr(value, "name", value) for name, value in binding.items() if value is not None
    }


def test_the_trigger_takes_batches_of_the_records_own_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binding = declared(monkeypatch, "PLAINTEXT")
    assert (binding["cardinality"], binding["dataType"]) == ("MANY", "BINARY")
    assert (binding["brokerList"], binding["protocol"]) == ("%KAFKA_BROKERS%", "NOTSET")
    assert "username" not in binding
    assert "password" not in binding


def test_event_hubs_is_reached_by_sasl_with_names_of_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    binding = declared(monkeypatch, "SASL_SSL")
    assert (binding["protocol"], binding["authenticationMode"]) == ("SASLSSL", "PLAIN")
    assert (binding["username"], binding["password"]) == ("%KAFKA_USERNAME%", "%KAFKA_PASSWORD%")


def test_records_come_with_their_positions() -> None:
    event = func.KafkaEvent(body=b"x", partition=3, offset=17)
    assert kafka.incoming([event]) == [Incoming(b"x", 3, 17)]


def test_the_producer_signs_in_only_where_sasl_is_used() -> None:
    plain = _options("broker:9092", "PLAINTEXT", "", "", 3)
    assert not [name for name in plain if name.startswith("sasl")]
    hubs = _options("hubs:9093", "SASL_SSL", "$ConnectionString", "Endpoint=…", 3)
    assert hubs["sasl.mechanism"] == "PLAIN"
    assert hubs["sasl.username"] == "$ConnectionString"
    assert hubs["compression.type"] == "none"
