"""An HTTP resource: declares its operations once, for the Functions host and for OpenAPI alike.

An operation's function gets a ``Call`` (who, what, with which body) and returns a model or a
``Reply``; all the rest of the edge stands here: request ids, sign-in, rate limits, decoding,
idempotency, problem+json. An ``HttpRequest`` goes no further down than this package.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

import azure.functions as func
from pydantic import BaseModel

from shared.accounts.models import Principal
from shared.database import Scope
from shared.errors import AstroCloudError, Unauthenticated
from shared.idempotency.service import Answer, Attempt, new_id
from shared.rate_limits.service import headers as rate_headers
from shared.services import services
from shared.triggers import auth, requests
from shared.triggers.problems import UnexpectedError, problem

Body = TypeVar("Body", bound=BaseModel)
Query = TypeVar("Query", bound=BaseModel)
Handler = Callable[["Call"], Awaitable["BaseModel | Reply | None"]]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reply:
    """An answer that is more than a model: another type, headers, cookies."""

    body: BaseModel | str | bytes | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path, as declared."""

    name: str
    tag: str
    method: str
    path: str
    summary: str
    handler: Handler
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    returns: Any
    status: int
    public: bool
    needs: auth.Permission
    media_type: str
    max_body: int

    @property
    def route(self) -> str:
        """Method and path, as idempotency keys and logs name the operation."""
        return f"{self.method} {self.path}"

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key means anything here.

        What only a session may do answers with secrets, and those are kept nowhere.
        """
        return self.method == "POST" and not self.public and self.needs != "session"


class Call:
    """One request to an operation."""

    def __init__(self, operation: Operation, request: func.HttpRequest, request_id: str) -> None:
        self.operation = operation
        self.request_id = request_id
        self._request = request
        self._principal: Principal | None = None
        self._body: BaseModel | None = None
        self.attempt: Attempt | None = None

    @property
    def principal(self) -> Principal:
        """Who calls; public operations have nobody."""
        if self._principal is None:
            raise Unauthenticated("Sign in first")
        return self._principal

    @property
    def scope(self) -> Scope:
        """The scope of the caller's transactions."""
        return self.principal.scope

    @property
    def new_id(self) -> UUID:
        """The id of what this call creates; the same when its idempotency key comes again."""
        return new_id(self.attempt)

    def body(self, model: type[Body]) -> Body:
        """The decoded body."""
        assert model is self.operation.body
        return cast(Body, self._body)

    def query(self, model: type[Query]) -> Query:
        """The decoded query string."""
        return requests.read_query(self._request, model)

    def id(self, name: str) -> UUID:
        """An id of the path; raises NotFound where it is no UUID."""
        return requests.path_id(self._request, name)

    def cookie(self, name: str) -> str:
        """A cookie's value, or an empty text; a change must come from our own origin."""
        value = auth.read_cookie(self._request, name)
        if value:
            auth.check_origin(self._request)
        return value

    async def answer(self) -> func.HttpResponse:
        """Go through the edge, call the handler and encode what it returns."""
        limits = await self._admit()
        if self.operation.body is not None:
            body, bound = self.operation.body, self.operation.max_body
            self._body = requests.read_body(self._request, body, bound)
        if self.operation.takes_key and "idempotency-key" in self._request.headers:
            return await self._answer_once(limits)
        return self._encode(await self.operation.handler(self), limits)

    async def _admit(self) -> dict[str, str]:
        known = services()
        if self.operation.public:
            if self.operation.method == "GET":
                return {}
            # The gateway sets it to the one address that it sees, whatever the caller sent.
            address = self._request.headers.get("x-forwarded-for", "unknown")
            name, limit = f"address:{address}", known.settings.sign_in_rate_limit
        else:
            self._principal = await auth.authenticate(self._request)
            auth.check_permission(self._principal, self.operation.needs)
            name, limit = f"user:{self._principal.user_id}", known.settings.rate_limit
        return rate_headers(await known.rate_limits.take(name, limit))

    async def _answer_once(self, limits: Mapping[str, str]) -> func.HttpResponse:
        attempt = self.attempt = self._attempt()
        kept = await services().idempotency.begin(attempt)
        if kept is not None:
            body = "" if kept.body.get("empty") else kept.body["json"]
            replay = Reply(body, headers={"Idempotent-Replayed": "true"}, status=kept.status)
            return self._encode(replay, limits)
        try:
            answer = self._encode(await self.operation.handler(self), limits)
        except BaseException:
            await services().idempotency.release(attempt)
            raise
        text = answer.get_body().decode()
        kept_body = {"json": text} if text else {"empty": True}
        await services().idempotency.complete(attempt, Answer(answer.status_code, kept_body))
        return answer

    def _attempt(self) -> Attempt:
        key = self._request.headers["idempotency-key"]
        if not 1 <= len(key) <= 255 or not key.isprintable():
            raise requests.InvalidIdempotencyKey(
                "Idempotency-Key must have 1 to 255 printable characters"
            )
        route = f"{self.operation.route} {sorted(self._request.route_params.items())}"
        # Keyed: a body may hold a secret that could be guessed from a plain hash of it.
        key_of_hash = services().settings.signing_keys[-1].encode()
        digest = hmac.digest(key_of_hash, requests.canonical_json(self._body), "sha256")
        return Attempt(self.principal.user_id, route, key, digest)

    def _encode(
        self, result: BaseModel | Reply | None, limits: Mapping[str, str]
    ) -> func.HttpResponse:
        reply = result if isinstance(result, Reply) else Reply(result)
        body = reply.body
        status = reply.status or self.operation.status
        answer = func.HttpResponse(
            body.model_dump_json() if isinstance(body, BaseModel) else body,
            status_code=status,
            mimetype=reply.media_type,
            headers={
                "Cache-Control": "no-store",
                **limits,
                **reply.headers,
                "X-Request-Id": self.request_id,
            },
        )
        for cookie in reply.cookies:
            answer.headers.add("Set-Cookie", cookie)
        return answer


