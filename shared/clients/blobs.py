"""Blob Storage: one class over the SDK, with the SDK's errors turned into ours.

What is stored where, and under which names, is the domains' business. New blobs, of which a
publish creates thousands, take a short way through azure-core (see ``_Creation``); everything
else is the storage SDK as it is. The SDK is imported on first use: it costs half a second.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlsplit

from shared.config import MissingSetting
from shared.errors import AstroCloudError, Conflict, NotFound, TooLarge, Unavailable

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from azure.storage.blob.aio import BlobClient

_TRIES = 3
_SIGNATURE_LIFE = timedelta(hours=2)
_PIECE = 4 * 1024 * 1024
_CHUNK = 256 * 1024
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_EXISTS = frozenset({"BlobAlreadyExists", "ConditionNotMet"})

OBJECTS, MANIFESTS, ROUTES, STAGING = "objects", "manifests", "routes", "staging"
CONTAINERS = (OBJECTS, MANIFESTS, ROUTES, STAGING)


class BlobChanged(Conflict):
    """A conditional write found another version of the blob."""

    code, title = "blob_changed", "Somebody else wrote this first"


class BlobMissing(NotFound):
    """The blob to be read is not there."""

    code, title = "blob_missing", "The stored file is not there"


class BlobTooLarge(TooLarge):
    """The blob is larger than its reader accepts."""

    code, title = "blob_too_large", "The stored file is too large"


class StorageRefused(AstroCloudError):
    """Blob Storage answers, but does not do it: trying again does not help."""

    code, title = "storage_refused", "Blob Storage refused the request"


@dataclass(frozen=True, slots=True)
class BlobContent:
    """The bytes of a small blob and the version that they are."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BlobProperties:
    """What is known of a blob without reading it."""

    size: int
    etag: str
    modified_at: datetime


