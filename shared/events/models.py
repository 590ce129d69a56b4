"""An event: a hint that a row changed, with enough in it to draw the change at once."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ValidationFailed

TOPIC = "events"


class Event(BaseModel):
    """A change of a project's thing; more fields go to the readers as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)

    version: Literal[1] = 1
    type: str = Field(pattern=r"^[a-z_]{1,32}$")
    account: UUID
    project: UUID
    deployment: UUID | None = None
    state: str | None = None
    number: int | None = None

    def message(self) -> dict[str, Any]:
        """What readers get."""
        return self.model_dump(mode="json", exclude={"version", "account"}, exclude_none=True)

    def groups(self) -> list[str]:
        """Whom it concerns: who watches the account, and who watches the deployment."""
        watched = [f"account-{self.account}"]
        return watched if self.deployment is None else [*watched, f"deployment-{self.deployment}"]


class Undecodable(ValidationFailed):
    """A record that is no event of ours."""


def encode(event: Event) -> bytes:
    """The event as Kafka carries it."""
    return event.model_dump_json(exclude_none=True).encode()


def decode(value: bytes) -> Event:
    """Read an event; raises Undecodable."""
    try:
        return Event.model_validate_json(value)
    except ValidationError as error:
        kinds = sorted({problem["type"] for problem in error.errors(include_input=False)})
        raise Undecodable(f"Not an event ({', '.join(kinds)})") from None
