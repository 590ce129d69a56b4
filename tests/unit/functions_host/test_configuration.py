"""host.json and local.settings.json: defaults, values, and what is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.local.functions_host import host_json, settings
from infrastructure.local.functions_host.errors import HostError, Unsupported

ROOT = Path(__file__).parents[3]


def test_the_project_s_own_host_json_is_understood_whole() -> None:
    """Its queue and Kafka values arrive, so nothing in it is without effect by mistake."""
    configuration = host_json.load(ROOT)
    assert configuration.function_timeout == 1800
    assert configuration.http.route_prefix == "api"
    assert configuration.queues == host_json.QueueOptions(1.0, 30.0, 16, 8, 5, "none")
    assert configuration.kafka == host_json.KafkaOptions(64, 1, False, -1)


def test_what_is_absent_has_the_extensions_defaults() -> None:
    """Azure's own: base64, five tries, a minute, commit on failure."""
    configuration = host_json.parse({"version": "2.0"})
    assert configuration.queues == host_json.QueueOptions(60.0, 0.0, 16, 8, 5, "base64")
    assert configuration.kafka == host_json.KafkaOptions(64, 1, True, 5)


def test_keys_compare_without_case_and_no_time_out_is_none() -> None:
    """As .NET binds options."""
    document = {"version": "2.0", "FunctionTimeout": "-1", "Extensions": {"HTTP": {}}}
    assert host_json.parse(document).function_timeout is None


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"extensions": {"kafka": {"AutoCommitIntervalMs": 5}}}, "kafka.AutoCommitIntervalMs"),
        ({"extensions": {"http": {"maxConcurrentRequests": 5}}}, "http.maxConcurrentRequests"),
        ({"extensions": {"blobs": {}}}, "extensions.blobs"),
        ({"retry": {}}, "retry"),
    ],
)
def test_a_key_without_an_implementation_is_refused(document: dict[str, Any], named: str) -> None:
    """The whole key is named."""
    with pytest.raises(Unsupported, match=named):
        host_json.parse({"version": "2.0", **document})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"version": "1.0"}, "version must be 2.0"),
        ({"functionTimeout": "5 minutes"}, "functionTimeout must be a time"),
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize must be at most 32"),
        ({"extensions": {"queues": {"batchSize": True}}}, "batchSize must be a whole number"),
        ({"extensions": {"queues": {"messageEncoding": "utf"}}}, "base64 or none"),
        ({"extensions": {"kafka": {"commitOnFailure": "no"}}}, "commitOnFailure must be true"),
        ({"extensions": []}, "extensions must be an object"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(document: dict[str, Any], reason: str) -> None:
    """Which key, and what it must be."""
    with pytest.raises(HostError, match=reason):
        host_json.parse({"version": "2.0", **document})


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:01.5", 1.5), ("1.00:00:00", 86400.0), ("01:01:01", 3661.0)]
)
def test_time_spans_are_those_of_net(text: str, seconds: float) -> None:
    """Days, hours, minutes, seconds, fractions."""
    assert host_json.time_span(text, "x") == seconds


def _settings(folder: Path, document: object) -> Path:
    (folder / settings.FILE_NAME).write_text(json.dumps(document))
    return folder


def test_values_become_environment_and_the_environment_wins(tmp_path: Path) -> None:
    """As in Core Tools: a name that has a value already is skipped."""
    app = _settings(tmp_path, {"Values": {"A": "file", "B": "file", "C": "file"}})
    environment = {"A": "shell", "B": ""}
    settings.load(app, environment)
    assert environment == {
        "A": "shell",
        "B": "file",
        "C": "file",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    }


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"IsEncrypted": True}, "IsEncrypted"),
        ({"ConnectionStrings": {"a": "b"}}, "ConnectionStrings"),
        ({"Host": {"CORS": "*"}}, "Host.CORS"),
        ({"Other": 1}, "section Other"),
        ({"Values": {"A": 1}}, "value of A must be a string"),
    ],
)
def test_other_parts_of_the_settings_file_are_refused(
    tmp_path: Path, document: object, named: str
) -> None:
    """What would be ignored is named."""
    with pytest.raises(HostError, match=named):
        settings.load(_settings(tmp_path, document), {})


def test_a_broken_file_is_named_without_its_content(tmp_path: Path) -> None:
    """A secret in a half-written file stays out of the message."""
    (tmp_path / settings.FILE_NAME).write_text('{"Values": {"KEY": "secret-text",')
    with pytest.raises(HostError, match=r"local\.settings\.json is not valid JSON") as caught:
        settings.load(tmp_path, {})
    assert "secret-text" not in str(caught.value)


def test_placeholders_are_expanded_and_must_exist() -> None:
    """%NAME% inside a text; the Kafka extension also takes a setting's bare name."""
    environment = {"HOST": "h", "PORT": "1", "LIST": "a:1"}
    assert settings.expand("%HOST%:%PORT%", environment, "function f") == "h:1"
    assert settings.resolve_secure("LIST", environment, "function f") == "a:1"
    assert settings.resolve_secure("%HOST%", environment, "function f") == "h"
    with pytest.raises(HostError, match="function f: the setting NONE is absent"):
        settings.expand("%NONE%", environment, "function f")
