"""Where the runner keeps what: runs, what they share, and what is on its way in or out."""

from dataclasses import dataclass
from pathlib import Path

from infrastructure.local.runner.folders import RunFolder


@dataclass(frozen=True, slots=True)
class State:
    """One folder, all of it the runner's."""

    path: Path

    @classmethod
    def of_run(cls, folder: RunFolder) -> "State":
        """The state that a run belongs to."""
        return cls(folder.path.parent.parent)

    @property
    def runs(self) -> Path:
        """One folder a run, named by its key."""
        return self.path / "runs"

    @property
    def incoming(self) -> Path:
        """Runs whose source is still arriving."""
        return self.path / "incoming"

    @property
    def forgotten(self) -> Path:
        """One empty file a key that was deleted: a late start of it begins nothing."""
        return self.path / "forgotten"

    @property
    def trash(self) -> Path:
        """Folders that are being deleted."""
        return self.path / "trash"

    @property
    def caches(self) -> Path:
        return self.path / "caches"

    @property
    def toolchains(self) -> Path:
        return self.path / "toolchains"

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this state."""
        return self.path / "daemon.lock"

    def make(self) -> None:
        """Create the folders; what runs see of them is mounted, so nobody else has to enter."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        for folder in (self.runs, self.incoming, self.forgotten, self.trash, self.caches):
            folder.mkdir(mode=0o700, exist_ok=True)
