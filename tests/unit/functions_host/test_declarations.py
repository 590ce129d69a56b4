"""What an app may declare: four triggers, and everything else refused with its name."""

from collections.abc import Callable
from typing import Any, List  # noqa: UP035 - Azure's worker refuses list[…]

import azure.functions as func
import pytest

from infrastructure.local.functions_host import declarations
from infrastructure.local.functions_host.declarations import (
    Function,
    HttpTrigger,
    KafkaTrigger,
    QueueTrigger,
    TimerTrigger,
)
from infrastructure.local.functions_host.errors import HostError, Unsupported

Declare = Callable[[func.FunctionApp], Any]
ANONYMOUS = func.AuthLevel.ANONYMOUS


def _read(declare: Declare) -> list[Function]:
    app = func.FunctionApp(http_auth_level=ANONYMOUS)
    declare(app)
    return declarations.read(app.get_functions())


async def _http(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


def test_the_four_triggers_are_read() -> None:
    """Each with its attributes, sync or async, with and without context."""

    def declare(app: func.FunctionApp) -> None:
        @app.route(route="p/{id}", methods=["GET", "HEAD"])
        async def http(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
            return func.HttpResponse()

        @app.queue_trigger(arg_name="message", queue_name="jobs", connection="Storage")
        def queue(message: func.QueueMessage) -> None: ...

        @app.timer_trigger(arg_name="timer", schedule="%S%", run_on_startup=True)
        async def timer(timer: func.TimerRequest) -> None: ...

        @app.kafka_trigger(
            arg_name="events",
            topic="logs",
            broker_list="%BROKERS%",
            consumer_group="g",
            cardinality="MANY",
            protocol="SASLSSL",
            authentication_mode="PLAIN",
            username="u",
            password="%P%",
        )
        async def kafka(events: List[func.KafkaEvent]) -> None: ...  # noqa: UP006

    http, queue, timer, kafka = _read(declare)
    assert isinstance(http.trigger, HttpTrigger)
    assert (http.trigger.template.text, http.trigger.methods) == ("p/{id}", {"GET", "HEAD"})
    assert (http.is_async, http.wants_context, http.argument) == (True, True, "req")
    assert queue.trigger == QueueTrigger("jobs", "Storage")
    assert (queue.is_async, queue.wants_context) == (False, False)
    assert timer.trigger == TimerTrigger("%S%", True)
    assert kafka.trigger == KafkaTrigger(
        "logs", "%BROKERS%", "g", True, "SASLSSL", "PLAIN", "u", "%P%"
    )


def _other_level(app: func.FunctionApp) -> None:
    app.route(route="x", auth_level=func.AuthLevel.FUNCTION)(_http)


def _output(app: func.FunctionApp) -> None:
    app.queue_output(arg_name="out", queue_name="q", connection="c")(app.route(route="x")(_http))


def _input(app: func.FunctionApp) -> None:
    app.blob_input(arg_name="blob", path="p", connection="c")(app.route(route="x")(_http))


def _blob_trigger(app: func.FunctionApp) -> None:
    @app.blob_trigger(arg_name="blob", path="p", connection="c")
    async def f(blob: func.InputStream) -> None: ...


def _retry(app: func.FunctionApp) -> None:
    @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
    @app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:01")
    async def f(timer: func.TimerRequest) -> None: ...


def _avro(app: func.FunctionApp) -> None:
    @app.kafka_trigger(arg_name="e", topic="t", broker_list="b", avro_schema="{}")
    async def f(e: func.KafkaEvent) -> None: ...


def _binary_key(app: func.FunctionApp) -> None:
    @app.kafka_trigger(arg_name="e", topic="t", broker_list="b", key_data_type="BINARY")
    async def f(e: func.KafkaEvent) -> None: ...


def _extra_parameter(app: func.FunctionApp) -> None:
    @app.route(route="x")
    async def f(req: func.HttpRequest, other: str) -> None: ...


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (_other_level, "authLevel FUNCTION"),
        (_output, "output binding queue"),
        (_input, "input binding blob"),
        (_blob_trigger, "trigger blobTrigger"),
        (_retry, "retry policy"),
        (_avro, "kafkaTrigger attribute avroSchema"),
        (_binary_key, "keyDataType BINARY"),
        (_extra_parameter, "parameter other"),
    ],
)
def test_features_that_no_app_of_ours_uses_are_refused(declare: Declare, named: str) -> None:
    """The message names the function and the feature."""
    with pytest.raises(Unsupported, match=rf"function (f|_http): (the |a )?{named}"):
        _read(declare)


@pytest.mark.parametrize("route", ["admin/x", "Administrators", "runtime/x", "runtimes"])
def test_reserved_routes_are_refused(route: str) -> None:
    """Azure compares the beginning of the text, not the segment."""
    with pytest.raises(HostError, match="conflicts with one or more built in routes"):
        _read(lambda app: app.route(route=route)(_http))


def test_the_same_route_twice_is_refused_whatever_its_parameters_are_called() -> None:
    """Both functions are named; other methods on the same route are fine."""

    def declare(app: func.FunctionApp, second: list[str]) -> None:
        app.function_name("one")(app.route(route="p/{id}", methods=["GET"])(_http))
        app.function_name("two")(app.route(route="P/{key}", methods=second)(_http))

    assert len(_read(lambda app: declare(app, ["POST"]))) == 2
    with pytest.raises(HostError, match=r"function two: the route GET .* function one"):
        _read(lambda app: declare(app, ["GET", "POST"]))


def test_the_annotation_that_azure_s_worker_rejects_is_refused_here_too() -> None:
    """list[KafkaEvent] would fail the indexing of the whole app on Azure."""

    def declare(app: func.FunctionApp) -> None:
        @app.kafka_trigger(arg_name="e", topic="t", broker_list="b", cardinality="MANY")
        async def f(e: list[func.KafkaEvent]) -> None: ...

    with pytest.raises(HostError, match=r"typing\.List"):
        _read(declare)