class Resource:
    """The operations of one resource; ``routes`` brings them to an app."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def operation(
        self,
        method: str,
        path: str,
        *,
        returns: Any = None,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        status: int = 200,
        public: bool = False,
        needs: auth.Permission | None = None,
        media_type: str = "application/json",
        max_body: int = requests.MAX_BODY_BYTES,
    ) -> Callable[[Handler], Handler]:
        """Declare one operation below ``/api/v1``; its docstring is its summary.

        ``needs`` is the scope that an API token must have, or ``session`` where none will do.
        """

        def declare(handler: Handler) -> Handler:
            declared = Operation(
                name=handler.__name__,
                tag=self.tag,
                method=method,
                path=f"v1/{path}",
                summary=(handler.__doc__ or "").strip().splitlines()[0],
                handler=handler,
                body=body,
                query=query,
                returns=returns,
                status=status,
                public=public,
                needs=needs or ("read" if method == "GET" else "manage"),
                media_type=media_type,
                max_body=max_body,
            )
            self.operations.append(declared)
            return handler

        return declare

    async def serve(self, name: str, request: func.HttpRequest) -> func.HttpResponse:
        """Answer a request to the operation of this name."""
        operation = next(one for one in self.operations if one.name == name)
        return await _serve(operation, request)


async def _serve(operation: Operation, request: func.HttpRequest) -> func.HttpResponse:
    request_id = requests.request_id(request)
    path = urlsplit(request.url).path
    try:
        return await Call(operation, request, request_id).answer()
    except AstroCloudError as error:
        if error.status >= 500:
            _log.warning("%s failed, request %s: %s", operation.route, request_id, error.code)
        return problem(error, request_id, path)
    except Exception:  # noqa: BLE001 - the edge: whatever it is, the caller hears no detail
        _log.exception("%s failed, request %s", operation.route, request_id)
        return problem(UnexpectedError(request_id), request_id, path)
