"""Uploads to `staging` through the gateway, by signed addresses alone."""

import datetime
import uuid

import httpx
import pytest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobServiceClient

from tests.gateway.conftest import identity
from tests.gateway.harness import Gateway, Valve, running
from tests.gateway.sites import Store
from tests.services.handles import Azurite


def signed(azurite: Azurite, name: str, *, container: str = "staging", minutes: int = 5) -> str:
    """The query of an address that may create one blob."""
    return generate_blob_sas(
        azurite.account,
        container,
        name,
        account_key=azurite.key,
        permission=BlobSasPermissions(create=True, write=True),
        expiry=datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes),
    )


async def put(gateway: Gateway, path: str, body: bytes, **headers: str) -> httpx.Response:
    """One PUT to the platform."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.client("localhost") as client:
        return await client.put(path, content=body, headers=named)


async def test_signed_upload_arrives_whole(
    gateway: Gateway, store: Store, azurite: Azurite
) -> None:
    """The bytes stand in `staging`, and no header of Blob's comes back."""
    name, body = uuid.uuid4().hex, b"archive" * 100_000
    answer = await put(gateway, f"/_blob/staging/{name}?{signed(azurite, name)}", body)
    assert answer.status_code == 201
    assert not [header for header in answer.headers if header.startswith("x-ms")]
    assert "etag" not in answer.headers
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        blob = await service.get_blob_client("staging", name).download_blob()
        assert await blob.readall() == body


async def test_headers_of_a_client_do_not_reach_blob(
    gateway: Gateway, store: Store, azurite: Azurite
) -> None:
    """Metadata, tags and an identity of the client's own are left behind."""
    name = uuid.uuid4().hex
    answer = await put(
        gateway,
        f"/_blob/staging/{name}?{signed(azurite, name)}",
        b"x",
        x_ms_blob_type="AppendBlob",
        x_ms_meta_evil="1",
        authorization="SharedKey astrocloud:x",
        x_ms_copy_source="http://127.0.0.1/",
        cookie="session=1",
    )
    assert answer.status_code == 201
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        properties = await service.get_blob_client("staging", name).get_blob_properties()
    assert properties.blob_type == "BlockBlob"
    assert not properties.metadata


async def test_unsigned_and_foreign_addresses_are_refused(
    gateway: Gateway, store: Store, azurite: Azurite
) -> None:
    """No signature, a signature of another blob or time, another container, another operation."""
    name = uuid.uuid4().hex
    query, expired = signed(azurite, name), signed(azurite, name, minutes=-5)
    forbidden = {
        f"/_blob/staging/{name}": 403,
        f"/_blob/staging/{name}?sig=": 403,
        f"/_blob/staging/{name}?{expired}": 403,
        f"/_blob/staging/other?{query}": 403,
        f"/_blob/staging/{name}?{query}&comp=metadata": 403,
        f"/_blob/staging/{name}?{query}&COMP=lease": 403,
        f"/_blob/objects/{name}?{signed(azurite, name, container='objects')}": 404,
        f"/_blob/staging/../objects/{name}?{query}": 404,
        f"/_blob/staging/a/b?{query}": 404,
        f"/_blob?{query}": 404,
        f"/_blobs/staging/{name}?{query}": 404,
    }
    for path, status in forbidden.items():
        answer = await put(gateway, path, b"x")
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["code"] in ("upload_refused", "not_found"), path
        assert "sig" not in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "OPTIONS"])
async def test_an_upload_address_only_takes_a_put(
    gateway: Gateway, azurite: Azurite, method: str
) -> None:
    """Nothing is read, listed or deleted through the gateway."""
    name = uuid.uuid4().hex
    async with gateway.client("localhost") as client:
        answer = await client.request(method, f"/_blob/staging/{name}?{signed(azurite, name)}")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "PUT"


@pytest.mark.parametrize("host", ["admin.localhost", "shop.apps.localhost", "example.com"])
async def test_other_hosts_take_no_uploads(gateway: Gateway, azurite: Azurite, host: str) -> None:
    """Only the platform's host leads to `staging`."""
    async with gateway.client(host) as client:
        answer = await client.put(f"/_blob/staging/x?{signed(azurite, 'x')}", content=b"x")
    assert answer.status_code in (404, 405)


async def test_upload_above_the_bound_is_refused(azurite: Azurite, store: Store) -> None:
    """The bound holds whether the client says its size or not."""
    name = uuid.uuid4().hex
    path = f"/_blob/staging/{name}?{signed(azurite, name)}"
    async with running(**identity(azurite), upload_max_bytes=1000) as gateway:
        assert (await put(gateway, path, b"x" * 1000)).status_code == 201
        answer = await put(gateway, path, b"x" * 1001)
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"
        chunked = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer_bytes = await gateway.raw(
            chunked.encode() + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"
        )
        assert answer_bytes.startswith(b"HTTP/1.1 413 ")


async def test_no_log_ever_holds_a_signature(azurite: Azurite, store: Store, valve: Valve) -> None:
    """Not when it works, not when it is refused, and not while Blob is down."""
    name = uuid.uuid4().hex
    query = signed(azurite, name)
    path = f"/_blob/staging/{name}?{query}"
    async with running(**identity(azurite, valve), upload_max_bytes=1000) as gateway:
        assert (await put(gateway, path, b"x")).status_code == 201
        assert (await put(gateway, path, b"x" * 2000)).status_code == 413
        await gateway.get("localhost", path)
        await gateway.get("example.com", path)
        await gateway.get("localhost", f"/index.html?{query}")
        await gateway.get("localhost", f"/api/v1/me?{query}")
        await gateway.raw(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n".encode())
        await valve.close()
        answer = await put(gateway, path, b"x")
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        await gateway.get("shop.apps.localhost", f"/other.html?{query}")
        await gateway.stop()
        logs = gateway.logs()
    assert f"/_blob/staging/{name}" in logs
    assert "sig=" not in logs
    assert query not in logs
