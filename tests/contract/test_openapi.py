"""The API's description is valid, complete and what the functions host serves."""

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.api.description import RESOURCES
from functions.api.routes import ROUTES
from infrastructure.packaging import reference, routes
from shared.triggers.openapi import document

OPERATIONS = [operation for resource in RESOURCES for operation in resource.operations]


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """The document as a client gets it."""
    made: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS, "API", "http://localhost")))
    return made


def test_the_document_is_valid(description: dict[str, Any]) -> None:
    """OpenAPI 3.1 by its own schema, references included."""
    assert list(OpenAPIV31SpecValidator(description).iter_errors()) == []


def test_every_operation_is_described_once(description: dict[str, Any]) -> None:
    """Each has a unique id, a summary, and the one shape of errors."""
    described = [o for path in description["paths"].values() for o in path.values()]

    assert len(described) == len(OPERATIONS)
    assert len({o["operationId"] for o in described}) == len(described)
    for operation in described:
        assert operation["summary"].endswith(".")
        error = operation["responses"]["default"]["content"]["application/problem+json"]
        assert error["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_the_table_of_routes_is_what_the_resources_declare() -> None:
    """A function app knows its routes by the table alone."""
    assert routes.FILE.read_text("utf-8") == routes.text(), (
        "run python -m infrastructure.packaging.routes"
    )
    assert tuple(routes.declared()) == ROUTES


def test_no_route_begins_as_the_functions_host_forbids() -> None:
    """The host refuses routes that begin with admin or runtime."""
    for operation in OPERATIONS:
        assert operation.path.startswith("v1/")


def test_requests_refuse_unknown_fields(description: dict[str, Any]) -> None:
    """Every body says that it takes no other field."""
    schemas = description["components"]["schemas"]
    for operation in OPERATIONS:
        if operation.body is not None:
            assert schemas[operation.body.__name__]["additionalProperties"] is False


def test_only_these_operations_need_no_sign_in() -> None:
    """Whatever becomes public is said here on purpose."""
    public = {operation.name for operation in OPERATIONS if operation.public}

    assert public == {"sign_in_developer", "refresh_tokens", "live", "ready", "status", "openapi"}


def test_error_codes_are_unique() -> None:
    """One code, one class; and each is a slug."""
    codes = [error.code for error in reference.errors()]

    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalnum() and code.islower() for code in codes)


def test_triggers_stay_thin() -> None:
    """No function of an app has more than fifteen lines; no trigger's type goes below triggers."""
    import ast

    root = Path(__file__).parents[2]
    for file in (root / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 15, f"{file.name}: {node.name}"
    for file in (root / "shared").rglob("*.py"):
        if file.parent.name != "triggers":
            assert "azure.functions" not in file.read_text(), file.name


def test_sql_stands_in_stores_only() -> None:
    """A query is found where the layout says."""
    root = Path(__file__).parents[2]
    for file in (root / "shared").rglob("*.py"):
        if file.name.endswith("store.py") or file.name in ("migrate.py", "database.py"):
            continue
        for word in ("SELECT ", "INSERT INTO", "DELETE FROM"):
            assert word not in file.read_text(), f"{file}: {word}"
