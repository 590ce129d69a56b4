"""Real failures with their causes, where a collection of them lies beside the project."""

import json
from pathlib import Path

import pytest

from shared.failures import explain

CORPUS = Path(__file__).parents[3].parent / "shared" / "failures"
FOLDERS = sorted(path.parent for path in CORPUS.glob("*/case.json"))


@pytest.mark.skipif(not FOLDERS, reason="no collection of failures beside the project")
def test_every_failure_of_the_collection_is_explained() -> None:
    """Its cause, and at least one of the lines that show it."""
    wrong: list[str] = []
    for folder in FOLDERS:
        case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        explanation = explain((folder / "log.txt").read_bytes(), case["exit_code"])
        shown = {line.n for line in explanation.lines}
        if explanation.cause != case["cause"]:
            wrong.append(f"{folder.name}: {explanation.cause}, not {case['cause']}")
        elif not shown & set(case["decisive_lines"]):
            wrong.append(f"{folder.name}: lines {sorted(shown)}, not {case['decisive_lines']}")
    assert not wrong
