"""``run``: the output as it was written, the exit code as it was, and Ctrl-C."""

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from frontend.cli import logs_command, task_run
from frontend.cli.main import main
from frontend.cli.words import own_words
from tests.unit.cli.platform import TASK, Platform

Out = pytest.CaptureFixture[str]
REPLICA = TASK["replica"]
RUNS: dict[str, Any] = {"state": "running"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_run, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(task_run, "LOG_SECONDS", 0.05)
    monkeypatch.setattr(logs_command, "POLL_SECONDS", 0.001)


@pytest.fixture(autouse=True)
def _shop(platform: Platform, folder: Path) -> None:
    platform.project()
    platform.running()
    platform.line("said before")


def _says(platform: Platform, *lines: dict[str, Any]) -> None:
    """Each look at the task brings one line more."""
    left = list(lines)

    def look(request: httpx.Request) -> None:
        if request.url.path.startswith("/api/v1/tasks/") and left:
            platform.line(**{"replica": REPLICA, **left.pop(0)})

    platform.at_request = look


def _ended(code: int) -> dict[str, Any]:
    return {"text": f"Ended with exit code {code}", "source": "platform"}


def test_the_output_comes_back_and_nothing_else(platform: Platform, capsys: Out) -> None:
    """What the command wrote to standard error stays there."""
    platform.task_looks = [RUNS, RUNS, {"state": "succeeded", "exit_code": 0}]
    _says(platform, {"text": "one"}, {"text": "oh", "stream": "stderr"}, _ended(0))
    platform.line("of another replica")
    assert main(["run", "--timeout", "60", "--", "ls", "-l", "my file"]) == 0
    assert platform.bodies("/tasks") == [
        {"command": "ls -l 'my file'", "environment": "production", "seconds": 60}
    ]
    captured = capsys.readouterr()
    assert captured.out == "one\n"
    assert captured.err.splitlines() == ["Running in #42: ls -l 'my file'", "oh"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["echo $HOME | wc -l"], "echo $HOME | wc -l"),
        (["npm", "run", "migrate", "--json", "--force"], "npm run migrate --json --force"),
        (["--", "--odd"], "--odd"),
    ],
)
def test_one_word_is_a_line_for_the_shell(
    platform: Platform, words: list[str], command: str
) -> None:
    platform.task_looks = [{"state": "succeeded", "exit_code": 0}]
    _says(platform, _ended(0))
    assert main(["run", *words]) == 0
    assert platform.bodies("/tasks")[0]["command"] == command


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        ({"state": "failed", "exit_code": 3}, 3, "Ended with exit code 3."),
        ({"state": "failed", "exit_code": None, "detail": "60 s are over"}, 1, "It failed: 60 s"),
        ({"state": "lost"}, 1, "The cluster has lost it."),
        ({"state": "canceled"}, 1, "Canceled."),
    ],
)
def test_the_exit_code_is_the_commands(
    platform: Platform, capsys: Out, end: dict[str, Any], code: int, told: str
) -> None:
    platform.task_looks = [end]
    _says(platform, {"text": "The task has ended so", "source": "platform"})
    assert main(["run", "false"]) == code
    assert told in capsys.readouterr().err


