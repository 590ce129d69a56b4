"""Reading a request: its JSON body, query, path ids and request id, each with a clear refusal."""

import json
import re
from typing import TypeVar
from uuid import UUID, uuid4

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.errors import InvalidRequest, NotFound, TooLarge
from shared.triggers.problems import field_problems

MAX_BODY_BYTES = 262_144
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
Model = TypeVar("Model", bound=BaseModel)


class UnsupportedMediaType(InvalidRequest):
    """A body that does not say that it is JSON."""

    code, title, status = "unsupported_media_type", "The body must be JSON", 415


class MalformedJson(InvalidRequest):
    """A body that is no JSON."""

    code, title = "malformed_json", "The body is not valid JSON"


class InvalidIdempotencyKey(InvalidRequest):
    """A key that is empty, too long or not printable."""

    code, title = "invalid_idempotency_key", "The idempotency key is not valid"


def request_id(request: func.HttpRequest) -> str:
    """The caller's X-Request-Id where it is harmless, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


def read_body(
    request: func.HttpRequest, model: type[Model], max_bytes: int = MAX_BODY_BYTES
) -> Model:
    """The body as the model; raises InvalidRequest or TooLarge."""
    raw = request.get_body() or b""
    if len(raw) > max_bytes:
        raise TooLarge(f"The body has {len(raw)} bytes; at most {max_bytes} are read")
    if not raw:
        raw = b"{}"
    elif request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise UnsupportedMediaType("Send the body with Content-Type: application/json")
    try:
        return model.model_validate_json(raw, strict=False)
    except ValidationError as error:
        raise _refusal(error, "body") from None


def read_query(request: func.HttpRequest, model: type[Model]) -> Model:
    """The query string as the model; raises InvalidRequest."""
    try:
        return model.model_validate(dict(request.params))
    except ValidationError as error:
        raise _refusal(error, "query") from None


def path_id(request: func.HttpRequest, name: str) -> UUID:
    """An id of the path; one that is no UUID answers like any that does not exist."""
    try:
        return UUID(request.route_params[name])
    except ValueError:
        raise NotFound(f"No such {name.removesuffix('_id')}") from None


def _refusal(error: ValidationError, where: str) -> InvalidRequest:
    problems = field_problems(error)
    if any(found["type"] == "json_invalid" for found in error.errors(include_input=False)):
        return MalformedJson("The body is not valid JSON")
    named = ", ".join(f"{p.field}: {p.reason}" for p in problems[:5])
    return InvalidRequest(f"The {where} is not acceptable: {named}", fields=problems)


def canonical_json(body: BaseModel | None) -> bytes:
    """One spelling for equal bodies, so that equal requests have equal hashes."""
    content = body.model_dump(mode="json") if body else {}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
