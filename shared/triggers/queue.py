"""Queue messages: hints, decoded; one that is none is set aside with a word in the log."""

import json
import logging
from dataclasses import dataclass
from uuid import UUID

import azure.functions as func

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HintMessage:
    """Which row to look at, while its tick is this one."""

    row: UUID
    tick: int


def read_hint(message: func.QueueMessage, key: str) -> HintMessage | None:
    """The hint in a message, or None for a message that is none: repeating it would not help."""
    try:
        body = json.loads(message.get_body())
        return HintMessage(UUID(body[key]), int(body["tick"]))
    except (ValueError, TypeError, KeyError):
        _log.warning("a message of the queue of %s hints is none of ours: set aside", key)
        return None