class Blobs:
    """The one pooled client of a storage account; opened on first use, closed once."""

    def __init__(self, connection_string: str, connections: int = 32) -> None:
        """Take a connection string with an account key; raises MissingSetting without one."""
        self._connection_string = connection_string
        self._account, self._key = _credentials(connection_string)
        self._connections = connections
        self._opened: _Opened | None = None

    async def upload_new(self, container: str, name: str, data: bytes | BinaryIO) -> bool:
        """Create a blob that never changes; True when it was not there, which is no error."""
        return await self._clients().creation.put(container, name, _Body(data))

    async def upload(
        self,
        container: str,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        content_type: str = "application/json",
    ) -> str:
        """Write a blob and return its ETag; raises BlobChanged where a condition does not hold."""
        from azure.core import MatchConditions
        from azure.storage.blob import ContentSettings

        condition: dict[str, Any] = {}
        if if_match is not None:
            condition = {"etag": if_match, "match_condition": MatchConditions.IfNotModified}
        async with _errors(f"{container}/{name}"):
            answer = await (
                self._clients()
                .blob(container, name)
                .upload_blob(
                    data,
                    overwrite=not if_absent,
                    content_settings=ContentSettings(content_type=content_type),
                    **condition,
                )
            )
        return str(answer["etag"])

    async def read(self, container: str, name: str) -> BlobContent | None:
        """The bytes and the ETag of a small blob, None where it is absent."""
        try:
            async with _errors(f"{container}/{name}"):
                stream = await self._clients().blob(container, name).download_blob()
                return BlobContent(await stream.readall(), str(stream.properties.etag))
        except BlobMissing:
            return None

    async def download(
        self,
        container: str,
        name: str,
        file: BinaryIO,
        *,
        max_bytes: int,
        progress: Callable[[int, int], Awaitable[None]] | None = None,
    ) -> int:
        """Copy a blob into a file and return its size; ``progress`` gets (bytes so far, all).

        Raises BlobMissing, and BlobTooLarge before anything is read.
        """
        async with _errors(f"{container}/{name}"):
            stream = await self._clients().blob(container, name).download_blob(max_concurrency=2)
            if stream.size > max_bytes:
                raise BlobTooLarge(
                    f"{container}/{name} has {stream.size:,} bytes, at most {max_bytes:,} are"
                    " accepted: send less"
                )
            done = 0
            async for chunk in stream.chunks():
                await asyncio.to_thread(file.write, chunk)
                done += len(chunk)
                if progress:
                    await progress(done, stream.size)
        return done

    async def properties(self, container: str, name: str) -> BlobProperties | None:
        """Size, version and age of a blob, None where it is absent."""
        try:
            async with _errors(f"{container}/{name}"):
                found = await self._clients().blob(container, name).get_blob_properties()
        except BlobMissing:
            return None
        return BlobProperties(found.size, str(found.etag), found.last_modified)

    async def delete(self, container: str, name: str) -> bool:
        """Remove a blob; False when it was not there."""
        try:
            async with _errors(f"{container}/{name}"):
                await self._clients().blob(container, name).delete_blob()
        except BlobMissing:
            return False
        return True

    def upload_signature(self, container: str, name: str, expires_at: datetime) -> str:
        """A query string with which its holder may write this one blob, and nothing else."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        endpoint = self._clients().service.url
        return generate_blob_sas(
            self._account,
            container,
            name,
            account_key=self._key,
            permission=BlobSasPermissions(create=True, write=True),
            expiry=expires_at,
            protocol="https" if urlsplit(endpoint).scheme == "https" else "https,http",
        )

    async def ensure_containers(self, names: Iterable[str]) -> None:
        """Create the containers that are not there yet; none is public."""
        for name in names:
            try:
                async with _errors(name):
                    await self._clients().service.create_container(name)
            except BlobChanged:
                continue

    async def ping(self) -> None:
        """Ask for one small thing; raises Unavailable."""
        try:
            async with asyncio.timeout(3), _errors("the account"):
                await self._clients().service.get_account_information()
        except TimeoutError as error:
            raise Unavailable("Blob Storage does not answer: try again in a minute") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.close()

    def _clients(self) -> "_Opened":
        if self._opened is None:
            self._opened = _Opened(
                self._connection_string, self._account, self._key, self._connections
            )
        return self._opened

    def __repr__(self) -> str:
        return f"Blobs({self._account!r})"


class _Opened:
    """The SDK's clients over one pool of connections."""

    def __init__(self, connection_string: str, account: str, key: str, connections: int) -> None:
        import aiohttp
        from azure.core.pipeline.transport import AioHttpTransport
        from azure.storage.blob.aio import BlobServiceClient, ExponentialRetry

        # The SDK's own session reads .netrc in a thread for every request (trust_env).
        self._session: ClientSession = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._transport = AioHttpTransport(session=self._session, session_owner=False)
        self.service: BlobServiceClient = BlobServiceClient.from_connection_string(
            connection_string,
            transport=self._transport,
            # The SDK waits for 15 s before it tries again; our callers come back by themselves.
            retry_policy=ExponentialRetry(
                initial_backoff=1, increment_base=2, retry_total=_TRIES, random_jitter_range=1
            ),
            connection_timeout=5,
            max_single_get_size=_PIECE,
            max_chunk_get_size=_PIECE,
        )
        self.creation = _Creation(self.service.url, account, key, self._transport)

    def blob(self, container: str, name: str) -> "BlobClient":
        return self.service.get_blob_client(container, name)

    async def close(self) -> None:
        await self.service.close()
        await self._session.close()


