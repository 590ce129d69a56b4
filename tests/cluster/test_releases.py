"""No visitor sees anything of releases and rollbacks (P10)."""

import asyncio

from tests.cluster.conftest import MakeSite
from tests.cluster.harness import SECONDS, failures, kubectl

REQUESTS = 10_000


async def test_no_request_fails_during_three_releases_and_a_rollback(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("turns")
    first = await site.live(image)
    async with site.visitors(16, pause=0) as seen:
        releases = [(await site.live(image))["release_id"] for _ in range(3)]
        await site.client.post(f"projects/{site.project}/rollback", json={})
        await site.until_answers(releases[1])
        async with asyncio.timeout(SECONDS):
            while seen.total() < REQUESTS:
                await asyncio.sleep(0.1)
    print(seen.total(), "requests:", dict(seen))
    assert not failures(seen), seen
    assert set(seen) == {first["release_id"], *releases}


async def test_a_deleted_project_leaves_nothing_in_the_cluster(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("leaves")
    first = await site.live(image)
    second = await site.live(image)
    await site.until_only(first["release_id"], second["release_id"])
    await site.client.delete(f"projects/{site.project}")
    space = f"namespace/project-{site.project}"
    async with asyncio.timeout(SECONDS):
        while space in await kubectl("get", "namespaces", "--output", "name"):
            await asyncio.sleep(0.5)
