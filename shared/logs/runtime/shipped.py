"""One line as Fluent Bit ships it from a cluster: a JSON object a message, with no numbering.

What numbers it is where Kafka keeps it: the partition is its writer, the offset its sequence.
The shape is made in ``infrastructure/kubernetes/fluent-bit``.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.logs.lines import MAX_TEXT, Line, Record, Stream, Time, Undecodable, printable


def _cut(value: object) -> object:
    return printable(value)[:MAX_TEXT] if isinstance(value, str) else value


class Shipped(BaseModel):
    """The message; whatever else is in it is for Kafka."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    version: Literal["1"]
    account: UUID
    project: UUID
    release: UUID
    process: str = Field(min_length=1, max_length=128)
    replica: str = Field(min_length=1, max_length=128)
    stream: Stream
    time: Time
    text: Annotated[str, BeforeValidator(_cut)]

    def record(self, partition: int, offset: int) -> Record:
        """The line as the record that stands there."""
        line = Line(
            source="runtime",
            time=self.time,
            stream=self.stream,
            replica=self.replica,
            process=self.process,
            text=self.text,
        )
        return Record(
            stream=self.release,
            account=self.account,
            writer=f"p{partition}",
            sequence=offset + 1,
            lines=(line,),
        )


def decode_shipped(value: bytes) -> Shipped:
    """Read a message; raises Undecodable."""
    try:
        return Shipped.model_validate_json(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        kinds = sorted({problem["type"] for problem in problems})
        raise Undecodable(f"Not a shipped line ({', '.join(kinds)})") from None
