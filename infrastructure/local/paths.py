"""Where the files of one installation lie. Everything is below one folder, ``.local``."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Paths:
    """The checkout, and the state of one installation of the stack."""

    root: Path
    state: Path
    build: Path
    packages: Path

    @classmethod
    def of_checkout(cls, root: Path = ROOT) -> "Paths":
        """The installation that ``./dev up`` runs."""
        state = root / ".local"
        return cls(root=root, state=state, build=root / ".build", packages=state / "npm")

    @classmethod
    def of_tests(cls, run: str, root: Path = ROOT) -> "Paths":
        """An installation of its own below ``.local/test``, sharing only installed packages."""
        state = root / ".local" / "test" / run
        return cls(root=root, state=state, build=state / "build", packages=root / ".local" / "npm")

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def runner_socket(self) -> Path:
        return self.run / "runner.sock"

    def make(self) -> None:
        """Create the folders; readable by the owner only."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.chmod(0o700)
        for folder in (self.secrets, self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)


def short(path: Path) -> str:
    """The shorter way to write a path: a Unix socket's must fit into about 100 bytes."""
    return min(str(path), os.path.relpath(path), key=len)
