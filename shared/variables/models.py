"""What the API takes and says of variables, and what a deployment is given of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from shared.models import Request, Response

VariableScope = Literal["build", "run", "all"]
Environment = Literal["production", "preview"]
Branch = Annotated[str, Field(min_length=1, max_length=250)]


class VariableCreate(Request):
    """A variable to set; ``branch`` narrows it to the previews of that branch alone.

    ``secret`` ones are never given back; where nothing is said, a variable is one.
    """

    name: Annotated[str, Field(max_length=1000)]
    value: str
    secret: bool = True
    scope: VariableScope = "all"
    environment: Environment
    branch: Branch | None = None


class VariableUpdate(Request):
    """What may change; a field left out stays."""

    value: str | None = None
    secret: bool | None = None
    scope: VariableScope | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "VariableUpdate":
        if self.value is None and self.secret is None and self.scope is None:
            raise ValueError("nothing is to be changed: send value, secret or scope")
        return self


class VariablesImport(Request):
    """A dotenv text, all of whose variables are set alike."""

    text: Annotated[str, Field(max_length=524_288)]
    secret: bool = True
    scope: VariableScope = "all"
    environment: Environment
    branch: Branch | None = None


class Variable(Response):
    """A variable; the value of a secret one is null, and to viewers that of every one."""

    id: UUID
    name: str
    value: str | None
    secret: bool
    scope: VariableScope
    environment: Environment
    branch: str | None
    project_id: UUID | None
    created_at: datetime
    updated_at: datetime


class Variables(Response):
    """All variables of a project or of an account, by name; there is never another page."""

    items: list[Variable]
    next_cursor: str | None = None


class VariablesImported(Response):
    """What an import has set; ``notes`` say what may surprise, by line."""

    names: list[str]
    created: int
    replaced: int
    notes: list[str]


@dataclass(frozen=True, slots=True)
class ResolvedVariable:
    """What a deployment is given under a name; the value shows in no representation."""

    value: str
    secret: bool
    scope: VariableScope

    def __repr__(self) -> str:
        return f"ResolvedVariable(secret={self.secret}, scope={self.scope!r})"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a deployment is given, sealed for its row, and what tells equal sets.

    Equal ``build_fingerprint``s: a build's commands see the same.
    """

    sealed: str
    fingerprint: str
    build_fingerprint: str
