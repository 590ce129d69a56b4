"""The admin app: composes its resources."""

import azure.functions as func

from functions.admin import overview
from shared.triggers.routes import Route, register

app = func.FunctionApp()
register(
    app,
    (
        Route(one.method, one.path, overview.__name__, one.name)
        for one in overview.resource.operations
    ),
)
