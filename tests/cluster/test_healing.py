"""A replica that dies is replaced, and its owner is told."""

from tests.cluster.conftest import MakeSite
from tests.cluster.harness import answer_of, kubectl


async def test_a_pod_that_is_gone_is_replaced(new_site: MakeSite, image: str) -> None:
    site = await new_site("gone")
    deployment = await site.live(image)
    before = (await site.pods())[0]["metadata"]["name"]
    space = ("--namespace", f"project-{site.project}")
    await kubectl("delete", "pod", before, *space, "--grace-period=0", "--force")
    await site.until_runs(
        lambda found: found["ready"] == 1 and before not in {r["name"] for r in found["replicas"]}
    )
    await site.until_answers(deployment["release_id"])


async def test_a_process_that_dies_is_started_again_and_told(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("dies")
    deployment = await site.live(image)
    async with site.visitor() as visitor:
        assert (await answer_of(visitor, "/exit?code=7")).startswith("failed")
    found = await site.until_runs(
        lambda found: found["ready"] == 1 and found["replicas"][0]["restarts"] > 0
    )
    assert found["replicas"][0]["last_exit_code"] == 7
    await site.until_answers(deployment["release_id"])
    page = await site.until(
        f"projects/{site.project}/logs",
        lambda page: any(
            item["source"] == "platform" and "7" in item["text"] for item in page["items"]
        ),
    )
    assert page["items"]
