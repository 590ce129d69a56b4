"""A queue function that does as its message says."""

import asyncio
import json

import azure.functions as func
from recording import held, record

app = func.FunctionApp()
_running = 0


@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="STORAGE")
async def work(message: func.QueueMessage) -> None:
    """Record the message; ``do`` is one of ``fail``, ``hold`` and ``linger``."""
    global _running
    _running += 1
    try:
        body = json.loads(message.get_body())
        record(body=body, tries=message.dequeue_count, running=_running)
        match body.get("do"):
            case "fail":
                raise RuntimeError("on purpose")
            case "hold":
                await held()
            case "linger":
                await asyncio.sleep(body["seconds"])
        record(done=body)
    finally:
        _running -= 1
