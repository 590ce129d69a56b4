"""How many replicas there have to be: decided from a workload's row alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.detection.run_settings import Scaling


def wanted_replicas(row: Mapping[str, Any], *, autoscaling: bool) -> int:
    """Replicas of a workload whose rollout is over, at the row's ``now``.

    Without ``autoscaling`` the cluster keeps the minimum, whatever is asked of it.
    """
    scaling = Scaling.model_validate(row["scaling"])
    if row["is_next"]:
        return scaling.minimum
    if row["state"] == "draining":
        return int(row["wanted"])
    if row["state"] == "kept":
        return scaling.minimum if _is_future(row, "awake_until") else 0
    if row["stopped_at"] is not None or is_idle(row, scaling):
        return 0
    return _for_requests(row, scaling) if autoscaling else scaling.minimum


def is_idle(row: Mapping[str, Any], scaling: Scaling) -> bool:
    """Whether nobody has asked for so long that it goes to sleep."""
    if scaling.idle_minutes is None or _is_future(row, "awake_until"):
        return False
    idle_since: datetime = row["last_request_at"]
    now: datetime = row["now"]
    return now - idle_since >= timedelta(minutes=scaling.idle_minutes)


def _for_requests(row: Mapping[str, Any], scaling: Scaling) -> int:
    floor = row["floor"] if _is_future(row, "floor_until") else 0
    return min(max(scaling.minimum, floor), scaling.maximum)


def _is_future(row: Mapping[str, Any], name: str) -> bool:
    return row[name] is not None and bool(row[name] > row["now"])
