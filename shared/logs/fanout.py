"""What readers who watch a log are sent: the new lines, in messages of bounded size.

A message is a hint with the lines in it: a reader who sees a gap in ``n``, an empty message or
``end`` reads by position. So a message that is lost, doubled or left out does no harm.
"""

import json
from collections.abc import Iterator
from typing import Any

from shared.logs.store import Growth

MAX_MESSAGE_BYTES = 240_000
"""Below what Web PubSub charges and carries as one message, with room for its envelope."""


def group(deployment_id: object) -> str:
    """The Web PubSub group of those who watch a deployment."""
    return f"deployment-{deployment_id}"


def messages(growth: Growth) -> Iterator[dict[str, Any]]:
    """The messages of one deployment's new lines; one at least, so that a reader looks."""
    part: list[dict[str, Any]] = []
    size = 0
    for n, line in enumerate(growth.lines, growth.first_n):
        item = {"n": n, **line.model_dump()}
        bytes_of_item = len(json.dumps(item)) + 2
        if part and size + bytes_of_item > MAX_MESSAGE_BYTES:
            yield _message(growth, part, end=False)
            part, size = [], 0
        if bytes_of_item <= MAX_MESSAGE_BYTES:  # a longer one is left to reading by position
            part.append(item)
            size += bytes_of_item
    yield _message(growth, part, end=growth.ended)


def _message(growth: Growth, lines: list[dict[str, Any]], *, end: bool) -> dict[str, Any]:
    return {
        "type": "lines",
        "deployment": str(growth.deployment_id),
        "lines": lines,
        "end": end,
    }
