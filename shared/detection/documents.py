"""Reads JSON (with comments), YAML and TOML of a stranger: bounded, and nothing in it is obeyed."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from shared.detection.errors import BrokenFile
from shared.detection.tree import MAX_BYTES

# YAML is slow to read, and no configuration comes near this.
_YAML_CHARS = 128 * 1024
# What is never closed reaches to the end: looking for an end again from each place costs a square.
_COMMENTS = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?')
_TRAILING_COMMAS = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|,(?=\s*[}\]])')


def json_object(text: str, path: str, *, comments: bool = False) -> Mapping[str, Any]:
    """The object in a JSON file; ``comments`` also allows trailing commas, as tools do."""
    if comments:
        text = _COMMENTS.sub(lambda m: m[1] or " ", text)
        text = _TRAILING_COMMAS.sub(lambda m: m[1] or "", text)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BrokenFile(path, _cut(text) or reason) from None
    except RecursionError:
        raise BrokenFile(path, "it is nested too deeply") from None
    return _object(value, path)


def toml_object(text: str, path: str) -> Mapping[str, Any]:
    """The table in a TOML file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrokenFile(path, _cut(text) or f"it is not valid TOML: {error}") from None
    except RecursionError:
        raise BrokenFile(path, "it is nested too deeply") from None


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Takes tags that only the tool itself understands for nothing.

    Not the loader in C: enough brackets overflow its stack, and end the process with it.
    """


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)


def yaml_object(text: str, path: str) -> Mapping[str, Any]:
    """The mapping in a YAML file; an empty file is an empty one."""
    if len(text) > _YAML_CHARS:
        raise BrokenFile(path, f"it has more than {_YAML_CHARS:,} characters")
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise BrokenFile(path, f"{where}{error.problem or 'it is not valid YAML'}") from None
    except (yaml.YAMLError, ValueError):
        raise BrokenFile(path, "it is not valid YAML") from None
    except RecursionError:
        raise BrokenFile(path, "it is nested too deeply") from None
    return {} if value is None else _object(value, path)


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BrokenFile(path, "it holds no object with named values")
    return value


def _cut(text: str) -> str:
    return f"it is larger than {MAX_BYTES:,} bytes" if len(text) >= MAX_BYTES else ""


def pick(value: Any, *keys: str) -> Any:
    """What stands at a path of keys; None where any of it is missing or of another kind."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text_of(value: Any) -> str | None:
    """A text that says something; None for any other value."""
    return value.strip() if isinstance(value, str) and value.strip() else None
