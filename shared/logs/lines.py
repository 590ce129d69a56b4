"""A log line and the Kafka record that carries many, and how a record is read back.

Records come from our own writer and, for runtime lines, from agents in a cluster: nothing is
taken on trust. How lines are numbered and kept stands in ``stream`` and ``store``.
"""

import unicodedata
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ValidationFailed

TOPIC = "logs"
MAX_TEXT = 65_536
"""Most characters of a line's text; the writer cuts at as many bytes of UTF-8."""
_MAX_LINES = 20_000

Source = Literal["build", "runtime", "platform"]
Stream = Literal["stdout", "stderr"]
Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
        r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$",
        description="RFC 3339 in UTC",
    ),
]


class Line(BaseModel):
    """One line of a log, as its writer saw it."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    source: Source
    time: Time
    stream: Stream
    replica: str = Field(default="", max_length=128)
    process: str = Field(default="", max_length=128, description="Of a server: web, or a worker")
    text: str = Field(max_length=MAX_TEXT)

    @property
    def origin(self) -> str:
        """Whose text goes on in the next line of the same origin."""
        return f"{self.source}/{self.stream}/{self.replica}"


class NumberedLine(Line):
    """A stored line: ``n`` counts from 1 within its deployment, without gaps."""

    n: int


class Record(BaseModel):
    """Lines of one writer; ``sequence`` rises by one with each of its records, from 1."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    version: Literal[1] = 1
    stream: UUID
    account: UUID
    writer: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    sequence: int = Field(ge=1, lt=2**53)
    lines: tuple[Line, ...] = Field(max_length=_MAX_LINES)
    end: bool = False


class Undecodable(ValidationFailed):
    """A record in a shape that is not ours; the detail says where, never what it holds."""


def encode(record: Record) -> bytes:
    """The record as Kafka carries it."""
    return record.model_dump_json().encode()


def decode(value: bytes) -> Record:
    """Read a record; raises Undecodable."""
    try:
        return Record.model_validate_json(value)
    except ValidationError as error:
        # Neither the input nor its keys may reach a log: both may hold a secret.
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        kinds = sorted({problem["type"] for problem in problems})
        raise Undecodable(f"Not a log record ({', '.join(kinds)})") from None


def printable(text: str) -> str:
    """Text that UTF-8 and JSON can carry: half a surrogate pair becomes a replacement mark."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if unicodedata.category(c) == "Cs" else c for c in text)
    return text
