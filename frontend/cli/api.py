"""The API as this client uses it: one method a request, errors as ``frontend.cli.errors``.

Requests that may be repeated are repeated when the connection fails; a 401 is answered by one
refresh of the access token, a 429 by waiting as long as it says.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self, cast

import httpx

from frontend.cli.errors import NotSignedIn, RefusedError, UnreachableError, UsageError
from frontend.cli.transport import http_client

TRIES = 6
LONGEST_WAIT = 30.0
CHUNK = 256 * 1024
GENERAL_CODES = ("validation_failed", "invalid_request")
Progress = Callable[[int], None]


class Api:
    """A signed-in client of one platform; used as an async context manager."""

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._http = http_client(self._url, transport)
        self._sleep = sleep
        self._access, self._refresh = "", ""

    @property
    def url(self) -> str:
        """The platform's address."""
        return self._url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def sign_in(self, ticket: str) -> None:
        """Exchange a one-time ticket for tokens."""
        try:
            self._keep(await self._call("POST", "/auth/development", json={"ticket": ticket}))
        except RefusedError as error:
            detail = f"{error.detail} A ticket works once: run the command again for a new one."
            raise UsageError(error.code, error.title, detail) from None

    def use_token(self, token: str) -> None:
        """Sign in with an API token, which cannot be renewed."""
        self._access, self._refresh = token, ""

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return await self._call("GET", path, params=parameters)

    async def items(self, path: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """Everything that a list holds, page by page."""
        while True:
            page = await self.get(path, **parameters)
            for item in page["items"]:
                yield item
            if not page.get("next_cursor"):
                return
            parameters["cursor"] = page["next_cursor"]

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have something done, once, also where the first answer is lost."""
        return await self._create(path, body)

    async def post_plainly(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for what takes no key, because its answer holds a secret."""
        return await self._call("POST", path, json=body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Set something as a whole; the same however often it is sent."""
        return await self._call("PUT", path, json=body)

    async def change(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Set some values of something; the others stay."""
        return await self._call("PATCH", path, json=body)

    async def delete(self, path: str) -> dict[str, Any]:
        return await self._call("DELETE", path)

    async def find_project(self, slug: str) -> dict[str, Any] | None:
        """The project of this slug, where it is ours."""
        page = await self.get("/projects", slug=slug)
        return next((project for project in page["items"] if project["slug"] == slug), None)

    async def find_or_create_project(self, slug: str, name: str) -> tuple[dict[str, Any], bool]:
        """The project of this slug, and whether it is new."""
        if project := await self.find_project(slug):
            return project, False
        body = {"slug": slug, "name": name[:80].strip() or slug}
        return await self._create("/projects", body), True

    async def create_upload(self, project_id: str, size: int, kind: str) -> dict[str, Any]:
        """Where to put an archive of this size."""
        return await self._create(f"/projects/{project_id}/uploads", {"size": size, "format": kind})

    async def put(self, upload: Mapping[str, Any], path: Path, told: Progress) -> None:
        """Send the archive; ``told`` is called with the bytes that are on their way."""
        size = path.stat().st_size
        headers = {**upload["headers"], "Content-Length": str(size)}
        for attempt in range(TRIES):
            try:
                answer = await self._http.request(
                    upload["method"],
                    upload["url"],
                    content=_chunks(path, told),
                    headers=headers,
                    timeout=httpx.Timeout(120, connect=5),
                )
            except httpx.TransportError as error:
                await self._wait_or_give_up(attempt, error)
                continue
            if answer.status_code < 500 or attempt == TRIES - 1:
                _check_upload(answer)
                return
            await self._sleep(_pause(attempt))

    async def create_deployment(
        self,
        project_id: str,
        source: Mapping[str, Any],
        environment: str,
        *,
        use_cache: bool = True,
    ) -> dict[str, Any]:
        """Ask for a source to be put online."""
        body: dict[str, Any] = {"source": source, "environment": environment}
        if not use_cache:
            body["use_cache"] = False
        return await self._create(f"/projects/{project_id}/deployments", body)

    async def deployment(self, deployment_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/deployments/{deployment_id}")

    async def tag_of(self, url: str) -> str:
        """The ETag that a site's address answers with; empty where it does not serve a page."""
        try:
            answer = await self._http.head(url)
        except httpx.TransportError:
            return ""
        return str(answer.headers.get("etag", "")) if answer.is_success else ""

    async def status_of(self, url: str) -> int:
        """The status that an address answers with; 0 where nothing answers."""
        try:
            return (await self._http.head(url)).status_code
        except httpx.TransportError:
            return 0

    async def logs(self, deployment_id: str, after: int) -> dict[str, Any]:
        """Log lines above a position: ``lines``, ``next_after``, ``ended``."""
        return await self._call(
            "GET", f"/deployments/{deployment_id}/logs", params={"after": after, "limit": 1000}
        )

    async def negotiate(self, deployment_id: str) -> dict[str, Any]:
        """An address for live messages, and the groups to join there."""
        return await self._call("POST", "/negotiate", json={"deployment_id": deployment_id})

    async def _create(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        # The key makes a repeated POST the same one, should the first answer be lost.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        options = {} if body is None else {"json": body}
        return await self._call("POST", path, headers=headers, **options)

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        refreshed = False
        for attempt in range(TRIES):
            try:
                answer = await self._send(method, path, **options)
            except httpx.TransportError as error:
                await self._wait_or_give_up(attempt, error)
                continue
            if answer.status_code == 401 and self._refresh and not refreshed:
                refreshed = True
                await self._renew()
            elif answer.status_code in (429, 502, 503, 504) and attempt < TRIES - 1:
                await self._sleep(_retry_after(answer) or _pause(attempt))
            else:
                return self._result(answer)
        raise UnreachableError(self._url, f"no answer in {TRIES} tries")

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        sent = dict(headers or {})
        if self._access:
            sent["Authorization"] = f"Bearer {self._access}"
        return await self._http.request(method, f"/api/v1{path}", headers=sent, **options)

    async def _renew(self) -> None:
        body = {"refresh_token": self._refresh}
        self._access = ""
        answer = await self._send("POST", "/auth/refresh", json=body)
        self._keep(self._result(answer))

    def _keep(self, tokens: Mapping[str, Any]) -> None:
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]

    def _result(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            body = answer.json() if answer.content else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise UnreachableError(self._url, f"status {answer.status_code}, but not the API")
        if answer.is_success:
            return cast("dict[str, Any]", body)
        if answer.status_code >= 500 and "code" not in body:
            raise UnreachableError(self._url, f"status {answer.status_code}")
        if answer.status_code == 401 and self._access and not self._refresh:
            raise NotSignedIn(
                f"{self._url} does not accept the token: it is wrong, expired or revoked."
                " Next: make a new one in the dashboard, then astrocloud login."
            )
        raise _refused(answer.status_code, body)

    async def _wait_or_give_up(self, attempt: int, error: httpx.TransportError) -> None:
        if attempt == TRIES - 1 or (isinstance(error, httpx.ConnectError) and not self._access):
            raise UnreachableError(self._url, _reason(error)) from None
        await self._sleep(_pause(attempt))


async def _chunks(path: Path, told: Progress) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            sent += len(chunk)
            told(sent)


def _check_upload(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    code = answer.headers.get("x-ms-error-code", "") or f"status {answer.status_code}"
    detail = f"The upload was refused ({code}). Run the command again for a fresh address."
    raise RefusedError(answer.status_code, "upload_refused", "The upload was refused", detail)


def _refused(status: int, body: Mapping[str, Any]) -> RefusedError:
    detail = str(body.get("detail") or body.get("title") or f"status {status}")
    # Other codes speak of one field, and their detail says everything about it.
    problems = body.get("fields") if body.get("code") in GENERAL_CODES else None
    for problem in problems or []:
        detail += f" ({problem.get('field')}: {problem.get('reason')})"
    title = str(body.get("title") or "The platform refused this")
    return RefusedError(status, str(body.get("code") or "refused"), title, detail)


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), LONGEST_WAIT) if text.isdecimal() else 0.0


def _pause(attempt: int) -> float:
    return min(0.25 * 2.0**attempt, 4.0)


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "connection refused"
    return "time-out" if isinstance(error, httpx.TimeoutException) else type(error).__name__
