"""The files of one workload: what is wanted of it, and how its keeper says that it stands."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from infrastructure.local.runner.folders import KeptFolder
from infrastructure.local.runner.workloads.calls import call
from shared.clusters.port import Problem, ReplicaStatus, Workload, WorkloadRef


class Desired(BaseModel):
    """What is wanted: ``revision`` rises with every change, ``generation`` with every restart.

    ``ports`` are those of the slots of replicas that answer requests. One that is ``deleted``
    goes away as soon as nothing of it is alive.
    """

    model_config = ConfigDict(frozen=True)

    workload: Workload
    replicas: int
    ports: tuple[int, ...]
    revision: int = 1
    generation: int = 0
    deleted: bool = False


class Observed(BaseModel):
    """How a workload stands, as its keeper saw it last; of the revision that it looked at.

    ``keeper`` is its process; ``leaving`` are the slots whose replicas are about to end.
    """

    model_config = ConfigDict(frozen=True)

    keeper: int
    revision: int
    ready: int = 0
    current: bool = False
    replicas: tuple[ReplicaStatus, ...] = ()
    problem: Problem | None = None
    leaving: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkloadFolder(KeptFolder):
    """Where each thing of a workload lies; its folder is named by its project and release."""

    @property
    def ref(self) -> WorkloadRef:
        return WorkloadRef(project=UUID(self.path.parent.name), release=UUID(self.path.name))

    @property
    def wake(self) -> Path:
        """A pipe: a byte in it tells the keeper to look again."""
        return self.path / "wake"

    @property
    def spool(self) -> Path:
        """Log lines that are on their way."""
        return self.path / "spool"

    def replica(self, name: str) -> Path:
        """What a replica may write; deleted when it ends. Also the marker of its processes."""
        return self.path / "replicas" / name

    def desired(self) -> Desired | None:
        """What is wanted; None where there is no such workload."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return Desired.model_validate_json((self.path / "desired.json").read_bytes())
        return None

    def write_desired(self, desired: Desired) -> None:
        """Keep it before anything is done for it; it holds secrets."""
        _replace(self.path / "desired.json", desired.model_dump_json())

    def observed(self) -> Observed | None:
        """What the keeper of now has told; None where there is none, or it has not yet."""
        found = self.last_observed() if self.is_kept() else None
        return found if found is not None and found.keeper == self.keeper() else None

    def last_observed(self) -> Observed | None:
        """What any keeper has told last."""
        with suppress(FileNotFoundError, ValueError):
            return Observed.model_validate_json((self.path / "status.json").read_bytes())
        return None

    def write_observed(self, observed: Observed) -> None:
        _replace(self.path / "status.json", observed.model_dump_json())

    def call(self) -> bool:
        """Have the keeper look again; False where nobody listens."""
        return call(self.wake)

    def tell_spooled(self) -> None:
        """Have the daemon look at the spool."""
        project, release = self.path.parts[-2:]
        call(calls_of_spools(self.path.parents[1]), f"{project}/{release}\n".encode())


def calls_of_spools(folder: Path) -> Path:
    """The pipe, below the folder of all, through which keepers name what they have written."""
    return folder / "spooled"


def all_of(folder: Path) -> Iterator[WorkloadFolder]:
    """Every workload below the folder of all."""
    for path in sorted(folder.glob("[!.]*/[!.]*")):
        yield WorkloadFolder(path)


def _replace(path: Path, text: str) -> None:
    """In one step, and to be read by us alone: whoever reads sees the old or the new one."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
