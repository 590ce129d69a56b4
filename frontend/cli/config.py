"""What the command remembers of its user: a token for each platform, and the platform used last.

The file is readable by its owner alone, and is replaced as a whole.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from frontend.cli.errors import UsageError

NAME = "credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The tokens by platform."""

    default: str | None
    tokens: Mapping[str, str]


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where this system keeps the settings of a user's programs."""
    if environment.get("XDG_CONFIG_HOME"):
        return Path(environment["XDG_CONFIG_HOME"]) / "astrocloud"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "astrocloud"
    if os.name == "nt" and environment.get("APPDATA"):
        return Path(environment["APPDATA"]) / "astrocloud"
    return Path.home() / ".config" / "astrocloud"


def load() -> Credentials:
    """What is remembered; nothing where nobody has signed in."""
    path = folder() / NAME
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        tokens = {str(url): str(entry["token"]) for url, entry in known["platforms"].items()}
        return Credentials(known.get("default"), tokens)
    except FileNotFoundError:
        return Credentials(None, {})
    except OSError as error:
        raise _unusable(path, (error.strerror or "input/output error").lower()) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _unusable(path, "it is damaged") from None


def save(url: str, token: str) -> Path:
    """Remember a token, and its platform as the one used last."""
    known = load()
    return _write(url, {**known.tokens, url: token})


def forget(url: str) -> bool:
    """Drop a platform's token; whether there was one."""
    known = load()
    if url not in known.tokens:
        return False
    rest = {name: token for name, token in known.tokens.items() if name != url}
    default = known.default if known.default in rest else next(iter(rest), None)
    _write(default, rest)
    return True


def _write(default: str | None, tokens: Mapping[str, str]) -> Path:
    platforms = {name: {"token": token} for name, token in tokens.items()}
    path = folder() / NAME
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps({"default": default, "platforms": platforms}, indent=2))
    except OSError as error:
        raise _unusable(path, (error.strerror or "input/output error").lower()) from None
    return path


def write_private(path: Path, text: str) -> None:
    """Put a file in place at once, for its owner alone; ``mkstemp`` makes it 0600."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _unusable(path: Path, reason: str) -> UsageError:
    detail = f"{path} cannot be used: {reason}. Next: correct or remove it, then astrocloud login."
    return UsageError("credentials_unusable", "The sign-in cannot be kept or read", detail)
