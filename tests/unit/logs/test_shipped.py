"""What Fluent Bit makes of a container's line, by its own filter, is what is read here.

The filter runs for real where Lua is there; records are as the ``kubernetes`` filter leaves them.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.logs.lines import MAX_TEXT, Undecodable
from shared.logs.runtime.shipped import decode_shipped

FILTER = Path(__file__).parents[3] / "infrastructure/kubernetes/fluent-bit/line.lua"
ACCOUNT, PROJECT, RELEASE = (str(uuid4()) for _ in range(3))
LABELS = {
    "astrocloud.dev/account": ACCOUNT,
    "astrocloud.dev/project": PROJECT,
    "astrocloud.dev/release": RELEASE,
    "astrocloud.dev/process": "web",
}
SAMPLE = {
    "version": "1",
    "key": f"{PROJECT}/shop-1",
    "account": ACCOUNT,
    "project": PROJECT,
    "release": RELEASE,
    "process": "web",
    "replica": "shop-1",
    "stream": "stderr",
    "time": "2026-11-24T06:00:00.000000042Z",
    "text": "a line",
}


def filtered(record: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """What the filter answers for a record: its code, and the new record."""
    lupa = pytest.importorskip("lupa", reason="lupa runs the Lua filter: pip install lupa")
    lua = lupa.LuaRuntime()
    lua.execute(FILTER.read_text("utf-8"))
    timestamp = lua.table(sec=1_795_500_000, nsec=42)
    code, _, made = lua.globals().line("kube.x", timestamp, lua.table_from(record, recursive=True))
    return code, dict(made)


def test_the_filter_makes_the_message_that_is_read() -> None:
    pod = {"pod_name": "shop-1", "namespace_name": "x", "labels": LABELS}
    record = {"stream": "stderr", "log": "a line\n", "_p": "F", "kubernetes": pod}
    code, made = filtered(record)
    assert (code, made) == (2, SAMPLE)


@pytest.mark.parametrize("missing", [*LABELS, None])
def test_the_filter_drops_what_is_of_no_release(missing: str | None) -> None:
    labels = {name: value for name, value in LABELS.items() if name != missing}
    pod = {"pod_name": "x", "labels": labels} if missing else {"pod_name": "x"}
    assert filtered({"stream": "stdout", "log": "x", "kubernetes": pod})[0] == -1


def test_the_offset_numbers_the_line_and_the_partition_writes_it() -> None:
    record = decode_shipped(json.dumps(SAMPLE | {"shipped_at": 1.5}).encode()).record(7, 41)
    assert (record.writer, record.sequence) == ("p7", 42)
    assert (record.stream, record.account) == (UUID(RELEASE), UUID(ACCOUNT))
    (line,) = record.lines
    assert (line.source, line.stream, line.replica, line.process) == (
        "runtime",
        "stderr",
        "shop-1",
        "web",
    )


def test_a_long_text_is_cut_and_half_a_character_replaced() -> None:
    long = decode_shipped(json.dumps(SAMPLE | {"text": "x" * 100_000}).encode())
    assert len(long.text) == MAX_TEXT
    with pytest.raises(Undecodable):
        decode_shipped(b'{"text":"' + b"\xff" + b'"}')


@pytest.mark.parametrize(
    "change", [{"release": "x"}, {"stream": "x"}, {"time": "x"}, {"version": "2"}, {"text": None}]
)
def test_another_shape_is_refused_without_its_content(change: dict[str, Any]) -> None:
    message = SAMPLE | {"replica": "private"} | change
    with pytest.raises(Undecodable) as refused:
        decode_shipped(json.dumps(message).encode())
    assert "private" not in refused.value.detail
