"""Our apps and our functions host against Microsoft's own Python worker library.

A fixture app has a function of each trigger kind: invoked by the worker and by our host with the
same event, it must see the same. The three staged apps must index in the worker with the
functions that our host reads, and answer ``health/live``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from importlib import invalidate_caches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.local.functions_host import declarations, queues
from infrastructure.local.functions_host.declarations import Function, HttpTrigger
from infrastructure.local.functions_host.http_server import HttpServer
from infrastructure.local.functions_host.invoker import Failed, Invoker
from infrastructure.local.functions_host.kafka_batches import Record
from infrastructure.local.functions_host.kafka_listener import event
from infrastructure.packaging import APPS, stage
from shared.config import Settings
from tests.contract import conformance_python

VERSION = "1.3.0"
ROOT = Path(__file__).parents[2]
FIXTURE = Path(__file__).parent / "fixtures" / "conformance_app"
DRIVER = Path(__file__).with_name("conformance_driver.py")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Worker:
    """Microsoft's worker library in a process of its own."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def run(
        self, app: Path, invocations: list[dict[str, Any]], settings: Mapping[str, str]
    ) -> dict[str, Any]:
        """Index an app and invoke functions of it."""
        ended = subprocess.run(
            [self._python, DRIVER, app],
            input=json.dumps({"invocations": invocations}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **settings},
        )
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer


@pytest.fixture(scope="module")
def worker() -> Worker:
    """The worker, or a skip that says why there is none."""
    try:
        python = conformance_python.find()
        extra = [f"azure-functions-runtime=={VERSION}"]
        return Worker(conformance_python.environment(python, extra))
    except conformance_python.Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Function]:
    """The fixture app as our host reads it."""
    monkeypatch.syspath_prepend(str(FIXTURE))
    monkeypatch.delitem(sys.modules, "function_app", raising=False)
    invalidate_caches()
    loaded = declarations.load()
    monkeypatch.delitem(sys.modules, "function_app")
    return {function.name: function for function in loaded}


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the functions write what they saw."""
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    return tmp_path / "seen.json"


def _read(seen: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(seen.read_text())
    seen.unlink()
    return content


def _invoke(worker: Worker, function: str, data: Any, **metadata: Any) -> dict[str, Any]:
    invocation = {"function": function, "data": data, "metadata": metadata, "trace": TRACE}
    answer = worker.run(FIXTURE, [invocation], {})
    assert answer["failure"] is None
    [result] = answer["results"]
    return dict(result)


async def _request(
    functions: dict[str, Function], method: str, target: str, body: bytes = b""
) -> tuple[int, list[tuple[str, str]], bytes]:
    path, _, query = target.partition("?")
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"traceparent", TRACE.encode())]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    server = HttpServer(list(functions.values()), "api", Invoker(None), dict)
    await server(scope, receive, send)
    answered = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return sent[0]["status"], answered, sent[1]["body"]


def _http(method: str, url: str, **parts: Any) -> dict[str, Any]:
    content = {"method": method, "url": url, "headers": {}, "params": {}, "query": {}}
    return {"http": {**content, "body": {"bytes": ""}, **parts}}


async def test_http_is_the_same(worker: Worker, functions: dict[str, Function], seen: Path) -> None:
    """Request and response, two cookies, context and trace."""
    target = "/api/items/7?a=1&b=two"
    headers = {"host": "localhost", "traceparent": TRACE, "content-length": "4"}
    result = _invoke(
        worker,
        "http",
        _http(
            "POST",
            f"http://localhost{target}",
            headers=headers,
            params={"id": "7"},
            query={"a": "1", "b": "two"},
            body={"bytes": "body"},
        ),
    )
    theirs = _read(seen)
    status, answered, content = await _request(functions, "POST", target, b"body")
    assert _read(seen) == theirs
    answer = result["value"]["http"]
    assert (str(status), content.decode()) == (answer["status_code"], answer["body"]["bytes"])
    ours = {name: value for name, value in answered if name != "set-cookie"}
    assert ours.pop("content-length") == "4"
    assert ours == {name.lower(): value for name, value in answer["headers"].items()}
    cookies = [value for name, value in answered if name == "set-cookie"]
    assert cookies == ["one=1; Path=/", "two=2; Path=/"]
    assert [f"{cookie['name']}={cookie['value']}" for cookie in answer["cookies"]] == [
        "one=1",
        "two=2",
    ]


async def test_a_synchronous_function_and_a_string_are_the_same(
    worker: Worker, functions: dict[str, Function], seen: Path
) -> None:
    """A returned string is the body."""
    result = _invoke(
        worker, "text", _http("GET", "http://localhost/api/text?a=1", query={"a": "1"})
    )
    theirs = _read(seen)
    status, _, content = await _request(functions, "GET", "/api/text?a=1")
    assert _read(seen) == theirs
    assert (status, {"string": content.decode()}) == (200, result["value"])


async def test_a_queue_message_is_the_same(
    worker: Worker, functions: dict[str, Function], seen: Path
) -> None:
    """Body, tries, receipt and times."""
    moment = "2026-01-02T03:04:05+00:00"
    _invoke(
        worker,
        "queue",
        {"string": '{"a": 1}'},
        Id={"string": "m1"},
        DequeueCount={"json": "2"},
        PopReceipt={"string": "receipt"},
        InsertionTime={"json": f'"{moment}"'},
        ExpirationTime={"json": f'"{moment}"'},
        NextVisibleTime={"json": f'"{moment}"'},
    )
    theirs = _read(seen)
    received = SimpleNamespace(
        id="m1",
        dequeue_count=2,
        pop_receipt="receipt",
        inserted_on=MOMENT,
        expires_on=MOMENT,
        next_visible_on=MOMENT,
    )
    await Invoker(None)(functions["queue"], queues.convert(received, b'{"a": 1}'))
    assert _read(seen) == theirs


async def test_a_timer_is_the_same(
    worker: Worker, functions: dict[str, Function], seen: Path
) -> None:
    """past_due arrives."""
    from azure.functions.timer import TimerRequest

    _invoke(worker, "timer", {"json": '{"IsPastDue": true}'})
    theirs = _read(seen)
    await Invoker(None)(functions["timer"], TimerRequest(past_due=True))
    assert _read(seen) == theirs == {"past_due": True}


async def test_a_kafka_batch_is_the_same(
    worker: Worker, functions: dict[str, Function], seen: Path
) -> None:
    """Bodies with key, place, time and headers of each."""
    _invoke(
        worker,
        "kafka",
        {"collection_bytes": ["one", "two"]},
        KeyArray={"json": '["k1", null]'},
        OffsetArray={"collection_sint64": [5, 9]},
        PartitionArray={"json": "[0, 3]"},
        TopicArray={"collection_string": ["logs", "logs"]},
        TimestampArray={"json": '["2026-01-02T03:04:05.250Z", "2026-01-02T03:04:05.250Z"]'},
        HeadersArray={"json": '[[{"Key": "kind", "Value": "dGVzdA=="}], []]'},
    )
    theirs = _read(seen)
    moment = MOMENT.timestamp() + 0.25
    records = [
        Record(("logs", 0), 5, 1, b"k1", b"one", moment, (("kind", b"test"),)),
        Record(("logs", 3), 9, 1, None, b"two", moment, ()),
    ]
    await Invoker(None)(functions["kafka"], [event(record) for record in records])
    assert _read(seen) == theirs


async def test_a_value_that_no_binding_takes_fails_in_both(
    worker: Worker, functions: dict[str, Function], seen: Path
) -> None:
    """A mistake that would show on Azure only, shows here."""
    from azure.functions.timer import TimerRequest

    result = _invoke(worker, "returns", {"json": "{}"})
    assert "without a $return binding" in result["failure"]
    with pytest.raises(Failed):
        await Invoker(None)(functions["returns"], TimerRequest())


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A value for every setting: indexing and ``health/live`` reach no service."""
    values = {}
    for field in fields(Settings):
        name, default = field.metadata["name"], field.default
        values[name] = f"test-{name}" if default is MISSING else str(default)
    return values


