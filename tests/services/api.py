"""The API of a running stack as a user's program speaks to it: through the gateway, signed in."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.services.stack import Stack


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """An archive with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@asynccontextmanager
async def signed_in(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, signed in as the local developer."""
    address = f"http://127.0.0.1:{stack.ports['gateway']}/api/v1/"
    host = {"Host": f"localhost:{stack.ports['gateway']}"}
    async with httpx.AsyncClient(
        base_url=address, headers=host, trust_env=False, timeout=30
    ) as client:
        answer = await client.post("auth/development", json={"ticket": stack.ticket()})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        client.cookies.clear()
        yield client


async def upload(
    client: httpx.AsyncClient, stack: Stack, project_id: str, archive: bytes
) -> dict[str, Any]:
    """Send an archive through the gateway; the body that asks for its deployment."""
    body: dict[str, Any] = {"size": len(archive), "format": "zip"}
    place = (await client.post(f"projects/{project_id}/uploads", json=body)).json()
    path = place["url"].removeprefix(stack.platform_url)
    sent = await client.put(
        f"http://127.0.0.1:{stack.ports['gateway']}{path}",
        content=archive,
        headers=place["headers"],
    )
    assert sent.status_code == 201, sent.text
    return {"source": {"type": "upload", "upload_id": place["id"]}}


async def ended(client: httpx.AsyncClient, deployment: str, seconds: float) -> dict[str, Any]:
    """A deployment once it has ended; raises TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            found: dict[str, Any] = (await client.get(f"deployments/{deployment}")).json()
            if found["finished_at"]:
                return found
            await asyncio.sleep(0.02)


async def visit(stack: Stack, slug: str, path: str = "/") -> httpx.Response:
    """What a visitor of a project's site gets."""
    address = f"http://127.0.0.1:{stack.ports['gateway']}{path}"
    host = {"Host": stack.site_url(slug).removeprefix("http://")}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as visitor:
        return await visitor.get(address, headers=host)
