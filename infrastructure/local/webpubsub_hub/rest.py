"""The data-plane REST API, version 2024-12-01: sending, membership, permissions, closing.

Filters, MQTT and the two operations that work by filters are refused with 501.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from infrastructure.local.webpubsub_hub import protocol
from infrastructure.local.webpubsub_hub.clients import DEFAULT_TTL_SECONDS
from infrastructure.local.webpubsub_hub.connection import PERMISSIONS, Connection
from infrastructure.local.webpubsub_hub.hub import Hub
from infrastructure.local.webpubsub_hub.limits import MESSAGE_BYTES, TTL_SECONDS
from infrastructure.local.webpubsub_hub.protocol import Payload
from infrastructure.local.webpubsub_hub.replies import failure
from infrastructure.local.webpubsub_hub.tokens import InvalidToken, Tokens

API_VERSIONS = ("2024-12-01", "2024-01-01")
PAGE = 200
Handler = Callable[[Request], Awaitable[Response]]
READERS = {
    "application/json": Payload.of_json,
    "text/plain": Payload.of_text,
    "application/octet-stream": Payload.of_bytes,
}


class Problem(Exception):
    """A request that is refused; becomes Azure's error shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Rest:
    """The operations on one hub."""

    def __init__(self, hub: Hub, tokens: Tokens, hub_name: str) -> None:
        self._hub, self._tokens, self._name = hub, tokens, hub_name

    def routes(self) -> list[BaseRoute]:
        """Every operation with its method and path."""
        connection, group = "/connections/{connection}", "/groups/{group}"
        user, permission = "/users/{user}", "/permissions/{permission}/connections/{connection}"
        table: Sequence[tuple[str, str, Handler]] = (
            ("POST", "/:send", self.send_to_all),
            ("POST", "/:closeConnections", self.close_all),
            ("POST", "/:generateToken", self.generate_token),
            ("POST", "/:addToGroups", self.not_offered),
            ("POST", "/:removeFromGroups", self.not_offered),
            ("HEAD", connection, self.connection_exists),
            ("DELETE", connection, self.close_connection),
            ("POST", f"{connection}/:send", self.send_to_connection),
            ("DELETE", f"{connection}/groups", self.leave_all_groups),
            ("HEAD", group, self.group_exists),
            ("POST", f"{group}/:send", self.send_to_group),
            ("POST", f"{group}/:closeConnections", self.close_group),
            ("GET", f"{group}/connections", self.list_group),
            ("PUT", f"{group}{connection}", self.add_connection),
            ("DELETE", f"{group}{connection}", self.remove_connection),
            ("HEAD", user, self.user_exists),
            ("POST", f"{user}/:send", self.send_to_user),
            ("POST", f"{user}/:closeConnections", self.close_user),
            ("DELETE", f"{user}/groups", self.user_leaves_all_groups),
            ("PUT", f"{user}{group}", self.add_user),
            ("DELETE", f"{user}{group}", self.remove_user),
            ("PUT", permission, self.grant),
            ("DELETE", permission, self.revoke),
            ("HEAD", permission, self.has_permission),
        )
        by_path: dict[str, dict[str, Handler]] = {}
        for method, path, handler in table:
            by_path.setdefault(f"/api/hubs/{{hub}}{path}", {})[method] = handler
        health = Route("/api/health", _healthy, methods=["HEAD", "GET"])
        return [health, *(self._route(path, by_path[path]) for path in by_path)]

    def _route(self, path: str, handlers: dict[str, Handler]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request)
                handler = handlers.get(request.method)
                if handler is None:
                    raise Problem(405, "MethodNotAllowed", f"Not {request.method} here.")
                return await handler(request)
            except Problem as problem:
                return failure(problem.status, problem.code, str(problem))

        return Route(path, endpoint, methods=["GET", "HEAD", "POST", "PUT", "DELETE"])

    def _admit(self, request: Request) -> None:
        token = request.headers.get("authorization", "")
        try:
            if not token.startswith("Bearer "):
                raise InvalidToken("A service token is needed as bearer.")
            self._tokens.verify_service(token.removeprefix("Bearer ").strip(), _url_of(request))
        except InvalidToken as error:
            raise Problem(401, "Unauthorized", str(error)) from None
        if request.query_params.get("api-version") not in API_VERSIONS:
            raise Problem(400, "BadRequest", f"api-version is none of {', '.join(API_VERSIONS)}.")
        if request.path_params["hub"].lower() != self._name.lower():
            raise Problem(404, "NotFound", f"This server has one hub, {self._name}.")
        if request.query_params.get("filter"):
            raise Problem(501, "NotImplemented", "This hub does not filter connections.")
        if not protocol.valid_group(request.path_params.get("group", "group")):
            raise Problem(400, "BadRequest", "The name of the group is not valid.")

    async def send_to_all(self, request: Request) -> Response:
        message = protocol.server_message(await _payload(request), _seconds(request))
        self._hub.send(self._hub.all(), message, _excluded(request))
        return Response(status_code=202)

    async def send_to_group(self, request: Request) -> Response:
        payload, name = await _payload(request), request.path_params["group"]
        message = protocol.group_message(name, payload, None, _seconds(request))
        self._hub.send(self._hub.group(name), message, _excluded(request))
        return Response(status_code=202)

    async def send_to_user(self, request: Request) -> Response:
        message = protocol.server_message(await _payload(request), _seconds(request))
        self._hub.send(self._hub.user(request.path_params["user"]), message)
        return Response(status_code=202)

    async def send_to_connection(self, request: Request) -> Response:
        message = protocol.server_message(await _payload(request), _seconds(request))
        self._hub.send([self._connection(request)], message)
        return Response(status_code=202)

    async def close_all(self, request: Request) -> Response:
        return self._close(self._hub.all(), request)

    async def close_group(self, request: Request) -> Response:
        return self._close(self._hub.group(request.path_params["group"]), request)

    async def close_user(self, request: Request) -> Response:
        return self._close(self._hub.user(request.path_params["user"]), request)

    async def close_connection(self, request: Request) -> Response:
        known = self._hub.connection(request.path_params["connection"])
        return self._close([known] if known else [], request)

    async def connection_exists(self, request: Request) -> Response:
        return _exists(self._hub.connection(request.path_params["connection"]) is not None)

    async def group_exists(self, request: Request) -> Response:
        return _exists(bool(self._hub.group(request.path_params["group"])))

    async def user_exists(self, request: Request) -> Response:
        return _exists(bool(self._hub.user(request.path_params["user"])))

    async def list_group(self, request: Request) -> Response:
        """One page of members in a fixed order; ``continuationToken`` is the last one's id."""
        members = sorted(self._hub.group(request.path_params["group"]), key=lambda c: c.id)
        after = request.query_params.get("continuationToken", "")
        size = min(_number(request.query_params, "maxpagesize", PAGE), PAGE)
        top = _number(request.query_params, "top", len(members) + 1)
        rest = [member for member in members if member.id > after]
        page = rest[: min(size, top)]
        body: dict[str, object] = {
            "value": [{"connectionId": member.id, "userId": member.user} for member in page]
        }
        if page and len(rest) > len(page) and top > len(page):
            query = {"continuationToken": page[-1].id, "top": top - len(page)}
            body["nextLink"] = str(request.url.include_query_params(**query))
        return JSONResponse(body)

    async def add_connection(self, request: Request) -> Response:
        if not self._hub.join(self._connection(request), request.path_params["group"]):
            raise Problem(400, "BadRequest", "The connection is in too many groups.")
        return Response()

    async def remove_connection(self, request: Request) -> Response:
        self._hub.leave(self._connection(request), request.path_params["group"])
        return Response(status_code=204)

    async def leave_all_groups(self, request: Request) -> Response:
        known = self._hub.connection(request.path_params["connection"])
        if known is not None:
            self._hub.leave_all(known)
        return Response(status_code=204)

    async def add_user(self, request: Request) -> Response:
        connections = self._hub.user(request.path_params["user"])
        if not connections:
            raise Problem(404, "Error.User.NotExisted", "The user has no connection.")
        for connection in connections:
            self._hub.join(connection, request.path_params["group"])
        return Response()

    async def remove_user(self, request: Request) -> Response:
        for connection in self._hub.user(request.path_params["user"]):
            self._hub.leave(connection, request.path_params["group"])
        return Response(status_code=204)

    async def user_leaves_all_groups(self, request: Request) -> Response:
        for connection in self._hub.user(request.path_params["user"]):
            self._hub.leave_all(connection)
        return Response(status_code=204)

    async def grant(self, request: Request) -> Response:
        self._connection(request).permissions.grant(*_permission(request))
        return Response()

    async def revoke(self, request: Request) -> Response:
        self._connection(request).permissions.revoke(*_permission(request))
        return Response(status_code=204)

    async def has_permission(self, request: Request) -> Response:
        known = self._hub.connection(request.path_params["connection"])
        return _exists(known is not None and known.permissions.allows(*_permission(request)))

    async def generate_token(self, request: Request) -> Response:
        query = request.query_params
        if query.get("clientType", "Default").lower() != "default":
            raise Problem(501, "NotImplemented", "This hub has default clients only.")
        claims: dict[str, object] = {"sub": query["userId"]} if query.get("userId") else {}
        claims["role"], claims["webpubsub.group"] = query.getlist("role"), query.getlist("group")
        minutes = _number(query, "minutesToExpire", 60)
        endpoint = f"http://{request.headers['host']}"
        token = self._tokens.issue_client(endpoint, self._name, claims, minutes)
        return JSONResponse({"token": token})

    async def not_offered(self, request: Request) -> Response:
        raise Problem(501, "NotImplemented", "This hub does not filter connections.")

    def _close(self, connections: Iterable[Connection], request: Request) -> Response:
        reason = request.query_params.get("reason") or "Closed by the service."
        self._hub.close(connections, reason, _excluded(request))
        return Response(status_code=204)

    def _connection(self, request: Request) -> Connection:
        known = self._hub.connection(request.path_params["connection"])
        if known is None:
            raise Problem(404, "Error.Connection.NotExisted", "There is no such connection.")
        return known


