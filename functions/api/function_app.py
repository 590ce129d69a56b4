"""The API app: composes its resources."""

import azure.functions as func

from functions.api import gateway
from functions.api.description import RESOURCES

app = func.FunctionApp()
for resource in RESOURCES:
    app.register_functions(resource.blueprint)
app.register_functions(gateway.blueprint)
