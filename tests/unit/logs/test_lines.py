"""Records go through Kafka unchanged; what is no record of ours is refused without being told."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logs.lines import Line, Record, Undecodable, decode, encode, printable

TIME = "2026-11-24T07:20:00.123Z"


def document(**changes: Any) -> dict[str, Any]:
    line = {"source": "build", "time": TIME, "stream": "stdout", "replica": "", "text": "hello"}
    return {
        "version": 1,
        "stream": str(uuid4()),
        "account": str(uuid4()),
        "writer": "7-0a1b2c3d",
        "sequence": 1,
        "lines": [line | changes.pop("line", {})],
        "end": False,
    } | changes


@given(st.lists(st.text(max_size=50).map(printable), max_size=5), st.booleans())
def test_a_record_is_read_as_it_was_written(texts: list[str], end: bool) -> None:
    lines = tuple(Line(source="build", time=TIME, stream="stderr", text=text) for text in texts)
    record = Record(stream=uuid4(), account=uuid4(), writer="w", sequence=3, lines=lines, end=end)
    assert decode(encode(record)) == record


def test_a_field_that_a_newer_writer_adds_is_no_reason_to_lose_the_lines() -> None:
    assert (
        decode(json.dumps(document(later=1, line={"later": 2})).encode()).lines[0].text == "hello"
    )


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"log": "from another producer"}',
        json.dumps(document(version=2)).encode(),
        json.dumps(document(stream="not-a-uuid")).encode(),
        json.dumps(document(writer="a\x00b")).encode(),
        json.dumps(document(writer="")).encode(),
        json.dumps(document(sequence=0)).encode(),
        json.dumps(document(sequence=2**53)).encode(),
        json.dumps(document(line={"source": "other"})).encode(),
        json.dumps(document(line={"time": "yesterday"})).encode(),
        json.dumps(document(line={"time": "2026-13-01T00:00:00Z"})).encode(),
        json.dumps(document(line={"text": "x" * 65_537})).encode(),
        json.dumps(document(line={"text": "\ud800"})).encode(),
    ],
)
def test_what_is_no_record_of_ours_is_refused(value: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(value)


def test_a_refusal_does_not_tell_what_the_record_held() -> None:
    value = json.dumps(document(line={"source": "hunter2", "time": "hunter2"})).encode()
    with pytest.raises(Undecodable) as refused:
        decode(value)
    assert "hunter2" not in refused.value.detail
    assert refused.value.__cause__ is None


def test_half_a_surrogate_pair_becomes_a_replacement_mark() -> None:
    assert printable("a\ud800b") == "a\ufffdb"
