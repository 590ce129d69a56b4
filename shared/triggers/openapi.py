"""OpenAPI 3.1 from the declarations that validate, so that the document cannot drift."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.triggers.http import Operation
from shared.triggers.problems import MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}


def document(operations: Sequence[Operation], title: str, server: str) -> dict[str, Any]:
    """The whole document as JSON values."""
    models = sorted(_models(operations), key=lambda m: m.__name__)
    _, definitions = models_json_schema(
        [(m, "serialization" if _is_response(m) else "validation") for m in models],
        ref_template=_REF,
    )
    schemas = {**definitions.get("$defs", {}), "Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _describe(operation)
        paths.setdefault(f"/api/{operation.path}", {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(operations: Sequence[Operation]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    for operation in operations:
        found.update(m for m in (operation.body, operation.returns) if m is not None)
    return found


def _is_response(model: type[BaseModel]) -> bool:
    return model.model_config.get("extra") != "forbid"


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _path_parameters(operation) + _query_parameters(operation) + _key(operation),
        "responses": {
            str(operation.status): _success(operation),
            "default": {
                "description": "What went wrong",
                "content": {MEDIA_TYPE: {"schema": _reference("Problem")}},
            },
        },
        "security": [] if operation.public else [{"bearer": []}],
    }
    if operation.body is not None:
        schema = _reference(_schema_name(operation.body))
        described["requestBody"] = {
            "required": any(f.is_required() for f in operation.body.model_fields.values()),
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _success(operation: Operation) -> dict[str, Any]:
    if operation.returns is not None:
        schema = _reference(_schema_name(operation.returns))
        return {"description": "Done", "content": {operation.media_type: {"schema": schema}}}
    if operation.status == 204:
        return {"description": "Done"}
    schema = {"type": "string" if operation.media_type.startswith("text/") else "object"}
    return {"description": "Done", "content": {operation.media_type: {"schema": schema}}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}


def _schema_name(model: type[BaseModel]) -> str:
    return re.sub(r"[^a-zA-Z0-9.\-_]", "_", model.__name__)


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": value}
        for name, value in schema["properties"].items()
    ]


def _key(operation: Operation) -> list[dict[str, Any]]:
    if not operation.takes_key:
        return []
    text = {"type": "string", "minLength": 1, "maxLength": 255}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": text}]