@pytest.mark.parametrize("app", APPS)
def test_a_staged_app_indexes_as_our_host_reads_it(
    worker: Worker, app: str, settings: dict[str, str], tmp_path: Path
) -> None:
    """The same functions with the same triggers."""
    stage(app, ROOT, tmp_path / app)
    answer = worker.run((tmp_path / app).resolve(), [], settings)
    assert answer["failure"] is None
    theirs = {
        function["name"]: next(
            binding["type"] for binding in function["bindings"] if "Trigger" in binding["type"]
        )
        for function in answer["functions"]
    }
    script = (
        "import json\nfrom infrastructure.local.functions_host import declarations as d\n"
        "print(json.dumps({f.name: type(f.trigger).__name__ for f in d.load()}))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=(tmp_path / app).resolve(),
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
    )
    ours = {name: kind[0].lower() + kind[1:] for name, kind in json.loads(shown.stdout).items()}
    assert ours == theirs


@pytest.mark.parametrize("app", ["api", "admin"])
def test_health_live_answers_in_the_worker(
    worker: Worker, app: str, settings: dict[str, str], tmp_path: Path
) -> None:
    """The route is looked up in the index, whatever its function is called."""
    stage(app, ROOT, tmp_path / app)
    folder = (tmp_path / app).resolve()
    index = worker.run(folder, [], settings)["functions"]
    [name] = [
        function["name"]
        for function in index
        for binding in function["bindings"]
        if binding.get("route", "").endswith("health/live")
    ]
    call = {"function": name, "data": _http("GET", "http://localhost/"), "metadata": {}}
    [result] = worker.run(folder, [call], settings)["results"]
    assert result["failure"] is None
    assert result["value"]["http"]["status_code"] == "200"


def test_the_fixture_app_has_each_trigger_kind(functions: dict[str, Function]) -> None:
    """Else a kind would go untested."""
    kinds = {type(function.trigger) for function in functions.values()}
    assert len(kinds) == 4
    assert HttpTrigger in kinds
