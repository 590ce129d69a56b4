"""HTTP functions that show what they were given."""

import json
import threading

import azure.functions as func
from recording import held, record

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="v1/echo/{id:guid}/{rest?}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The request as JSON."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
        "function": context.function_name,
        "invocation": context.invocation_id,
        "trace": context.trace_context.trace_parent,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="v1/cookies", methods=["GET"])
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    """Two cookies, a status and a header."""
    response = func.HttpResponse("made", status_code=201, headers={"X-Kind": "cookies"})
    response.headers.add("Set-Cookie", "one=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "two=2; Secure")
    return response


@app.route(route="v1/sync", methods=["GET"])
def synchronous(req: func.HttpRequest) -> str:
    """A synchronous function and the thread that runs it."""
    return threading.current_thread().name


@app.route(route="v1/broken")
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Raises."""
    raise RuntimeError("on purpose")


@app.route(route="v1/wrong")
async def wrong(req: func.HttpRequest) -> object:
    """Returns what no HTTP function may."""
    return 42


@app.route(route="v1/slow", methods=["GET"])
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Answers only after the test's permission."""
    record(begun="slow")
    await held()
    return func.HttpResponse("late")


@app.route(route="v1/hangs", methods=["GET"])
async def hangs(req: func.HttpRequest) -> func.HttpResponse:
    """Never answers by itself."""
    await held()
    return func.HttpResponse("never")
