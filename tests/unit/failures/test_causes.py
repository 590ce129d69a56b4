"""Every cause is known in several wordings, and no entry of the tables is there for nothing."""

from collections import Counter

import pytest

from shared.failures import explain
from shared.failures.catalogue import CAUSES
from shared.failures.context import Context
from shared.failures.diagnosis import decide
from shared.failures.models import Rank
from shared.failures.signs import SIGNS
from shared.failures.text import Log
from tests.unit.failures.cases import Case, cases

ALL = cases()


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_cause_is_found(case: Case) -> None:
    """From the log and the exit code alone, with lines that are in the log and something to try."""
    explanation = explain(case.log, case.exit_code)
    assert explanation.cause == case.cause
    assert explanation.title
    assert 1 <= len(explanation.try_) <= 3
    raw = case.log.split("\n")
    assert explanation.lines
    for line in explanation.lines:
        assert line.text.strip()
        assert 1 <= line.n <= len(raw)


def test_every_cause_has_two_wordings() -> None:
    """At least two logs of different tools or versions stand behind each cause."""
    counts = Counter(case.cause for case in ALL)
    assert not [slug for slug in CAUSES if counts[slug] < 2]


def test_no_sign_is_unreachable() -> None:
    """Each sign decides at least one of the logs; one that never does is hidden by others."""
    deciding = set()
    for case in ALL:
        best, _ = decide(Context(list(Log.of(case.log).lines()), case.exit_code, None))
        if best is not None:
            deciding.add(id(best.sign))
    hidden = [f"{sign.cause}: {sign.patterns[:1]}" for sign in SIGNS if id(sign) not in deciding]
    assert not hidden


def test_signs_speak_of_known_causes() -> None:
    """A slug in the signs is one of the catalogue, and each cause has a sign."""
    assert {sign.cause for sign in SIGNS} == set(CAUSES) - {"unknown"}


def test_titles_and_remedies_can_be_filled() -> None:
    """Every name in a template is a group of the sign's patterns, or one that is derived."""
    derived = {"package", "local", "distribution", "place", "count"}
    for sign in SIGNS:
        patterns = (*sign.patterns, *sign.near)
        groups = {name.rstrip("0123456789") for p in patterns for name in p.groupindex}
        for template in (*sign.titles, *sign.tries):
            wanted = set(_names(template))
            assert wanted <= groups | derived, f"{sign.cause}: {template}"


def _names(template: str) -> list[str]:
    found: list[str] = []

    class Names(dict[str, str]):
        def __missing__(self, key: str) -> str:
            found.append(key)
            return key

    template.format_map(Names())
    return found


@pytest.mark.parametrize(
    ("log", "exit_code", "cause"),
    [
        (
            "src/a.ts(1,2): error TS2322: Type 'x'\nFATAL ERROR: heap out of memory",
            134,
            "out-of-memory",
        ),
        ("Error: Cannot find module 'cors'\nKilled", 137, "killed"),
        (
            "npm warn ERESOLVE overriding peer dependency\nsh: 1: vite: not found",
            127,
            "command-not-found",
        ),
        (
            "npm WARN EBADENGINE Unsupported engine\nError: Cannot find module 'a'",
            1,
            "module-not-found",
        ),
        (
            "warning Error running install script: gyp ERR! build error\nDone in 3.1s.\n"
            "src/a.ts(1,2): error TS2322: Type 'x'",
            2,
            "typescript-error",
        ),
        (
            "gyp ERR! build error\nadded 12 packages in 3s\nsh: 1: vite: not found",
            127,
            "command-not-found",
        ),
        (
            "Error: listen EADDRINUSE: address already in use :::80\nnpm ERR! code ELIFECYCLE",
            1,
            "port-in-use",
        ),
        ("Listening on port 3000", 143, "port-variable-ignored"),
        (
            "Listening on port 3000\nError: connect ECONNREFUSED 127.0.0.1:5432",
            143,
            "database-unreachable",
        ),
        ("nothing at all", 137, "killed"),
        ("nothing at all", 1, "unknown"),
        ("", 1, "unknown"),
        ("", 0, "process-ended"),
        ("", None, "unknown"),
    ],
)
def test_the_root_counts(log: str, exit_code: int | None, cause: str) -> None:
    """The root wins over what follows from it, and an error over any warning."""
    assert explain(log, exit_code).cause == cause


def test_names_of_the_log_are_in_the_text() -> None:
    """Package, file and line, port: what the log names, title and remedies name."""
    missing = explain('Failed to resolve import "@acme/ui/button" from "src/App.tsx"', 1)
    assert missing.title == 'src/App.tsx imports "@acme/ui", which is not installed.'
    assert missing.try_[0] == 'Run "npm install @acme/ui" and commit package.json and the lockfile'
    python = explain(
        "  File \"/app/main.py\", line 3, in <module>\nModuleNotFoundError: No module named 'cv2'",
        1,
    )
    assert "opencv-python-headless" in python.try_[0]
    port = explain("Server is listening on port 3000", 143)
    assert "port 3000" in port.title
    types = explain("src/a.ts(7,2): error TS2322: Type 'x' is not assignable", 2)
    assert types.title == "TypeScript found an error in src/a.ts line 7."


def test_the_last_errors_of_an_unknown_cause() -> None:
    """The message and not the trailer of the package manager or the stack."""
    log = "step\nfatal: the frobnicator is bent\n    at f (/a/x.js:1:2)\nnpm ERR! code ELIFECYCLE\n"
    explanation = explain(log, 1)
    assert [(line.n, line.text) for line in explanation.lines] == [
        (2, "fatal: the frobnicator is bent")
    ]


def test_a_phase_that_is_known_decides() -> None:
    """A refused connection is the database's at the start, and the data's during a build."""
    log = "Error: connect ECONNREFUSED 127.0.0.1:8123\nGenerating static pages"
    assert explain(log, 1, "start").cause == "database-unreachable"
    assert explain(log, 1, "build").cause == "build-fetch-failed"


def test_ranks_are_apart() -> None:
    """What no sign may overtake by one or two steps stays apart."""
    assert Rank.KILLED > Rank.ROOT + 10
    assert (
        max(
            sign.rank
            for sign in SIGNS
            if sign.cause not in {"out-of-memory", "killed", "disk-full"}
        )
        < Rank.KILLED
    )
