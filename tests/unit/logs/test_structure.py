"""What a line's text says about itself: levels and fields of the common loggers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logs.runtime.structure import (
    MAX_FIELD_CHARACTERS,
    MAX_FIELDS,
    MAX_JSON,
    level_of,
    structure_of,
)

PINO = '{"level":50,"time":1795500000123,"pid":7,"hostname":"a","msg":"failed","err":{"code":1}}'
ZAP = '{"level":"error","ts":1795500000.25,"caller":"main.go:7","msg":"failed"}'
WINSTON = '{"level":"warn","message":"slow","timestamp":"2026-11-24T07:20:00.000Z"}'
STRUCTLOG = '{"event":"paid","level":"info","timestamp":"2026-11-24T07:20:00.123456Z","n":3}'


@pytest.mark.parametrize(
    ("text", "level", "message", "logged_at", "fields"),
    [
        (
            PINO,
            "error",
            "failed",
            "2026-11-24T06:00:00.123Z",
            {"pid": 7, "hostname": "a", "err": {"code": 1}},
        ),
        (ZAP, "error", "failed", "2026-11-24T06:00:00.250Z", {"caller": "main.go:7"}),
        (WINSTON, "warn", "slow", "2026-11-24T07:20:00.000Z", {}),
        (STRUCTLOG, "info", "paid", "2026-11-24T07:20:00.123Z", {"n": 3}),
    ],
)
def test_json_lines_are_taken_apart(
    text: str, level: str, message: str, logged_at: str, fields: dict[str, Any]
) -> None:
    found = structure_of(text)
    assert (found.level, found.message, found.logged_at) == (level, message, logged_at)
    assert found.fields == fields


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ('{"level":60}', "fatal"),
        ('{"level":30.0}', "info"),
        ('{"level":3,"short_message":"gelf"}', "error"),
        ('{"levelname":"CRITICAL","message":"x"}', "fatal"),
        ('{"log.level":"debug"}', "debug"),
        ('{"severity":"WARNING"}', "warn"),
        ('{"@l":"Verbose"}', "trace"),
        ('{"level":"\\u001b[32minfo\\u001b[39m"}', "info"),
        ('{"level":true}', None),
        ('{"level":"loud"}', None),
        ("INFO:     127.0.0.1 - GET / 200", "info"),
        ("2026-11-24 07:20:00,123 ERROR shop.cart: no", "error"),
        ("[2026-11-24 07:20:00 +0000] [7] [WARNING] worker", "warn"),
        (
            "\x1b[31m[Nest] 7  - \x1b[39m11/24/2026, 7:20:00 AM \x1b[31m  ERROR\x1b[39m [X] no",
            "error",
        ),
        ("E1124 07:20:00.000000 1 main.go:12] no", "error"),
        ('time=2026 level=warn msg="slow"', "warn"),
        ("error: cannot listen", "error"),
        ("[error] cannot listen", "error"),
        ("Traceback (most recent call last):", "error"),
        ("ValueError: bad", "error"),
        ("TypeError [ERR_X]: bad", "error"),
        ("java.lang.IllegalStateException: bad", "error"),
        ("panic: runtime error: index out of range", "fatal"),
        ("no errors were found", None),
        ("GET /error 200", None),
        ("listening on 8080", None),
        ("", None),
    ],
)
def test_levels_are_read_from_what_loggers_write(text: str, level: str | None) -> None:
    assert level_of(text) == level


def test_fields_are_bounded_in_number_and_size() -> None:
    many = structure_of(json.dumps({f"k{i}": i for i in range(200)}))
    assert many.fields is not None
    assert len(many.fields) == MAX_FIELDS
    long = structure_of(json.dumps({"body": "x" * 10_000}))
    assert long.fields == {"body": "x" * MAX_FIELD_CHARACTERS + "…"}
    beyond = '{"a":"' + "x" * MAX_JSON + '"}'
    assert structure_of(beyond).fields is None


@pytest.mark.parametrize(
    "text", ["{" * 10_000, '{"a":NaN,"b":1e999}', '{"time":1e300}', "[1]", '{"msg":5}', "{}"]
)
def test_odd_json_is_read_or_left_alone(text: str) -> None:
    found = structure_of(text)
    json.dumps(found.fields, allow_nan=False)
    assert isinstance(found.message, str)


@given(st.text(max_size=200) | st.dictionaries(st.text(), st.text() | st.floats()).map(json.dumps))
def test_no_text_is_too_odd(text: str) -> None:
    found = structure_of(text)
    assert found.level == level_of(text)
    json.dumps(found.fields, allow_nan=False)