class _Creation:
    """Put Blob with ``If-None-Match: *`` at less than half of the CPU of ``upload_blob``.

    ``upload_blob`` builds a client and runs a dozen policies and an HMAC for each blob: 1.3 ms
    of CPU against 0.5 ms here, where a request is signed by a container's signature made once.
    Only azure-core's public parts are used.
    """

    def __init__(self, url: str, account: str, key: str, transport: Any) -> None:
        from azure.core import AsyncPipelineClient
        from azure.core.pipeline.policies import AsyncRetryPolicy

        self._url = url.rstrip("/")
        self._account, self._key = account, key
        retry: AsyncRetryPolicy[Any, Any] = AsyncRetryPolicy(
            retry_total=_TRIES, retry_backoff_factor=0.2
        )
        self._client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
            self._url, policies=[retry], transport=transport
        )
        self._signatures: dict[str, tuple[datetime, str]] = {}

    async def put(self, container: str, name: str, body: "_Body") -> bool:
        from azure.core.rest import HttpRequest

        request = HttpRequest(
            "PUT",
            f"{self._url}/{container}/{quote(name)}?{self._signature(container)}",
            content=body.content,
            headers={
                "Content-Length": str(body.size),
                "x-ms-blob-type": "BlockBlob",
                "If-None-Match": "*",
                "Content-Type": "application/octet-stream",
            },
        )
        async with _errors(f"{container}/{name}"):
            answer = await self._client.send_request(request)
        if answer.status_code == 201:
            return True
        code = answer.headers.get("x-ms-error-code", "")
        if code in _EXISTS:
            return False
        raise _error(f"{container}/{name}", answer.status_code, code)

    def _signature(self, container: str) -> str:
        now = datetime.now(UTC)
        expires_at, signature = self._signatures.get(container, (now, ""))
        if expires_at - now < _SIGNATURE_LIFE / 2:
            from azure.storage.blob import ContainerSasPermissions, generate_container_sas

            expires_at = now + _SIGNATURE_LIFE
            signature = generate_container_sas(
                self._account,
                container,
                account_key=self._key,
                permission=ContainerSasPermissions(create=True, write=True),
                expiry=expires_at,
            )
            self._signatures[container] = (expires_at, signature)
        return signature


class _Body:
    """What is sent: small bytes as they are, others piece by piece, anew for every try."""

    def __init__(self, data: bytes | BinaryIO) -> None:
        self._file = io.BytesIO(data) if isinstance(data, bytes) else data
        self.size = len(data) if isinstance(data, bytes) else data.seek(0, io.SEEK_END)
        small = isinstance(data, bytes) and self.size <= _CHUNK
        self.content: Any = data if small else self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(_CHUNK):
            yield piece


def _credentials(connection_string: str) -> tuple[str, str]:
    parts = dict(p.split("=", 1) for p in connection_string.split(";") if "=" in p)
    if parts.get("UseDevelopmentStorage", "").lower() == "true" or not (
        parts.get("AccountName") and parts.get("AccountKey")
    ):
        raise MissingSetting(
            "AzureWebJobsStorage names no AccountName and AccountKey: take the connection string"
            " of the storage account from the portal"
        )
    return parts["AccountName"], parts["AccountKey"]


def _error(thing: str, status: int | None, code: str) -> AstroCloudError:
    if status in _BUSY or status is None:
        return Unavailable(f"Blob Storage does not serve {thing} right now: try again later")
    if status == 404:
        return BlobMissing(f"{thing} is not in Blob Storage ({code or status}): send it again")
    if code in _EXISTS or code == "ContainerAlreadyExists" or status in (409, 412):
        return BlobChanged(f"{thing} was written by somebody else: read it again")
    return StorageRefused(
        f"Blob Storage refused {thing} ({code or status}): check the account's key and network"
    )


@asynccontextmanager
async def _errors(thing: str) -> AsyncIterator[None]:
    """Turn the SDK's errors into ours; their texts hold URLs with signatures and are dropped."""
    from azure.core import exceptions as sdk

    try:
        yield
    except sdk.HttpResponseError as error:
        code = getattr(error, "error_code", None) or ""
        raise _error(thing, error.status_code, str(getattr(code, "value", code))) from None
    except sdk.AzureError:
        raise _error(thing, None, "") from None
