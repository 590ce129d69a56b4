"""What an engine says itself is told from what commands print; needs no engine."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.local.runner.containers.engines import Engine, Step, Store, find_engine
from infrastructure.local.runner.containers.output import (
    PlainSplitter,
    QuietSplitter,
    command_code,
)
from infrastructure.local.runner.executor import ToolsUnavailable

LAST = b'Error: building at STEP "RUN /bin/sh -c x\ny": exit status 7\n'
LINES = st.sampled_from(
    [b"", b"added 1 package", b"Error: no such module", b"error TS2304", LAST.rstrip(b"\n"),
     b"subprocess exited with status 1", b"level=error", b"x" * 50, b"\xff\xfe", b"\r 10%\r 20%"]
)  # fmt: skip


def _feed(splitter: QuietSplitter | PlainSplitter, data: bytes, cuts: list[int]) -> None:
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        splitter.feed(data[start:end])


@st.composite
def _said(draw: st.DrawFn, more: bytes = b"") -> tuple[bytes, list[int]]:
    data = b"".join(line + b"\n" for line in draw(st.lists(LINES, max_size=12))) + more
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=6))
    return data, sorted(cuts)


@given(_said())
def test_all_that_commands_print_is_handed_on_where_the_build_succeeds(
    said: tuple[bytes, list[int]],
) -> None:
    data, cuts = said
    got = bytearray()
    splitter = QuietSplitter(got.extend)
    _feed(splitter, data, cuts)
    splitter.close(failed=False)
    assert bytes(got).rstrip(b"\n") == data.rstrip(b"\n")
    assert splitter.own == []


@given(_said(LAST))
def test_the_last_word_decides_whatever_was_printed_before(said: tuple[bytes, list[int]]) -> None:
    data, cuts = said
    got = bytearray()
    splitter = QuietSplitter(got.extend)
    _feed(splitter, data, cuts)
    splitter.close(failed=True)
    assert command_code(splitter.own) == 7
    # What commands printed is in the log, but for a line that looks like the engine's child's.
    before = data.removesuffix(LAST)
    kept = [line for line in before.split(b"\n") if not line.startswith(b"subprocess exited")]
    assert [line for line in bytes(got).split(b"\n") if line in kept] == kept
    assert bytes(got).count(LAST) == before.count(LAST)


def test_lines_of_dockers_commands_lose_their_numbers_and_its_own_are_kept_apart() -> None:
    got = bytearray()
    splitter = PlainSplitter(got.extend)
    fake = b'#9 0.2 ERROR: process "x" did not complete successfully: exit code: 9\n'
    last = b'ERROR: failed to solve: process "x" did not complete successfully: exit code: 3\n'
    _feed(splitter, b"#9 [build 2/2] RUN x\n#9 0.12 hello\n" + fake + last, [7, 30])
    splitter.close(failed=True)
    assert bytes(got) == b"hello\n" + fake[len(b"#9 0.2 ") :]
    assert command_code(splitter.own) == 3


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('Error: building at STEP "RUN x": exit status 127', 127),
        ('error building at STEP "RUN x": error while running runtime: exit status 1', 1),
        ('Error: building at STEP "RUN x": signal: killed', 137),
        ("Error: no space left on device", None),
        ('Error: building at STEP "COPY x": exit status 3 was not reached', None),
        ("", None),
    ],
)
def test_an_exit_code_is_the_commands_only_where_the_engine_says_so(
    said: str, code: int | None
) -> None:
    assert command_code([said]) == code


def _programs(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder), "AWS_SECRET_ACCESS_KEY": "x", "HOME": "/home/x"}


def test_engines_are_taken_in_order_and_see_little_of_our_environment(tmp_path: Path) -> None:
    environ = _programs(tmp_path, "docker", "podman", "buildah")
    assert find_engine(environ=environ).name == "buildah"
    assert find_engine("docker", environ).name == "docker"
    assert "AWS_SECRET_ACCESS_KEY" not in find_engine(environ=environ).environment


@pytest.mark.parametrize("wanted", [None, "podman", "kaniko"])
def test_a_missing_engine_says_what_to_do(tmp_path: Path, wanted: str | None) -> None:
    with pytest.raises(ToolsUnavailable, match="Next"):
        find_engine(wanted, _programs(tmp_path))


def test_a_proxys_password_does_not_reach_the_commands() -> None:
    environment = {"HTTPS_PROXY": "http://user:password@proxy:1"}
    engine = Engine("buildah", Path("/buildah"), environment)
    step = Step(store=Store(Path("/a"), Path("/b")), target="build")
    assert "--http-proxy=false" in engine.build(step)


def test_a_secret_is_named_to_an_engine_and_never_told() -> None:
    for name in ("buildah", "podman", "docker"):
        step = Step(store=Store(Path("/a"), Path("/b")), target=None, output="output")
        words = Engine(name, Path(f"/{name}"), {}).build(step)
        assert "--secret=id=variables,src=variables" in words
        assert "--output=type=local,dest=output" in words
