"""The admin app: composes its resources."""

import azure.functions as func

from functions.admin import overview

app = func.FunctionApp()
app.register_functions(overview.resource.blueprint)