async def _healthy(request: Request) -> Response:
    return Response()


async def _payload(request: Request) -> Payload:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    reader = READERS.get(kind)
    if reader is None:
        raise Problem(415, "UnsupportedMediaType", f"Send one of {', '.join(READERS)}.")
    try:
        return reader(await _body(request))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise Problem(400, "BadRequest", f"The body is not {kind} in UTF-8.") from None


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MESSAGE_BYTES:
            text = f"A message has at most {MESSAGE_BYTES:,} bytes."
            raise Problem(413, "RequestEntityTooLarge", text)
        parts.append(part)
    return b"".join(parts)


def _url_of(request: Request) -> str:
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return f"http://{request.headers['host']}{path}" + (f"?{query}" if query else "")


def _seconds(request: Request) -> int:
    text = request.query_params.get("messageTtlSeconds")
    if text is None:
        return DEFAULT_TTL_SECONDS
    if not text.isdecimal() or int(text) > TTL_SECONDS:
        raise Problem(400, "BadRequest", f"messageTtlSeconds is not from 0 to {TTL_SECONDS}.")
    return int(text)


def _number(query: QueryParams, name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise Problem(400, "BadRequest", f"{name} is not a whole number above 0.")
    return int(text)


def _permission(request: Request) -> tuple[str, str | None]:
    permission = request.path_params["permission"]
    if permission not in PERMISSIONS:
        raise Problem(400, "BadRequest", f"The permission is none of {', '.join(PERMISSIONS)}.")
    return permission, request.query_params.get("targetName")


def _excluded(request: Request) -> list[str]:
    return request.query_params.getlist("excluded")


def _exists(known: bool) -> Response:
    return Response(status_code=200 if known else 404)
