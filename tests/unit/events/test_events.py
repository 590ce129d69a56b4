"""Events go to who watches the account and the deployment; a failure harms nobody."""

import json
import logging
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.clients.kafka import Producer
from shared.errors import Unavailable
from shared.events.models import Event, Undecodable, decode, encode
from shared.events.service import EventService
from tests.fakes.push import RecordingPush


class RecordingProducer(Producer):
    """Keeps records, or refuses them."""

    def __init__(self) -> None:
        super().__init__("broker.invalid:9092")
        self.sent: list[tuple[str, str, bytes]] = []
        self.failing = False

    async def send(self, topic: str, key: str, value: bytes) -> None:
        if self.failing:
            raise Unavailable("Kafka does not take records")
        self.sent.append((topic, key, value))


def event(**more: Any) -> Event:
    return Event(
        type="deployment",
        account=UUID(int=1),
        project=UUID(int=2),
        deployment=UUID(int=3),
        state="building",
        number=42,
        **more,
    )


async def test_an_event_reaches_both_groups_as_it_was_published() -> None:
    producer, push = RecordingProducer(), RecordingPush()
    service = EventService(producer, push)
    await service.publish(event(url="http://shop.apps.localhost"))
    ((topic, key, value),) = producer.sent
    assert (topic, key) == ("events", str(UUID(int=2)))
    await service.ingest([value])
    message = {
        "type": "deployment",
        "project": str(UUID(int=2)),
        "deployment": str(UUID(int=3)),
        "state": "building",
        "number": 42,
        "url": "http://shop.apps.localhost",
    }
    assert push.sent == [
        (f"account-{UUID(int=1)}", message),
        (f"deployment-{UUID(int=3)}", message),
    ]


async def test_an_event_of_a_project_goes_to_the_account_only() -> None:
    push = RecordingPush()
    project = Event(type="project", account=uuid4(), project=uuid4())
    await EventService(RecordingProducer(), push).ingest([encode(project)])
    assert [group for group, _ in push.sent] == [f"account-{project.account}"]


async def test_what_cannot_be_published_or_pushed_is_told_in_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    producer, push = RecordingProducer(), RecordingPush()
    producer.failing = push.failing = True
    service = EventService(producer, push)
    with caplog.at_level(logging.WARNING):
        await service.publish(event())
        await service.ingest([encode(event())])
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


async def test_a_record_of_another_shape_does_not_stop_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    push = RecordingPush()
    foreign = json.dumps({"type": "hunter2!", "account": "hunter2"}).encode()
    with caplog.at_level(logging.WARNING):
        await EventService(RecordingProducer(), push).ingest([foreign, encode(event())])
    assert len(push.sent) == 2
    assert "hunter2" not in caplog.text
    with pytest.raises(Undecodable):
        decode(foreign)
