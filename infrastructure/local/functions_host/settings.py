"""Reads ``local.settings.json`` as Core Tools does, and expands ``%NAME%`` in bindings.

A value that the environment already holds wins over the file, with a note. What the values
mean is the app's business.
"""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from infrastructure.local.functions_host.errors import HostError, Unsupported

logger = logging.getLogger(__name__)

FILE_NAME = "local.settings.json"
_KNOWN_SECTIONS = {"IsEncrypted", "Values", "Host", "ConnectionStrings"}
_PLACEHOLDER = re.compile(r"%([^%]+)%")


def load(app: Path, environment: MutableMapping[str, str]) -> None:
    """Put the file's ``Values`` into the environment; no file is no settings."""
    path = app / FILE_NAME
    if not path.exists():
        return
    for name, value in _values(path).items():
        if not name:
            logger.warning("%s: a setting with an empty name is skipped", FILE_NAME)
        elif environment.get(name):
            logger.info("Skipping %s of %s: the environment already defines it", name, FILE_NAME)
        else:
            environment[name] = value
    environment.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")


def _values(path: Path) -> dict[str, str]:
    document = read_json(path)
    for section in sorted(set(document) - _KNOWN_SECTIONS):
        raise Unsupported(FILE_NAME, f"the section {section}")
    if document.get("IsEncrypted"):
        raise Unsupported(FILE_NAME, "an encrypted file (IsEncrypted)")
    if document.get("ConnectionStrings"):
        raise Unsupported(FILE_NAME, "the section ConnectionStrings")
    for name in sorted(set(document.get("Host") or {}) - {"LocalHttpPort"}):
        raise Unsupported(FILE_NAME, f"Host.{name}")
    values = document.get("Values") or {}
    for name, value in values.items():
        if not isinstance(value, str):
            raise HostError(f"{path}: the value of {name} must be a string")
    return dict(values)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; anything else is a HostError that names the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise HostError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise HostError(f"{path} must hold one JSON object")
    return document


def expand(text: str, environment: Mapping[str, str], where: str) -> str:
    """Replace each ``%NAME%`` by the setting of that name, which must exist."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in environment:
            raise HostError(f"{where}: the setting {name} is absent; add it to {FILE_NAME}")
        return environment[name]

    return _PLACEHOLDER.sub(value, text)


def resolve_secure(text: str, environment: Mapping[str, str], where: str) -> str:
    """As the Kafka extension does: expand, then take the setting of that name if there is one."""
    expanded = expand(text, environment, where)
    return environment.get(expanded) or expanded
