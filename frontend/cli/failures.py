"""Errors of a command that has no result: for people, and in the form of the command's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from frontend.cli.errors import CliError

FIELDS = ("framework", "kind", "package_manager", "install", "build", "output", "start")
RESULTS = frozenset({"deploy", "redeploy", "rollback", "promote", "cancel"})


def tell(error: CliError, command: str, *, as_json: bool) -> None:
    """One sentence on standard error, and one object with ``--json``."""
    from frontend.cli import console

    if as_json:
        console.as_json(_object(error.failure, command))
    console.told(error)


def _object(failure: dict[str, str], command: str) -> dict[str, Any]:
    if command in RESULTS:
        names = ("deployment", "state", "url", "permalink")
        return {**dict.fromkeys(names), "state": "failed", "failure": failure}
    if command == "inspect":
        return no_spec(failure, [])
    return {"error": failure}


def no_spec(failure: Mapping[str, str], candidates: Sequence[Any]) -> dict[str, Any]:
    """The object of ``--json`` where there is no build spec."""
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    return {**empty, "reasons": {}, "failure": failure, "candidates": candidates}
