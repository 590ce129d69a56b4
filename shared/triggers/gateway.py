"""What the gateway asks of us: no user signs in, it proves itself with its key.

These routes stand in no description and have no rate limit; from outside they cannot be reached.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel

from shared.errors import AstroCloudError, Unauthenticated
from shared.services import services
from shared.triggers import requests
from shared.triggers.problems import UnexpectedError, problem

MAX_REPORT_BYTES = 1_048_576
Asked = TypeVar("Asked", bound=BaseModel)
Handler = Callable[[Asked], Awaitable[BaseModel | None]]
_log = logging.getLogger(__name__)


class GatewayResource:
    """What gateways may ask; ``routes`` brings it to an app."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[type[BaseModel], Handler[Any]]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is declared."""
        return tuple(self._asked)

    def operation(self, model: type[Asked]) -> Callable[[Handler[Asked]], Handler[Asked]]:
        """Declare what comes as this model; 204 where the handler returns nothing."""

        def declare(handler: Handler[Asked]) -> Handler[Asked]:
            self._asked[handler.__name__] = (model, handler)
            return handler

        return declare

    async def serve(self, name: str, request: func.HttpRequest) -> func.HttpResponse:
        """Answer a request to the operation of this name."""
        model, handler = self._asked[name]
        request_id, path = requests.request_id(request), urlsplit(request.url).path
        try:
            check_key(request)
            answer = await handler(requests.read_body(request, model, MAX_REPORT_BYTES))
        except AstroCloudError as error:
            return problem(error, request_id, path)
        except Exception:  # noqa: BLE001 - the edge: whatever it is, the caller hears no detail
            _log.exception("The gateway's %s failed, request %s", name, request_id)
            return problem(UnexpectedError(request_id), request_id, path)
        return _encoded(answer)


def check_key(request: func.HttpRequest) -> None:
    """Refuse who is not the gateway; raises Unauthenticated. Without a key nobody is."""
    key = services().settings.gateway_key
    given = request.headers.get("authorization", "")
    expected = f"Bearer {key}"
    if not key or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Unauthenticated("Only the gateway may ask this: send its key, GATEWAY_KEY")


def _encoded(answer: BaseModel | None) -> func.HttpResponse:
    if answer is None:
        return func.HttpResponse(status_code=204)
    return func.HttpResponse(answer.model_dump_json(), mimetype="application/json")
