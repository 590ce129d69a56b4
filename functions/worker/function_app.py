"""The worker app: composes its blueprints."""

import azure.functions as func

from functions.worker import deliveries, deployments, events, logs, timers

app = func.FunctionApp()
for module in (deployments, deliveries, logs, events, timers):
    app.register_functions(module.blueprint)
