"""What readers who watch a log are sent: the new lines, in messages of bounded size.

A message is a hint with the lines in it: a reader who sees a gap in ``n``, an empty message or
``end`` reads by position. So a message that is lost, doubled or left out does no harm.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from shared.logs.store import Growth

MAX_MESSAGE_BYTES = 240_000
"""Below what Web PubSub charges and carries as one message, with room for its envelope."""


def group(deployment_id: object) -> str:
    """The Web PubSub group of those who watch a deployment."""
    return f"deployment-{deployment_id}"


def runtime_group(project_id: object, environment: str) -> str:
    """The Web PubSub group of those who watch the servers of a project's environment."""
    return f"runtime-{project_id}-{environment}"


def messages(growth: Growth) -> Iterator[dict[str, Any]]:
    """The messages of one deployment's new lines; one at least, so that a reader looks."""
    head = {"type": "lines", "deployment": str(growth.deployment_id)}
    lines = ({"n": n, **i.model_dump()} for n, i in enumerate(growth.lines, growth.first_n))
    parts = list(in_parts(lines))
    for part in parts[:-1]:
        yield head | {"lines": part, "end": False}
    yield head | {"lines": parts[-1], "end": growth.ended}


def runtime_messages(
    project_id: object, environment: str, lines: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The messages of servers' new lines; one at least, so that a reader looks."""
    head = {"type": "runtime_lines", "project": str(project_id), "environment": environment}
    return (head | {"lines": part} for part in in_parts(lines))


def in_parts(lines: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The lines in parts that fit a message; the last one may be empty."""
    part: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        bytes_of_line = len(json.dumps(line)) + 2
        if part and size + bytes_of_line > MAX_MESSAGE_BYTES:
            yield part
            part, size = [], 0
        if bytes_of_line <= MAX_MESSAGE_BYTES:  # a longer one is left to reading by position
            part.append(line)
            size += bytes_of_line
    yield part
