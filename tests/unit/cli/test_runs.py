"""How a deployment's end becomes an exit code and one JSON object."""

import json
from typing import Any

import pytest

from frontend.cli.progress import Reporter
from frontend.cli.runs import Run, conclude


def deployment(**values: Any) -> dict[str, Any]:
    """One that has ended."""
    made = {"id": "1", "project_slug": "shop", "number": 3, "url": "u", "permalink": None}
    return {**made, "failure": None, "skipped": None, **values}


def test_what_the_project_wants_skipped_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    ended = deployment(state="canceled", skipped="Skipped: no file that fits watch has changed")
    assert conclude(Run(Reporter(json=True), ended)) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["failure"] is None
    assert "no file that fits watch" in output.err


def test_what_somebody_canceled_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(Run(Reporter(json=True), deployment(state="canceled"))) == 1
    assert json.loads(capsys.readouterr().out)["failure"]["code"] == "canceled"
