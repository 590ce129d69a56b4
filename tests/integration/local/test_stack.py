"""The stack comes up whole, serves its sites, and every service comes back when it is killed."""

import asyncio

import httpx
import pytest

from infrastructure.local.nodes import Service
from infrastructure.local.stack import compose
from tests.services.stack import Stack


async def _answer(stack: Stack, url: str) -> httpx.Response:
    """A GET to a host that only browsers resolve to this machine."""
    parts = httpx.URL(url)
    gateway = f"http://127.0.0.1:{stack.ports['gateway']}{parts.path}"
    async with httpx.AsyncClient() as client:
        return await client.get(gateway, headers={"Host": parts.netloc.decode()})


async def test_the_sample_site_and_the_status_page_are_online(stack: Stack) -> None:
    sample = await _answer(stack, stack.site_url("hello") + "/")
    status = await _answer(stack, stack.platform_url + "/")
    assert sample.status_code == 200
    assert "Hello" in sample.text
    assert status.status_code == 200
    assert "AstroCloud" in status.text


async def test_a_ticket_signs_in_once(stack: Stack) -> None:
    ticket = stack.ticket()
    async with httpx.AsyncClient(base_url=stack.platform_url) as client:
        headers = {"Origin": stack.platform_url}
        first, second = [
            await client.post("/api/v1/auth/development", json={"ticket": ticket}, headers=headers)
            for _ in range(2)
        ]
    assert first.status_code == 200
    assert second.status_code == 401


@pytest.mark.parametrize(
    "name",
    ["postgres", "valkey", "kafka", "azurite", "webpubsub", "api", "admin", "worker", "gateway"],
)
async def test_a_killed_service_comes_back_and_the_platform_is_whole(
    stack: Stack, name: str
) -> None:
    if name not in [n.name for n in compose(stack.installation) if isinstance(n, Service)]:
        pytest.skip(f"{name} is not ours to kill: KAFKA_BROKERS names another broker")
    service = stack.service(name)
    before = service.restarts
    await service.until_back(service.kill())
    assert service.restarts > before
    async with asyncio.timeout(60):
        ready = f"{stack.platform_url}/api/v1/health/ready"
        while (await _answer(stack, ready)).is_error:
            await asyncio.sleep(0.1)
    assert (await _answer(stack, stack.site_url("hello") + "/")).status_code == 200
