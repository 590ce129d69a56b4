"""``metrics``: how the live server was used, as figures with a small curve."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from frontend.cli.console import NOTHING, as_json, note, say, size, span, table
from frontend.cli.projects import project_of
from frontend.cli.session import signed_in
from frontend.cli.times import minutes_of
from frontend.cli.where import Where

WIDTH = 30
_BARS = "▁▂▃▄▅▆▇█"
_GAP = " "
Values = Sequence[float | None]
Written = Callable[[float], str]


async def show(where: Where, since: str, *, json: bool) -> int:
    """Requests, errors and latency, then each replica."""
    minutes = minutes_of(since)
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        path = f"/projects/{project['id']}/metrics"
        found = await api.get(path, environment=where.environment, minutes=minutes)
    if json:
        as_json(found)
        return 0
    say(f"{project['slug']} {where.environment}, the last {span(minutes * 60)}")
    rows = [*_traffic(found), *_replicas(found)]
    table(("", "NOW", "AVERAGE", "HIGHEST", "OVER TIME"), rows)
    if not any(point["requests"] for point in found["traffic"]):
        note("Nobody has asked for anything in this time.")
    return 0


def curve(values: Values, width: int = WIDTH) -> str:
    """A bar for each step, from 0 to the highest; steps are put together where there are many."""
    narrow = _narrowed(values, width)
    top = max((value for value in narrow if value is not None), default=0.0)
    return "".join(_GAP if value is None else _bar(value, top) for value in narrow)


def _bar(value: float, top: float) -> str:
    return _BARS[round(value / top * (len(_BARS) - 1))] if top > 0 else _BARS[0]


def _narrowed(values: Values, width: int) -> list[float | None]:
    """At most so many, each the highest of its share."""
    if len(values) <= width:
        return list(values)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    shares = [values[low:high] for low, high in pairwise(edges)]
    known = [[value for value in share if value is not None] for share in shares]
    return [max(share) if share else None for share in known]


def _traffic(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    points, step = found["traffic"], found["resolution_seconds"]
    requests = sum(point["requests"] for point in points)
    errors = sum(point["errors"] for point in points)
    per_second = [point["requests"] / step for point in points]
    failing = [_percent(point["error_rate"]) for point in points]
    part = f"{100 * errors / requests:.2f} %" if requests else ""
    most = max((point["in_flight_max"] for point in points), default=0.0)
    latencies = [
        _row(f"Latency {name}", [point[f"{name}_ms"] for point in points], _milliseconds)
        for name in ("p50", "p95", "p99")
    ]
    in_flight = [point["in_flight"] for point in points]
    return [
        _row("Requests/s", per_second, lambda value: f"{value:.2f}"),
        _row("Errors (5xx)", failing, lambda value: f"{value:.2f} %", average=part),
        *latencies,
        _row("In flight", in_flight, lambda value: f"{value:.1f}", highest=f"{most:.1f}"),
    ]


def _replicas(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for one in found["replicas"]:
        name = f"#{one['deployment_number']} {one['replica']}"
        cpu = [_cores(point["cpu_millis"]) for point in one["points"]]
        memory = [point["memory_bytes"] for point in one["points"]]
        rows.append(_row(f"CPU {name}", cpu, lambda value: f"{value:.2f}"))
        rows.append(_row(f"Memory {name}", memory, lambda value: size(int(value))))
    return rows


def _row(
    name: str, values: Values, written: Written, *, average: str = "", highest: str = ""
) -> tuple[str, ...]:
    known = [value for value in values if value is not None]
    if not known:
        return (name, NOTHING, NOTHING, NOTHING, "")
    last = values[-1]
    return (
        name,
        NOTHING if last is None else written(last),
        average or written(sum(known) / len(known)),
        highest or written(max(known)),
        curve(values),
    )


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def _percent(part: float | None) -> float | None:
    return None if part is None else 100 * part


def _cores(millis: int | None) -> float | None:
    return None if millis is None else millis / 1000
