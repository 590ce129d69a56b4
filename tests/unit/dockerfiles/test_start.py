"""How a server is started: what signals reach, and what the command still means."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.builders.dockerfiles import launch
from shared.builders.dockerfiles.start import resolved

SECONDS = 20
WORDS = st.lists(
    st.sampled_from(["true", "false", "echo a", "X=1 sh -c 'exit 5'", "cd /"]), min_size=1
)


@contextmanager
def _started(command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(launch(command), stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _until_said(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdout is not None
    deadline, said = time.monotonic() + SECONDS, b""
    while text not in said:
        assert time.monotonic() < deadline, said
        said += process.stdout.readline()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("sh -c 'trap \"exit 7\" TERM; echo up; while :; do sleep 0.05; done'", 7),
        ("true && A=1 sh -c 'trap \"exit 8\" TERM; echo up; while :; do sleep 0.05; done'", 8),
        ("sh -c 'echo up; exec sleep 60'", 128 + signal.SIGTERM),
    ],
)
def test_a_signal_reaches_the_server_which_decides_how_it_ends(command: str, code: int) -> None:
    with _started(command) as process:
        _until_said(process, b"up")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == code


def test_a_stopped_server_is_no_line_of_its_log() -> None:
    """A shell says "Terminated" now and then; what the server itself says is kept."""
    command = "echo up; sh -c 'echo own >&2'; exec sleep 60"
    for _ in range(20):
        process = subprocess.Popen(
            launch(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["up\n", "own\n"]
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=SECONDS)[0] == ""


def test_outside_of_a_container_nobody_else_is_signalled() -> None:
    """Process 1 of a container may signal everybody; anyone else would end the machine."""
    (script,) = {words[2] for words in (launch("a | b"), launch("a"))}
    assert '[ $$ != 1 ] || all="$2"' in script
    assert script.count('"${all:-$child}"') == 1


@pytest.mark.parametrize(
    "command",
    ["a | b", "a & b", "(a)", "a > `b`", "if a; then b; fi", "a || b", "cd x", "a\nb", "a # b"],
)
def test_what_is_more_than_a_program_keeps_its_shell_and_signals_go_to_everybody(
    command: str,
) -> None:
    assert launch(command)[-2:] == [command, "-1"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node server.js", "exec node server.js"),
        ("./app", "exec ./app"),
        ("A=1 B='x y' node s", "A=1 B='x y' exec node s"),
        ("a b && c 'd && e'", "a b && exec c 'd && e'"),
        ('uvicorn m:app --port "$PORT"', 'exec uvicorn m:app --port "$PORT"'),
    ],
)
def test_a_program_takes_the_place_of_the_shell(command: str, expected: str) -> None:
    assert launch(command)[4:] == [expected]


@settings(max_examples=25, deadline=None)
@given(parts=WORDS, joint=st.sampled_from([" && ", "; "]))
def test_a_command_ends_and_says_as_it_would_without_us(parts: list[str], joint: str) -> None:
    command = joint.join(parts)

    def run(words: list[str]) -> tuple[int, bytes]:
        done = subprocess.run(words, capture_output=True, timeout=SECONDS, check=False)
        return done.returncode, done.stdout

    assert run(launch(command)) == run(["/bin/sh", "-c", command])


@pytest.mark.parametrize(
    ("command", "scripts", "expected"),
    [
        ("npm start", {"start": "node a"}, "node a"),
        ("npm run serve", {"serve": "node a"}, "node a"),
        ("yarn start", {"start": "yarn run x", "x": "node b"}, "node b"),
        ("pnpm run x", {"x": "node c"}, "node c"),
        ("bun run x", {"x": "node d"}, "node d"),
        ("npm start", {}, "npm start"),
        ("npm start", {"start": "node a", "prestart": "make"}, "npm start"),
        ("npm start", {"start": "node $npm_package_main"}, "npm start"),
        ("npm run x -- --port 1", {"x": "node a"}, "npm run x -- --port 1"),
        ("npm start", {"start": "npm start"}, "npm start"),
        ("node 'a", {"start": "x"}, "node 'a"),
    ],
)
def test_a_script_is_found_where_nothing_is_lost(
    command: str, scripts: dict[str, str], expected: str
) -> None:
    assert resolved(command, scripts) == expected
