"""The gateway's fixtures: one for most tests, others made where a test needs its own."""

import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.storage.blob.aio import BlobServiceClient

from tests.gateway.harness import Gateway, Valve, running
from tests.gateway.sites import Store
from tests.services.handles import Azurite


@pytest.fixture(scope="session")
async def store(azurite: Azurite) -> AsyncIterator[Store]:
    """Blob with the platform's containers."""
    blocks: dict[str, Any] = {"max_single_put_size": 512 * 1024, "max_block_size": 512 * 1024}
    text = azurite.connection_string
    async with BlobServiceClient.from_connection_string(text, **blocks) as service:
        made = Store(service)
        await made.make_containers()
        yield made


@pytest.fixture(scope="session")
async def gateway(azurite: Azurite, store: Store) -> AsyncIterator[Gateway]:
    """A gateway with the settings of most tests."""
    async with running(**identity(azurite)) as started:
        yield started


@pytest.fixture
async def valve(azurite: Azurite) -> AsyncIterator[Valve]:
    """A way to Blob that a test may close."""
    port = urlsplit(azurite.blob_endpoint).port
    assert port is not None
    made = Valve(port)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def host() -> str:
    """A tenant's host that no other test uses."""
    return f"site-{uuid.uuid4().hex[:12]}.apps.localhost"


def identity(azurite: Azurite, valve: Valve | None = None) -> dict[str, str]:
    """The settings by which a gateway reaches Blob, past a valve where there is one."""
    endpoint = azurite.blob_endpoint
    if valve is not None:
        endpoint = f"http://127.0.0.1:{valve.port}{urlsplit(endpoint).path}"
    return {
        "blob_endpoint": endpoint,
        "blob_account": azurite.account,
        "blob_key": azurite.key,
    }
