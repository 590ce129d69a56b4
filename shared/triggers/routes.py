"""Routes of an HTTP app, and the modules that serve them, imported when first asked.

An app has many operations and a process that has just started is waited for with one of them; so
an app knows its routes by a table, and nothing else.
"""

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import azure.functions as func


class Route(NamedTuple):
    """An operation of a module's ``resource``, by the name of its function."""

    method: str
    path: str
    module: str
    name: str


def table(lines: str) -> tuple[Route, ...]:
    """A route a line: method, path, and the function with its module."""
    split = (line.split() for line in lines.strip().splitlines())
    return tuple(Route(method, path, *name.rsplit(".", 1)) for method, path, name in split)


def register(app: func.FunctionApp, routes: Iterable[Route]) -> None:
    """Give an app a function for each route."""
    for route in routes:
        _register(app, route)


def _register(app: func.FunctionApp, route: Route) -> None:
    @cache
    def resource() -> Any:
        return importlib.import_module(route.module).resource

    async def endpoint(req: func.HttpRequest) -> func.HttpResponse:
        response: func.HttpResponse = await resource().serve(route.name, req)
        return response

    endpoint.__name__ = route.name
    anonymous = func.AuthLevel.ANONYMOUS  # who calls is our own question, not the host's
    http = app.route(route=route.path, methods=[route.method], auth_level=anonymous)
    app.function_name(route.name)(http(endpoint))