def test_the_rest_of_the_output_is_waited_for(platform: Platform, capsys: Out) -> None:
    """Until the last line; where it does not come, it is said."""
    platform.task_looks = [{"state": "succeeded", "exit_code": 0}]
    reads: list[object] = []

    def late(request: httpx.Request) -> None:
        if request.url.path.endswith("/logs") and request.url.params.get("order") == "oldest":
            reads.append(request)
            if len(reads) == 2:
                platform.line("late", replica=REPLICA)

    platform.at_request = late
    assert main(["run", "true"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "late\n"
    assert "may be missing" in captured.err


def test_what_it_wrote_comes_out_as_it_was_written(platform: Platform, capsys: Out) -> None:
    """JSON is not taken apart, and a long line is put together again."""
    platform.task_looks = [RUNS, RUNS, RUNS, {"state": "succeeded", "exit_code": 0}]
    written = '{"msg":"x",  "a":1}'
    long = "y" * task_run.PIECE_CHARACTERS
    _says(
        platform,
        {"text": "x", "fields": {"a": 1}, "written": written},
        {"text": long},
        {"text": "\u00fc\r"},
        _ended(0),
    )
    assert main(["run", "show"]) == 0
    assert capsys.readouterr().out == f"{written}\n{long}\u00fc\r\n"


def test_json_is_the_task_alone(platform: Platform, capsys: Out) -> None:
    platform.task_looks = [RUNS, {"state": "failed", "exit_code": 2}]
    _says(platform, {"text": "one"}, _ended(2))
    assert main(["run", "--json", "--", "x"]) == 2
    captured = capsys.readouterr()
    task = json.loads(captured.out)
    assert (task["state"], task["exit_code"]) == ("failed", 2)
    assert "one" in captured.err


def test_ctrl_c_cancels_and_waits_for_the_end(platform: Platform, capsys: Out) -> None:
    def look(request: httpx.Request) -> None:
        if request.url.path.endswith("/cancel"):
            platform.task_looks = [RUNS, {"state": "canceled"}]
            platform.line("The task has canceled", source="platform", replica=REPLICA)
        elif request.url.path.startswith("/api/v1/tasks/") and not platform.task_looks:
            signal.raise_signal(signal.SIGINT)

    platform.at_request = look
    before = signal.getsignal(signal.SIGINT)
    assert main(["run", "sleep", "600"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert [r.url.path for r in platform.requests if r.url.path.endswith("/cancel")]
    told = capsys.readouterr().err
    assert told.index("Canceling") < told.index("Canceled.")


def test_a_second_ctrl_c_leaves_it_to_itself(platform: Platform, capsys: Out) -> None:
    def look(request: httpx.Request) -> None:
        if request.url.path.startswith("/api/v1/tasks/"):
            signal.raise_signal(signal.SIGINT)

    platform.at_request = look
    assert main(["run", "sleep", "600", "--json"]) == 130
    assert f"astrocloud tasks --cancel {TASK['id']}" in capsys.readouterr().err


def test_what_ended_meanwhile_keeps_its_exit_code(platform: Platform) -> None:
    """The cancel came too late."""
    refusal = {"code": "task_ended", "title": "x", "detail": "The task has failed"}
    platform.refusals[f"{TASK['id']}/cancel"] = (409, refusal)

    def look(request: httpx.Request) -> None:
        if request.url.path.endswith("/cancel"):
            platform.task_looks = [{"state": "failed", "exit_code": 4}]
            platform.line(**{"replica": REPLICA, **_ended(4)})
        elif request.url.path.startswith("/api/v1/tasks/") and not platform.task_looks:
            signal.raise_signal(signal.SIGINT)

    platform.at_request = look
    assert main(["run", "x"]) == 4


def test_a_refused_task_is_told(platform: Platform, capsys: Out) -> None:
    detail = "No server of shop is live in production: deploy one first"
    platform.refusals["p1/tasks"] = (409, {"code": "nothing_runs", "title": "x", "detail": detail})
    assert main(["run", "--json", "ls"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "nothing_runs"
    assert main(["run", "ls", "--json"]) == 2
    assert capsys.readouterr().out == "", "the word is the command's"


def test_tasks_are_listed_and_canceled(platform: Platform, capsys: Out) -> None:
    assert main(["tasks"]) == 0
    assert "No command has run in shop yet" in capsys.readouterr().out
    times = {"started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:01:05Z"}
    platform.tasks = [
        {**TASK, **times, "command": "npm run migrate", "state": "succeeded", "exit_code": 0},
        {**TASK, "id": "11111111-0000-4000-8000-000000000001", "command": "x"},
    ]
    assert main(["tasks"]) == 0
    told = capsys.readouterr().out
    for part in ("✓ Succeeded", "npm run migrate", "1 min 5 s", "#42 production", "11111111"):
        assert part in told
    assert main(["tasks", "-n", "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["items"]) == 1
    assert main(["tasks", "--cancel", "1111"]) == 0
    assert "Canceling x." in capsys.readouterr().out
    assert main(["tasks", "--cancel", "2222"]) == 2
    assert "2222 is no task" in capsys.readouterr().err


def test_logs_are_those_of_the_live_server(platform: Platform, capsys: Out) -> None:
    """Fields of JSON lines follow their message; a deployment at work is pointed out."""
    platform.line("slow", level="warn", fields={"ms": 900, "path": "/a"})
    platform.deployment(platform.projects[0], "building")
    assert main(["logs"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "2026-11-24T07:00:00.123  web-1  said before",
        "2026-11-24T07:00:00.123  web-1  warn  slow ms=900 path=/a",
    ]
    assert "shop #1 is building; its log: astrocloud logs 1" in captured.err
    assert main(["logs", "-n", "1", "--json"]) == 0
    assert [line["text"] for line in json.loads(capsys.readouterr().out)["items"]] == ["slow"]


def test_a_json_line_without_a_message_is_told_once(platform: Platform, capsys: Out) -> None:
    text = '{"level":"error","code":7}'
    platform.line(text, level="error", fields={"code": 7})
    platform.line("{}", fields={"code": 7})
    assert main(["logs", "-n", "2"]) == 0
    told = [line.partition("web-1  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert told == [text, "{} code=7"]


def test_logs_of_a_task_are_found_by_its_short_name(platform: Platform, capsys: Out) -> None:
    platform.tasks = [{**TASK, "id": "5f0c0000-0000-4000-8000-000000000000", "replica": "task-x"}]
    platform.line("done", replica="task-x")
    assert main(["logs", "--replica", "task-5F0c"]) == 0
    assert capsys.readouterr().out.endswith("task-x  done\n")
    assert main(["logs", "--replica", "task-77"]) == 2
    assert "77 is no task of this project" in capsys.readouterr().err


def test_a_time_asks_for_all_since_then(
    platform: Platform, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_command, "DEFAULT_LINES", 2)
    monkeypatch.setattr(logs_command, "MOST_LINES", 4)
    for number in range(4):
        platform.line(f"line {number}")
    assert main(["logs"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["logs", "--since", "1h"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 4
    assert "the last 4 lines" in captured.err
    assert main(["logs", "--since", "1h", "-n", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_logs_are_filtered_by_the_platform(platform: Platform, capsys: Out) -> None:
    platform.line("bad", level="error")
    platform.line("worse", level="fatal", replica="web-2")
    assert main(["logs", "--level", "ERROR", "--replica", "web-2", "--since", "1h"]) == 0
    assert capsys.readouterr().out.splitlines() == ["2026-11-24T07:00:00.123  web-2  worse"]
    assert platform.requests[-1].url.params["level"] == "error,fatal"
    assert main(["logs", "--grep", "nowhere"]) == 0
    assert "Nothing fits." in capsys.readouterr().err


def test_logs_of_builds_stay_where_they_were(platform: Platform, capsys: Out) -> None:
    """By number, by --build, and where no server is live."""
    platform.deployment(platform.projects[0])
    for words in (["1"], ["--build"]):
        assert main(["logs", *words]) == 0
        assert capsys.readouterr().out == "07:00:00.123  hi\n"
    assert main(["logs", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["text"] == "hi"
    platform.workload = {**platform.workload, "state": "none"}
    assert main(["logs"]) == 0
    assert capsys.readouterr().out == "07:00:00.123  hi\n"
    assert main(["logs", "--runtime"]) == 0
    assert "said before" in capsys.readouterr().out


def test_logs_go_on_until_interrupted(platform: Platform, capsys: Out) -> None:
    def look(request: httpx.Request) -> None:
        if request.url.params.get("order") != "oldest":
            return
        if len(platform.lines) == 3:
            raise KeyboardInterrupt
        platform.line("new")

    platform.at_request = look
    assert main(["logs", "-f", "--json"]) == 130
    told = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["said before", "new", "new"]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["run", "ls", "--json"], ["run"]),
        (["run", "--json", "-p", "shop", "ls", "--url", "x"], ["run", "--json", "-p", "shop"]),
        (["run", "--env", "preview", "ls"], ["run", "--env", "preview"]),
        (["run", "--json", "--", "ls"], ["run", "--json"]),
        (["deploy", "site", "--json"], ["deploy", "site", "--json"]),
        ([], []),
    ],
)
def test_words_of_the_command_are_not_ours(words: list[str], ours: list[str]) -> None:
    assert own_words(words) == ours
