"""Replicas follow requests in flight and measured CPU, between their bounds."""

import asyncio

from tests.cluster.conftest import MakeSite
from tests.cluster.harness import SECONDS, Site, failures

MOST = 3


async def until_replicas(site: Site, check: str, count: int) -> None:
    """The cluster wants so many replicas, at least or at most."""

    def fits(found: dict[str, object]) -> bool:
        wanted = found["wanted"]
        assert isinstance(wanted, int)
        assert wanted <= MOST, "above the maximum"
        return wanted >= count if check == "least" else wanted <= count

    await site.until_runs(fits)


async def test_requests_in_flight_add_replicas_up_to_the_maximum_and_go_again(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("in-flight")
    scaling = {"minimum": 1, "maximum": MOST, "requests_per_replica": 2, "cpu_percent": 95}
    await site.live(image, scaling=scaling)
    # Twelve requests are in flight all the time: six replicas' worth.
    async with site.visitors(12, "/wait?ms=1000", pause=0) as seen:
        await until_replicas(site, "least", MOST)
        await site.until_runs(lambda found: found["ready"] == MOST)
        assert len(await site.pods()) == MOST
    assert not failures(seen), seen
    # The gateway's last reports still tell of them, so the floor may be set once more.
    async with asyncio.timeout(SECONDS):
        while (await site.workload())["wanted"] != 1:
            await site.change(
                "UPDATE workloads SET floor_until = now(), due_at = now() WHERE project_id = %s"
            )
            await asyncio.sleep(1)


async def test_a_processor_that_is_busy_adds_replicas_up_to_the_maximum(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("busy")
    scaling = {"minimum": 1, "maximum": 2, "cpu_percent": 50, "requests_per_replica": 1000}
    await site.live(image, scaling=scaling)
    async with site.visitors(2, "/burn?ms=100", pause=0) as seen:
        await site.until_runs(lambda found: found["ready"] == 2)
        spec = (await site.objects("hpa"))[0]["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 2)
    assert not failures(seen), seen
