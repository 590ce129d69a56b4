"""``host.json`` as typed options, with the defaults of the extensions.

A key whose effect this host does not have is refused by its full name, since ignoring it would
make the app behave differently on Azure. Keys compare without case, as .NET binds them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infrastructure.local.functions_host.errors import HostError, Unsupported
from infrastructure.local.functions_host.settings import read_json

FILE_NAME = "host.json"
# Keys that change nothing here: tooling, Azure's own telemetry, and where extensions come from.
_WITHOUT_EFFECT = {"$schema", "logging", "extensionbundle"}
_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")
_MINIMUM_POLLING = 0.1


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """``extensions.http``."""

    route_prefix: str = "api"


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """``extensions.queues``; times in seconds."""

    max_polling_interval: float = 60.0
    visibility_timeout: float = 0.0
    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    message_encoding: str = "base64"


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """``extensions.kafka``; times in seconds, ``max_retries`` -1 means for ever."""

    max_batch_size: int = 64
    subscriber_interval: int = 1
    commit_on_failure: bool = True
    max_retries: int = 5


@dataclass(frozen=True, slots=True)
class HostConfiguration:
    """All of ``host.json`` that has an effect; ``function_timeout`` None means unbounded."""

    function_timeout: float | None = 1800.0
    http: HttpOptions = field(default_factory=HttpOptions)
    queues: QueueOptions = field(default_factory=QueueOptions)
    kafka: KafkaOptions = field(default_factory=KafkaOptions)


class _Section:
    """One JSON object of the file; ``finish`` refuses what nobody read."""

    def __init__(self, name: str, values: object) -> None:
        if not isinstance(values, Mapping):
            raise HostError(f"{FILE_NAME}: {name} must be an object")
        self.name = name
        self._values = {str(key).lower(): (str(key), value) for key, value in values.items()}

    def section(self, key: str) -> "_Section":
        return _Section(self._full(key), self._take(key, {}))

    def integer(self, key: str, default: int, least: int, most: int | None = None) -> int:
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise HostError(f"{FILE_NAME}: {self._full(key)} must be a whole number from {least}")
        if most is not None and value > most:
            raise HostError(f"{FILE_NAME}: {self._full(key)} must be at most {most}")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise HostError(f"{FILE_NAME}: {self._full(key)} must be true or false")
        return value

    def text(self, key: str, default: str, allowed: tuple[str, ...] = ()) -> str:
        value = self._take(key, default)
        if not isinstance(value, str) or (allowed and value.lower() not in allowed):
            kinds = " or ".join(allowed) or "text"
            raise HostError(f"{FILE_NAME}: {self._full(key)} must be {kinds}")
        return value.lower() if allowed else value

    def seconds(self, key: str, default: float) -> float:
        value = self._take(key, None)
        return default if value is None else time_span(value, self._full(key))

    def ignore(self, keys: set[str]) -> None:
        for key in keys:
            self._values.pop(key, None)

    def finish(self) -> None:
        for original, _ in self._values.values():
            raise Unsupported(FILE_NAME, self._full(original))

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def _take(self, key: str, default: Any) -> Any:
        return self._values.pop(key.lower(), (key, default))[1]


def time_span(value: object, name: str) -> float:
    """Seconds of a .NET time span such as ``00:30:00`` or ``1.00:00:00``."""
    match = _TIME_SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise HostError(f"{FILE_NAME}: {name} must be a time such as 00:00:30")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def load(app: Path) -> HostConfiguration:
    """Read ``host.json`` of a staged app."""
    return parse(read_json(app / FILE_NAME))


def parse(document: Mapping[str, Any]) -> HostConfiguration:
    """Build the options; HostError names the first key that cannot be kept."""
    root = _Section("", document)
    root.text("version", "", ("2.0",))
    root.ignore(_WITHOUT_EFFECT)
    timeout = root.text("functionTimeout", "00:30:00")
    extensions = root.section("extensions")
    configuration = HostConfiguration(
        function_timeout=None if timeout == "-1" else time_span(timeout, "functionTimeout"),
        http=_http(extensions.section("http")),
        queues=_queues(extensions.section("queues")),
        kafka=_kafka(extensions.section("kafka")),
    )
    extensions.finish()
    root.finish()
    return configuration


def _http(section: _Section) -> HttpOptions:
    options = HttpOptions(route_prefix=section.text("routePrefix", "api").strip("/"))
    section.finish()
    return options


def _queues(section: _Section) -> QueueOptions:
    options = QueueOptions(
        max_polling_interval=max(_MINIMUM_POLLING, section.seconds("maxPollingInterval", 60.0)),
        visibility_timeout=section.seconds("visibilityTimeout", 0.0),
        batch_size=section.integer("batchSize", 16, 1, 32),
        new_batch_threshold=section.integer("newBatchThreshold", 8, 0),
        max_dequeue_count=section.integer("maxDequeueCount", 5, 1),
        message_encoding=section.text("messageEncoding", "base64", ("base64", "none")),
    )
    section.finish()
    return options


def _kafka(section: _Section) -> KafkaOptions:
    options = KafkaOptions(
        max_batch_size=section.integer("maxBatchSize", 64, 1),
        subscriber_interval=section.integer("SubscriberIntervalInSeconds", 1, 1),
        commit_on_failure=section.boolean("commitOnFailure", True),
        max_retries=section.integer("maxRetries", 5, -1),
    )
    section.finish()
    return options
