"""The two bases of every API model: requests refuse what they do not know, responses are frozen.

A model's schema is built at its first use: a cold start pays for those of its first call only.
"""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """A request's body or query: unknown fields are an error, so a typo is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Response(BaseModel):
    """A response's body."""

    model_config = ConfigDict(frozen=True, defer_build=True)
