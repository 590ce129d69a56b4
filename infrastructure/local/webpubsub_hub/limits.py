"""Every bound of the hub in one place. They keep memory and time finite, whatever clients do."""

from dataclasses import dataclass

MESSAGE_BYTES = 1_000_000
"""Azure's bound on one message; a larger one is refused."""

TTL_SECONDS = 300
"""The longest time to live that a message may ask for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The defaults are meant for a laptop; tests choose smaller ones."""

    connections: int = 500
    groups_per_connection: int = 1_000
    outbox_messages: int = 5_000
    """Frames waiting for one socket; a reader that falls further behind is closed."""
    outbox_bytes: int = 8 * 1024 * 1024
    unacknowledged_messages: int = 1_000
    """Frames that a reliable client has not acknowledged; kept for a recovery."""
    unacknowledged_bytes: int = 8 * 1024 * 1024
    remembered_acks: int = 1_000
    """Acknowledgement numbers kept to recognise a repeated request."""
    recovery_seconds: float = 60
    """How long a reliable connection waits for its client to come back."""
    hub_bytes: int = 256 * 1024 * 1024
    """Bytes waiting on all connections together."""
