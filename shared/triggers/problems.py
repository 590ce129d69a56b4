"""Errors as answers: RFC 9457 problem+json with our stable ``code`` and the offending fields."""

import json
from collections.abc import Sequence

import azure.functions as func
from pydantic import ValidationError

from shared.errors import AstroCloudError, FieldProblem

MEDIA_TYPE = "application/problem+json"
_DOCS = "/docs/reference/errors"


def problem(error: AstroCloudError, request_id: str, path: str) -> func.HttpResponse:
    """The answer for an error that we understand."""
    body: dict[str, object] = {
        "type": f"{_DOCS}#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": path,
        "code": error.code,
        "request_id": request_id,
    }
    if error.fields:
        body["fields"] = [{"field": f.field, "reason": f.reason} for f in error.fields]
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=error.status,
        mimetype=MEDIA_TYPE,
        headers={**error.headers, "X-Request-Id": request_id, "Cache-Control": "no-store"},
    )


class UnexpectedError(AstroCloudError):
    """What a caller hears of an error that we did not foresee: nothing but the request id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"Something failed on our side. Try again; if it stays, report request {request_id}"
        )


def field_problems(error: ValidationError) -> Sequence[FieldProblem]:
    """Pydantic's findings as fields with a reason; never the value that was sent."""
    return [
        FieldProblem(".".join(str(part) for part in found["loc"]) or "body", found["msg"])
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
