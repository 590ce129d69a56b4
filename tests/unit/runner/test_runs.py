"""What a daemon finds of earlier ones, and that one bad run spoils nothing for the others."""

import os
from pathlib import Path

import pytest

from infrastructure.local.runner.folders import RunFolder
from infrastructure.local.runner.nursery import Nursery
from infrastructure.local.runner.runs import KEPT_SECONDS, Runs
from infrastructure.local.runner.setup import Setup
from shared.builders.port import RunStatus


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """A state of the test's own."""
    return Setup(state=str(tmp_path / "state"), toolchains=str(tmp_path / "toolchains"))


def ended(setup: Setup, key: str, seconds_ago: float) -> RunFolder:
    """A run that ended so long ago."""
    folder = RunFolder(setup.runs / key)
    folder.path.mkdir(parents=True)
    folder.write_status(RunStatus(state="succeeded"))
    then = (folder.path / "status.json").stat().st_mtime - seconds_ago
    os.utime(folder.path / "status.json", (then, then))
    return folder


def test_what_was_arriving_when_a_daemon_was_killed_is_deleted(setup: Setup) -> None:
    draft = RunFolder(setup.runs / ".new-0123")
    draft.path.mkdir(parents=True)
    draft.job.write_text("a secret")
    Runs(setup, Nursery({}))
    assert list(setup.runs.iterdir()) == []


async def test_runs_are_kept_for_a_day_and_no_longer(setup: Setup) -> None:
    young, old = ended(setup, "young", KEPT_SECONDS - 60), ended(setup, "old", KEPT_SECONDS + 60)
    await Runs(setup, Nursery({})).sweep()
    assert young.path.exists()
    assert not old.path.exists()


async def test_a_run_that_cannot_be_read_keeps_no_other_from_being_swept(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("a-bad", "z-bad"):
        folder = RunFolder(setup.runs / key)
        folder.path.mkdir(parents=True)
        (folder.path / "status.json").write_text("{")
    old = ended(setup, "old", KEPT_SECONDS + 60)
    await Runs(setup, Nursery({})).sweep()
    assert not old.path.exists()
    assert {"a-bad", "z-bad"} <= {record.args[0] for record in caplog.records if record.args}
