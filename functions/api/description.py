"""The description of this API: every operation of every resource."""

from functools import cache
from typing import Any

from functions.api import (
    accounts,
    auth,
    deployments,
    health,
    logs,
    projects,
    runtime_logs,
    variables,
    workloads,
)
from shared.services import services

MODULES = (auth, accounts, projects, variables, deployments, workloads, logs, runtime_logs, health)
RESOURCES = tuple(module.resource for module in MODULES)


@cache
def describe() -> dict[str, Any]:
    """The OpenAPI document."""
    from shared.triggers.openapi import document

    operations = [operation for resource in RESOURCES for operation in resource.operations]
    return document(operations, "AstroCloud API", services().settings.platform_url)
