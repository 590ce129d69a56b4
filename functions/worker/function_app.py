"""The worker app: composes its blueprints."""

import azure.functions as func

from functions.worker import deliveries, deployments, events, logs, timers, workloads

app = func.FunctionApp()
for module in (deployments, deliveries, workloads, logs, events, timers):
    app.register_functions(module.blueprint)
