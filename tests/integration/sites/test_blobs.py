"""The blob client against a real Azurite."""

import asyncio
import io
import socket
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import pytest

from shared.clients.blobs import BlobChanged, BlobMissing, Blobs, BlobTooLarge, StorageRefused
from shared.config import MissingSetting
from shared.errors import Unavailable
from tests.services.handles import Azurite


def name() -> str:
    return f"{uuid4()}/x y/ü"


async def content(blobs: Blobs, blob: str, container: str = "objects") -> bytes | None:
    found = await blobs.read(container, blob)
    return found.data if found else None


@pytest.mark.parametrize("size", [0, 10, 5 * 1024 * 1024, 20 * 1024 * 1024])
async def test_a_new_blob_is_created_once_and_never_changed(blobs: Blobs, size: int) -> None:
    blob = name()
    assert await blobs.upload_new("objects", blob, bytes(size))
    assert not await blobs.upload_new("objects", blob, b"other")
    assert not await blobs.upload_new("objects", blob, io.BytesIO(b"other"))
    assert await content(blobs, blob) == bytes(size)


@pytest.mark.parametrize("size", [0, 10, 20 * 1024 * 1024])
async def test_a_new_blob_is_created_from_a_file(blobs: Blobs, size: int) -> None:
    blob = name()
    assert await blobs.upload_new("objects", blob, io.BytesIO(b"1" * size))
    assert await content(blobs, blob) == b"1" * size


async def test_twins_that_create_the_same_large_blob_at_once_both_succeed(blobs: Blobs) -> None:
    blob, data = name(), b"2" * (12 * 1024 * 1024)
    results = await asyncio.gather(
        *(blobs.upload_new("objects", blob, io.BytesIO(data)) for _ in range(4))
    )
    assert any(results)
    assert await content(blobs, blob) == data


async def test_a_conditional_write_replaces_only_the_version_that_it_names(blobs: Blobs) -> None:
    blob = name()
    first = await blobs.upload("manifests", blob, b"1", if_absent=True)
    second = await blobs.upload("manifests", blob, b"2", if_match=first)
    with pytest.raises(BlobChanged):
        await blobs.upload("manifests", blob, b"3", if_match=first)
    with pytest.raises(BlobChanged):
        await blobs.upload("manifests", blob, b"3", if_absent=True)
    found = await blobs.read("manifests", blob)
    assert found is not None
    assert (found.data, found.etag) == (b"2", second)


async def test_what_is_absent_is_none_and_deleting_it_says_so(blobs: Blobs) -> None:
    blob = name()
    assert await blobs.read("objects", blob) is None
    assert await blobs.properties("objects", blob) is None
    assert not await blobs.delete("objects", blob)
    await blobs.upload_new("objects", blob, b"123")
    found = await blobs.properties("objects", blob)
    assert found is not None
    assert found.size == 3
    assert await blobs.delete("objects", blob)
    assert await blobs.properties("objects", blob) is None


async def test_a_download_tells_how_far_it_is_and_keeps_its_bound(blobs: Blobs) -> None:
    blob, data = name(), bytes(range(256)) * 40_000
    await blobs.upload_new("staging", blob, data)
    seen: list[tuple[int, int]] = []

    async def progress(done: int, total: int) -> None:
        seen.append((done, total))

    file = io.BytesIO()
    size = await blobs.download("staging", blob, file, max_bytes=len(data), progress=progress)
    assert (size, file.getvalue()) == (len(data), data)
    assert seen[-1] == (len(data), len(data))
    assert len(seen) > 1
    with pytest.raises(BlobTooLarge, match="at most 1,000"):
        await blobs.download("staging", blob, io.BytesIO(), max_bytes=1000)
    with pytest.raises(BlobMissing):
        await blobs.download("staging", name(), io.BytesIO(), max_bytes=1)


async def test_an_upload_signature_writes_its_blob_and_nothing_else(
    blobs: Blobs, azurite: Azurite
) -> None:
    mine, other = str(uuid4()), str(uuid4())
    soon = datetime.now(UTC) + timedelta(minutes=5)
    signature = blobs.upload_signature("staging", mine, soon)
    past = blobs.upload_signature("staging", mine, soon - timedelta(hours=1))
    headers = {"x-ms-blob-type": "BlockBlob"}
    url = f"{azurite.blob_endpoint}/staging"
    async with aiohttp.ClientSession(headers=headers) as session:

        async def status(method: str, address: str) -> int:
            async with session.request(method, address, data=b"1") as answer:
                return answer.status

        assert await status("PUT", f"{url}/{mine}?{signature}") == 201
        assert await status("GET", f"{url}/{mine}?{signature}") == 403
        assert await status("DELETE", f"{url}/{mine}?{signature}") == 403
        assert await status("PUT", f"{url}/{other}?{signature}") == 403
        assert await status("PUT", f"{url}/{mine}?{past}") == 403
    assert await content(blobs, mine, "staging") == b"1"


async def test_containers_are_made_once(blobs: Blobs) -> None:
    container = f"c{uuid4().hex}"
    await blobs.ensure_containers([container])
    await blobs.ensure_containers([container])
    assert await blobs.upload_new(container, "x", b"1")


async def test_a_container_that_is_missing_is_an_error_of_ours(blobs: Blobs) -> None:
    with pytest.raises(BlobMissing, match="nowhere/x"):
        await blobs.upload_new("nowhere", "x", b"1")


async def test_a_wrong_key_is_refused_without_telling_it(azurite: Azurite) -> None:
    key = "d3Jvbmc="
    client = Blobs(azurite.connection_string.replace(azurite.key, key))
    with pytest.raises(StorageRefused) as caught:
        await client.upload_new("objects", "x", b"1")
    with pytest.raises(StorageRefused):
        await client.read("objects", "x")
    assert "sig=" not in caught.value.detail
    assert key not in repr(client)
    await client.close()


async def test_storage_that_is_away_is_unavailable(azurite: Azurite) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    client = Blobs(
        f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={azurite.key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/a;"
    )
    for call in (client.ping(), client.upload_new("objects", "x", b"1")):
        with pytest.raises(Unavailable):
            await call
    await client.close()


async def test_a_ping_is_answered(blobs: Blobs) -> None:
    assert await blobs.ping() is None  # type: ignore[func-returns-value]


async def test_a_closed_client_opens_again(blobs: Blobs) -> None:
    blob = name()
    await blobs.upload_new("objects", blob, b"1")
    await blobs.close()
    assert await content(blobs, blob) == b"1"


@pytest.mark.parametrize(
    "text", ["", "UseDevelopmentStorage=true", "AccountName=a;BlobEndpoint=http://x/a"]
)
def test_a_connection_string_without_a_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(MissingSetting, match="AzureWebJobsStorage"):
        Blobs(text)
