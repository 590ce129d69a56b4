"""Random keys of one installation: made on first use, one file each, readable by the owner only."""

import base64
import os
import secrets as random
from pathlib import Path

from infrastructure.local.errors import StackError


class Secrets:
    """The keys below ``.local/secrets``. A key once made never changes by itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """The file that holds the key, for a program that reads it itself."""
        self.text(name)
        return self._folder / name

    def text(self, name: str) -> str:
        """A URL-safe key of 256 bits."""
        return self._read_or_make(name, random.token_urlsafe(32))

    def base64(self, name: str, size: int = 64) -> str:
        """A key in base64, as storage accounts have them."""
        return self._read_or_make(name, base64.b64encode(random.token_bytes(size)).decode())

    def _read_or_make(self, name: str, fresh: str) -> str:
        path = self._folder / name
        if (known := self._read(path)) is not None:
            return known
        # Written aside and linked: whoever is second finds a complete file, never half a key.
        draft = self._folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        try:
            os.link(draft, path)
        except FileExistsError:
            return self._read(path) or fresh
        finally:
            draft.unlink()
        return fresh

    def _read(self, path: Path) -> str | None:
        try:
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
            text = path.read_text().strip()
        except FileNotFoundError:
            return None
        if not text:
            raise StackError(f"The key file {path} is empty: remove it, then `./dev up --reset`.")
        return text
