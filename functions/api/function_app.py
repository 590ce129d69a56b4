"""The API app: its routes; what serves them is imported when it is first asked."""

import gc

# Nothing of what is imported is garbage, and looking for some takes a tenth of a cold start.
gc.disable()

import azure.functions as func  # noqa: E402

from functions.api.routes import ROUTES  # noqa: E402
from shared.triggers.routes import register  # noqa: E402

app = func.FunctionApp()
register(app, ROUTES)
gc.freeze()
gc.enable()
