"""The files of one run, workload or task: everything that is known of it, whoever looks.

A folder is locked for as long as its keeper lives: the daemon takes the lock before anyone else
can and hands it to the keeper, so a lock that is free means that nobody keeps it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.builders.port import RunStatus

MARKER = "ASTROCLOUD_RUN"
"""A variable of every process of a run that can be seen from outside; holds the run's folder."""


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder that a keeper of its own looks after."""

    path: Path

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def lock(self) -> Path:
        """Locked by the keeper; holds its process id."""
        return self.path / "lock"

    def keeper(self) -> int | None:
        """The process that keeps it, once it has said so."""
        with suppress(FileNotFoundError, ValueError):
            return int(self.lock.read_text())
        return None

    def is_kept(self) -> bool:
        """Whether a keeper is alive."""
        with suppress(FileNotFoundError), open_lock(self.lock, create=False) as descriptor:
            return not _take(descriptor)
        return False

    def take(self) -> int:
        """Lock a folder that nobody keeps; the descriptor that holds the lock."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _take(descriptor):
            os.close(descriptor)
            raise RuntimeError(f"{self.lock} is locked already")
        os.ftruncate(descriptor, 0)  # whoever kept it before does not any more
        return descriptor


@dataclass(frozen=True, slots=True)
class RunFolder(KeptFolder):
    """Where each thing of a run lies."""

    @property
    def job(self) -> Path:
        """What to build, with its secrets; deleted when the run ends."""
        return self.path / "job.json"

    @property
    def archive(self) -> Path:
        return self.path / "source"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def output(self) -> Path:
        return self.path / "output.zip"

    @property
    def work(self) -> Path:
        """What the commands may write; deleted when the run ends."""
        return self.path / "work"

    @property
    def canceled(self) -> Path:
        """There once the run is to end, whoever is alive to end it."""
        return self.path / "canceled"

    def status(self) -> RunStatus | None:
        """How the run stands, as its keeper or whoever found it dead wrote it."""
        with suppress(FileNotFoundError):
            return RunStatus.model_validate_json((self.path / "status.json").read_bytes())
        return None

    def write_status(self, status: RunStatus) -> None:
        """Replace it in one step: whoever reads sees the old or the new one."""
        draft = self.path / "status.new"
        draft.write_text(status.model_dump_json())
        draft.replace(self.path / "status.json")


@contextmanager
def open_lock(path: Path, *, create: bool) -> Iterator[int]:
    """A descriptor of a lock file; what it locked is free again afterwards."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock it, where nobody else has."""
    return _take(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
