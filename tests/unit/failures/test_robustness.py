"""Logs as they come: coloured, prefixed, cut off, drowned in noise, or no text at all."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.failures import Log, explain
from shared.failures.catalogue import CAUSES
from tests.unit.failures.cases import Case, cases

# What a log looks like decides where nothing in it tells a cause, so these stay as they are.
BY_END = {"unknown", "process-ended", "timeout", "port-variable-ignored", "killed"}
BY_EXIT_CODE = {
    f"wordings/{name}"
    for name in (
        "exit-126",
        "exit-127",
        "npm-disk-exit",
        "abort-without-words",
        "silent-other-folder",
    )
}
CASES = [case for case in cases() if case.cause not in BY_END]
PREFIXES = (
    "14:02:07.133 ",
    "2026-11-23T09:53:35.416Z ",
    "#12 4.512 ",
    "Nov 23 09:53:35 host app[web.1]: ",
    "[09:53:35] ",
    "5:34:03 PM: ",
)
NOISE = (
    "added 1 file to the cache",
    "transforming (123) src/components/Card.tsx",
    "npm warn deprecated glob@7.2.3: Glob versions prior to v9 are no longer supported",
    "(node:12) Warning: Accessing non-existent property",
    "[==========>        ] 52%\r[====================] 100%",
    "•••",
)
some_case = st.sampled_from(CASES)
quick = settings(max_examples=150, deadline=None)


def _same(case: Case, log: str | bytes) -> None:
    assert explain(log, case.exit_code).cause == case.cause


@quick
@given(some_case, st.sampled_from(PREFIXES))
def test_prefixes_of_loggers_change_nothing(case: Case, prefix: str) -> None:
    """Times and names of builders before every line."""
    _same(case, "\n".join(prefix + line for line in case.log.split("\n")))


@quick
@given(some_case, st.integers(30, 97))
def test_colours_change_nothing(case: Case, colour: int) -> None:
    """An escape before, after and within a line."""
    lines = case.log.split("\n")
    painted = [f"\x1b[1;{colour}m{line[:3]}\x1b[0m{line[3:]}\x1b[K\x1b]8;;\x07" for line in lines]
    _same(case, "\n".join(painted))


@quick
@given(some_case)
def test_windows_line_ends_change_nothing(case: Case) -> None:
    """A carriage return before every newline."""
    _same(case, case.log.replace("\n", "\r\n"))


@quick
@given(some_case, st.lists(st.sampled_from(NOISE), max_size=40), st.lists(st.sampled_from(NOISE)))
def test_noise_around_changes_nothing(case: Case, before: list[str], after: list[str]) -> None:
    """Progress, warnings and masked lines; the numbers count them."""
    plain = explain(case.log, case.exit_code)
    noisy = explain("\n".join([*before, case.log, *after]), case.exit_code)
    assert noisy.cause == case.cause
    if case.name not in BY_EXIT_CODE:
        first = plain.lines[0]
        assert (first.n + len(before), first.text) in [(line.n, line.text) for line in noisy.lines]


@quick
@given(st.sampled_from(cases()), st.floats(0, 1))
def test_a_log_that_is_cut_off_still_gets_an_answer(case: Case, part: float) -> None:
    """Whatever is left of it, the answer is one of the causes and can be told."""
    explanation = explain(case.log[: int(len(case.log) * part)], case.exit_code)
    assert explanation.cause in CAUSES
    assert explanation.try_


@quick
@given(st.binary(max_size=3_000), st.sampled_from([None, 0, 1, 126, 127, 134, 137, 143, 255]))
def test_garbage_gets_an_answer(data: bytes, exit_code: int | None) -> None:
    """Bytes that are no text; what is shown is text without control characters."""
    explanation = explain(data, exit_code)
    assert explanation.cause in CAUSES
    assert json.loads(json.dumps(explanation.as_json()))["cause"] == explanation.cause
    assert not any(ord(c) < 32 and c != "\t" for line in explanation.lines for c in line.text)


@quick
@given(some_case, st.integers(1, 5_000))
def test_pieces_of_any_size_make_the_same_log(case: Case, size: int) -> None:
    """A reader may cut wherever it likes, within a character, too."""
    data = case.log.encode()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert explain(pieces, case.exit_code) == explain(data, case.exit_code)


def test_a_cause_in_the_middle_of_a_long_log_is_found() -> None:
    """12 MiB of progress on both sides; the line's number is right, and what was read is told."""
    progress = b"[1234/9999] compiling a module of this project\n" * 22_000
    lines = progress.count(b"\n") * 12

    def pieces() -> list[bytes]:
        return [*[progress] * 12, b"Error: Cannot find module 'cors'\n", *[progress] * 12]

    explanation = explain(pieces(), 1)
    assert explanation.cause == "module-not-found"
    assert explanation.lines[0].n == lines + 1
    assert "Looked at the first 1 MiB" in explanation.looked_at


def test_what_is_kept_of_a_log_is_bounded() -> None:
    """64 MiB of one line, then of error lines: neither is kept whole."""
    for piece in (b"x" * (1 << 20), b"error: it is broken\n" * 52_000):
        log = Log()
        for _ in range(64):
            log.feed(piece)
        kept = sum(len(line.text) for line in log.lines())
        assert log.size >= 62 << 20
        assert kept < 9 << 20


def test_lines_are_numbered_as_they_are_split_at_newlines() -> None:
    """Carriage returns make no lines; the last state of a progress bar is what is shown."""
    log = "a\n50%\r100%\n\nError: Cannot find module 'cors'\r\n"
    explanation = explain(log, 1)
    assert [(line.n, line.text) for line in explanation.lines] == [
        (4, "Error: Cannot find module 'cors'")
    ]


def test_a_masked_name_does_no_harm() -> None:
    """Secrets are masked before logs get here."""
    assert explain("npm error code E401\nnpm error 401 Unauthorized - GET •••", 1).cause == (
        "private-package-401"
    )
