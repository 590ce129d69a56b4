"""A broker that speaks the Kafka protocol, where AstroCloud uses Event Hubs.

It keeps nothing on disk: the topics are made again at each start. ``KAFKA_BROKERS`` names
another broker instead; then none is started here.
"""

import asyncio
from collections.abc import Mapping

from infrastructure.local import binaries, probes
from infrastructure.local.errors import StackError
from infrastructure.local.nodes import Service
from infrastructure.local.paths import Paths

TOPICS = ("logs", "events")
PARTITIONS = 4


def service(paths: Paths, port: int) -> Service:
    """The broker with its topics."""
    del paths
    address = f"tcp://127.0.0.1:{port}"

    async def make_topics() -> None:
        await create_topics(f"127.0.0.1:{port}")

    return Service(
        name="kafka",
        command=[
            str(binaries.kafka()),
            *("--listener-url", address),
            *("--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/"),
        ],
        environment={"RUST_LOG": "warn"},
        port=port,
        ready=probes.tcp(port),
        after_ready=make_topics,
    )


def external(environment: Mapping[str, str]) -> str:
    """The brokers that the user named, or nothing."""
    return environment.get("KAFKA_BROKERS", "")


async def create_topics(brokers: str, seconds: float = 20) -> None:
    """Make the topics that are not there yet."""
    await asyncio.to_thread(_create_topics, brokers, seconds)


def _create_topics(brokers: str, seconds: float) -> None:
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

    admin = AdminClient({"bootstrap.servers": brokers, "socket.timeout.ms": 5000})
    wanted = [NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in TOPICS]
    for name, made in admin.create_topics(wanted, request_timeout=seconds).items():
        try:
            made.result(seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise StackError(
                    f"The Kafka topic {name} cannot be made at {brokers}: {error}."
                ) from error
