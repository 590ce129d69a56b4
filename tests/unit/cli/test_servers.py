"""What runs: replicas, scaling, schedules, figures, as the commands tell them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from frontend.cli import runs, workload
from frontend.cli.main import main
from frontend.cli.metrics import curve
from frontend.cli.workload import Wish, merged, scaling_words
from tests.unit.cli.platform import NOTHING_RUNS, RUNNING, SCALING, Platform

PROBLEM = {
    "reason": "crashing",
    "detail": "It ended with exit code 1.",
    "exit_code": 1,
    "events": ["Back-off restarting"],
    "last_lines": ["KeyError: 'DATABASE_URL'"],
    "is_final": False,
}
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(workload, "PROBLEM_SECONDS", 0.01)
    monkeypatch.setattr(workload, "FINAL_SECONDS", 0.01)
    monkeypatch.setattr(runs, "GOING_LIVE_PAUSE", 0.001)


@pytest.fixture(autouse=True)
def _shop(platform: Platform, folder: Path) -> None:
    platform.project()


def _states(platform: Platform, *workloads: Mapping[str, Any]) -> None:
    """What is told of the workload from its next look on, one after the other."""
    left = list(workloads)

    def look(request: object) -> None:
        if left and "/workload" in str(getattr(request, "url", "")):
            platform.workload = dict(left.pop(0))

    platform.at_request = look


def test_replicas_are_told_with_what_they_use(platform: Platform, capsys: Out) -> None:
    platform.running()
    assert main(["ps"]) == 0
    told = capsys.readouterr().out
    for part in ("● Running", "shop #42", "1 of 1 replica ready", "web-1", "✓ yes", "0.25"):
        assert part in told
    assert ("64.0 MB" in told, "exit code 1" in told) == (True, True)


def test_a_problem_is_told_with_its_last_lines(platform: Platform, capsys: Out) -> None:
    platform.running(state="unhealthy", ready=0, problem=PROBLEM)
    assert main(["ps"]) == 0
    captured = capsys.readouterr()
    for part in ("✕ Unhealthy", "It ended with exit code 1.", "Back-off", "│ KeyError"):
        assert part in captured.out
    assert "astrocloud logs" in captured.err


def test_a_release_that_did_not_go_live_is_told(platform: Platform, capsys: Out) -> None:
    failure = {"title": "The app crashes", "detail": "Because.", "number": 41}
    platform.running(next={"release_id": None, "failure": failure})
    assert main(["ps"]) == 0
    assert "✕ #41 did not go live: The app crashes" in capsys.readouterr().out
    platform.running(next={"release_id": "r", "failure": None})
    assert main(["ps"]) == 0
    assert "Another release is starting" in capsys.readouterr().out


def test_without_a_server_it_is_said_how_to_get_one(platform: Platform, capsys: Out) -> None:
    assert main(["ps"]) == 0
    captured = capsys.readouterr()
    assert "No server of shop is live in production." in captured.out
    assert "astrocloud deploy" in captured.err
    assert main(["ps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == NOTHING_RUNS
    assert main(["scale", "--min", "2", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "nothing_runs"


@pytest.mark.parametrize(
    ("words", "told"),
    [(["stop"], "shop #42 is stopped"), (["restart", "--no-wait"], "shop #42 restarts")],
)
def test_restart_and_stop_are_asked_for_and_told(
    platform: Platform, capsys: Out, words: list[str], told: str
) -> None:
    platform.running()
    assert main([*words, "-e", "preview"]) == 0
    assert platform.bodies(f"/workload/{words[0]}") == [{"environment": "preview"}]
    assert told in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 42
    assert not _looks(platform)


def _looks(platform: Platform) -> int:
    return sum(one.method == "GET" and "/workload" in one.url.path for one in platform.requests)


def _replica(name: str, started_at: str, *, ready: bool = True) -> dict[str, Any]:
    one = RUNNING["replicas"][0]
    return {**one, "name": name, "started_at": started_at, "ready": ready}


def _replaced(*replicas: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**RUNNING, "wanted": 2, "ready": 2, "replicas": list(replicas), **values}


def test_a_restart_is_followed_until_all_are_new(platform: Platform, capsys: Out) -> None:
    old = [_replica("web-1", "07:00"), _replica("web-2", "07:00")]
    new = [_replica("web-1", "08:00"), _replica("web-3", "08:00")]
    begun = _replica("web-3", "08:00", ready=False)
    _states(
        platform,
        _replaced(*old, current=False),
        _replaced(*old, begun, current=False),
        _replaced(old[0], new[1], current=False),
        _replaced(*new),
    )
    assert main(["restart"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "✓ shop #42 has restarted: 2 of 2 replicas ready.\n"
    assert captured.err.splitlines()[1:] == ["1 of 2 replicas replaced."]
    assert _looks(platform) == 3


def test_a_restart_that_cannot_end_says_why(platform: Platform, capsys: Out) -> None:
    """A problem of a moment is waited for; what stays is told with its last lines."""
    under_way = {**RUNNING, "current": False}
    _states(
        platform,
        under_way,
        {**under_way, "problem": PROBLEM},
        under_way,
        {**under_way, "problem": PROBLEM},
    )
    assert main(["restart"]) == 1
    captured = capsys.readouterr()
    assert "│ KeyError: 'DATABASE_URL'" in captured.out
    assert "exit code 1. What ran before answers meanwhile (1 replica)" in captured.err
    assert main(["restart", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "restart_unfinished"


def test_what_is_final_is_not_waited_for(
    platform: Platform, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "PROBLEM_SECONDS", 600.0)
    platform.running(current=False, problem={**PROBLEM, "is_final": True})
    assert main(["restart"]) == 1
    assert "exit code 1." in capsys.readouterr().err


def test_a_restart_that_nothing_comes_of_ends_too(
    platform: Platform, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "START_SECONDS", 0.01)
    platform.running(current=False)
    assert main(["restart"]) == 1
    assert "not ready within" in capsys.readouterr().err


def test_what_sleeps_is_not_waited_for(platform: Platform, capsys: Out) -> None:
    platform.running(state="asleep", ready=0)
    assert main(["restart"]) == 0
    assert "asleep: the next request starts it anew" in capsys.readouterr().out


def test_what_cannot_be_restarted_is_refused(platform: Platform, capsys: Out) -> None:
    problem = {"code": "nothing_runs", "title": "No server is live", "detail": "deploy one first"}
    platform.refusals["workload/restart"] = (409, problem)
    assert main(["restart"]) == 2
    assert "deploy one first" in capsys.readouterr().err


def test_start_waits_until_it_answers(platform: Platform, capsys: Out) -> None:
    """What was stopped sleeps until then; what may sleep has been started by that."""
    asleep = {**RUNNING, "state": "asleep", "ready": 0}
    _states(platform, asleep, {**asleep, "state": "starting"}, RUNNING)
    assert main(["start"]) == 0
    assert "● Running" in capsys.readouterr().out
    assert len([r for r in platform.requests if r.url.path.endswith("/workload")]) == 2
    _states(platform, {**asleep, "scaling": {**SCALING, "idle_minutes": 5}})
    assert main(["start"]) == 0
    assert "☾ Asleep" in capsys.readouterr().out


def test_start_tells_why_it_does_not_get_ready(
    platform: Platform, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "START_SECONDS", 0.01)
    platform.running(state="unhealthy", ready=0, problem=PROBLEM)
    assert main(["start"]) == 1
    assert "│ KeyError: 'DATABASE_URL'" in capsys.readouterr().out
    assert main(["start", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "not_started"
    assert "It ended with exit code 1." in error["detail"]


def test_scaling_keeps_what_was_not_said(platform: Platform, capsys: Out) -> None:
    platform.running()
    words = ["--max", "5", "--cpu", "70", "--requests", "50", "--idle", "30"]
    assert main(["scale", *words]) == 0
    assert platform.bodies("/workload/scaling") == [
        {
            "minimum": 1,
            "maximum": 5,
            "cpu_percent": 70,
            "requests_per_replica": 50,
            "idle_minutes": 30,
            "environment": "production",
        }
    ]
    assert "1 to 5 replicas, 50 requests in flight each, 70 % CPU" in capsys.readouterr().out
    assert main(["scale", "--cpu", "off", "--idle", "OFF"]) == 0
    sent = platform.bodies("/workload/scaling")[-1]
    assert (sent["maximum"], sent["cpu_percent"], sent["idle_minutes"]) == (5, None, None)


def test_scale_without_options_shows_and_changes_nothing(platform: Platform, capsys: Out) -> None:
    platform.running()
    assert main(["scale"]) == 0
    assert "shop production has 1 replica." in capsys.readouterr().out
    assert all(request.method == "GET" for request in platform.requests)


@pytest.mark.parametrize(
    ("wish", "capabilities", "bounds"),
    [
        (Wish(minimum=3), ["autoscaling"], (3, 3)),
        (Wish(maximum=4), ["autoscaling"], (1, 4)),
        (Wish(minimum=3), [], (3, 3)),
        (Wish(maximum=4), [], (4, 4)),
        (Wish(minimum=3, maximum=2), ["autoscaling"], (3, 2)),
        (Wish(idle_minutes=5), [], (1, 1)),
    ],
)
def test_one_bound_takes_the_other_along_where_it_must(
    wish: Wish, capabilities: list[str], bounds: tuple[int, int]
) -> None:
    """Bounds that are both given go as they are: the platform says what is wrong with them."""
    found = merged(SCALING, wish, capabilities)
    assert (found["minimum"], found["maximum"]) == bounds


def test_a_fixed_number_goes_down_again() -> None:
    three = {**SCALING, "minimum": 3, "maximum": 3}
    assert merged(three, Wish(minimum=1), [])["maximum"] == 1
    assert merged(three, Wish(minimum=1), ["autoscaling"])["maximum"] == 3
    sleepy = {**SCALING, "idle_minutes": 10}
    assert scaling_words(sleepy) == "1 replica; it sleeps after 10 idle minutes"


def test_a_refused_scaling_names_the_bound(platform: Platform, capsys: Out) -> None:
    platform.running()
    detail = "scaling.maximum: 50 replicas are above the 10 that are allowed."
    problem = {"code": "above_plan", "title": "The plan does not allow so much", "detail": detail}
    platform.refusals["workload/scaling"] = (422, problem)
    assert main(["scale", "--max", "50", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "above_plan"


def test_schedules_are_told_with_their_last_run(platform: Platform, capsys: Out) -> None:
    assert main(["schedules"]) == 0
    assert "has no schedules" in capsys.readouterr().out
    run = {"state": "failed", "exit_code": 3, "started_at": "2026-01-01T00:00:00Z"}
    platform.schedules = [
        {
            "name": "report",
            "schedule": {"cron": "0 6 * * *", "command": "node report.js", "seconds": 60},
            "runs": [{**run, "finished_at": None}],
        }
    ]
    assert main(["schedules"]) == 0
    told = capsys.readouterr().out
    for part in ("report", "0 6 * * *", "node report.js", "2026-01-01", "✕ Failed (3)"):
        assert part in told
    assert main(["schedules", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["name"] == "report"
    problem = {"code": "needs_cluster", "title": "x", "detail": "Schedules need a cluster"}
    platform.refusals["p1/schedules"] = (409, problem)
    assert main(["schedules"]) == 2
    assert "Schedules need a cluster" in capsys.readouterr().err


def _point(**values: Any) -> dict[str, Any]:
    nothing = {"error_rate": None, "p50_ms": None, "p95_ms": None, "p99_ms": None}
    counts = {"requests": 0, "errors": 0, "in_flight": 0.0, "in_flight_max": 0.0}
    return {"at": "2026-11-24T07:00:00Z", **nothing, **counts, **values}


def _metrics(*points: dict[str, Any]) -> dict[str, Any]:
    usage = [{"at": "x", "cpu_millis": 500, "memory_bytes": 1_000_000} for _ in points]
    replica = {"replica": "web-1", "process": "web", "deployment_number": 42, "points": usage}
    return {"resolution_seconds": 60, "traffic": list(points), "replicas": [replica]}


def test_figures_are_told_with_a_curve(platform: Platform, capsys: Out) -> None:
    busy = _point(
        requests=600,
        errors=6,
        error_rate=0.01,
        p50_ms=12.0,
        p95_ms=80.0,
        p99_ms=1200.0,
        in_flight=1.5,
        in_flight_max=7.0,
    )
    platform.metrics = _metrics(_point(), busy)
    assert main(["metrics", "--since", "2h"]) == 0
    told = capsys.readouterr().out
    assert "shop production, the last 2 h" in told
    for part in ("10.00", "1.00 %", "12 ms", "1.20 s", "7.0", "▁█", "0.50", "1.0 MB"):
        assert part in told
    assert platform.requests[-1].url.params["minutes"] == "120"
    assert main(["metrics", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == platform.metrics


def test_figures_of_nothing_say_so(platform: Platform, capsys: Out) -> None:
    platform.metrics = _metrics(_point())
    assert main(["metrics"]) == 0
    assert "Nobody has asked" in capsys.readouterr().err
    platform.metrics = {"resolution_seconds": 60, "traffic": [], "replicas": []}
    assert main(["metrics"]) == 0


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([None, 1, 2], " ▅█"),
        ([1, None, None, None, 5, 0], "▂ █"),
        ([float(n) for n in range(6)], "▂▅█"),
    ],
)
def test_a_curve_begins_at_zero_and_keeps_peaks(values: list[float | None], bars: str) -> None:
    assert curve(values, 3) == bars


def _going_live(platform: Platform, **end: Any) -> None:
    """Three looks, then it is as said."""
    deployment = platform.deployment(platform.projects[0])
    deployment["going_live"] = True
    looks: list[object] = []

    def look(request: Any) -> None:
        if request.url.path.endswith(str(deployment["id"])):
            looks.append(request)
            if len(looks) == 3:
                deployment.update(going_live=False, **end)

    platform.at_request = look


def test_promote_waits_until_it_is_live(platform: Platform, capsys: Out) -> None:
    _going_live(platform, live=True)
    assert main(["promote", "1"]) == 0
    told = capsys.readouterr().out
    assert told.index("Starting shop #1") < told.index("✓ shop #1 is live.")


def test_a_rollback_that_does_not_get_ready_tells_why(platform: Platform, capsys: Out) -> None:
    _going_live(platform)
    failure = {"code": "rollout_crashing", "title": "The app crashes", "detail": "x", "number": 1}
    platform.running(next={"release_id": None, "failure": failure})
    assert main(["rollback", "--to", "1", "--json"]) == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["failure"]["code"] == "rollout_crashing"
    assert "Production is pinned as it is" in captured.err


def test_what_something_else_replaced_is_told(platform: Platform, capsys: Out) -> None:
    _going_live(platform)
    platform.running()
    assert main(["promote", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failure"]["code"] == "replaced"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ghcr.io/acme/Corner_Shop:1.4", "corner-shop"),
        ("registry.example.com:5000/shop", "shop"),
        (f"nginx@sha256:{'0' * 64}", "nginx"),
    ],
)
def test_an_image_is_deployed_by_its_reference(
    platform: Platform, reference: str, name: str
) -> None:
    assert main(["deploy", "--image", reference]) == 0
    assert platform.projects[-1]["slug"] == name
    assert platform.bodies("/deployments") == [
        {"source": {"type": "image", "reference": reference}, "environment": "production"}
    ]


def test_a_changed_variable_is_deployed_in_one_go(platform: Platform, capsys: Out) -> None:
    """What is live is deployed again, and not what has failed since."""
    project = platform.projects[0]
    live = platform.deployment(project)
    platform.deployment(project, "failed")
    assert main(["env", "set", "A=1", "--redeploy"]) == 2
    assert "Nothing of shop is live" in capsys.readouterr().out
    project["live"] = {"number": 1, "deployment_id": live["id"], "since": "2026-11-24T07:00:00Z"}
    assert main(["env", "set", "A=2", "--redeploy"]) == 0
    source = {"type": "deployment", "deployment_id": live["id"]}
    assert platform.bodies("/deployments") == [{"source": source, "environment": "production"}]
    captured = capsys.readouterr()
    assert "the source of #1" in captured.out
    assert "counts from the next deployment" not in captured.err
    assert main(["env", "rm", "A", "--redeploy"]) == 0
    assert len(platform.bodies("/deployments")) == 2
