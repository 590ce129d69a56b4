"""Images of registries: tags that move, and what cannot be had."""

import os

from tests.cluster.conftest import SILENT, MakeSite
from tests.cluster.images import built


async def test_a_tag_that_moved_is_another_digest_when_it_is_deployed_again(
    new_site: MakeSite,
) -> None:
    site = await new_site("moves")
    reference = built("moves", "before")
    first = await site.live(reference)
    before = await site.images()
    built("moves", "after")
    second = await site.live(reference)
    after = await site.images()
    assert first["release_id"] != second["release_id"]
    assert all("@sha256:" in name for name in (*before, *after))
    assert before < after, "the old release is kept with its own digest"


async def test_an_image_that_is_not_there_is_told_before_anything_runs(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("nowhere")
    first = await site.live(image)
    for name in ("app:no-such-tag", "nobody:1"):
        failed = await site.deploy(f"{os.environ['TEST_REGISTRY']}/cluster/{name}")
        assert failed["failure"]["code"] == "image_not_found"
        assert name in failed["failure"]["detail"]
    await site.until_answers(first["release_id"])
    await site.until_only(first["release_id"])


async def test_a_registry_that_does_not_answer_is_tried_again_and_named(
    new_site: MakeSite, image: str
) -> None:
    site = await new_site("silent")
    first = await site.live(image)
    begun = await site.begin(f"{SILENT}/cluster/app:1")
    log = f"deployments/{begun['id']}/logs"
    await site.until(log, lambda page: "It is tried again" in str(page))
    # Its last try comes now.
    await site.change(
        "UPDATE deployments SET attempt = 7, due_at = now()"
        " WHERE project_id = %s AND state = 'fetching'"
    )
    failed = await site.ended(begun)
    assert failed["failure"]["code"] == "host_unreachable", failed["failure"]
    assert SILENT in failed["failure"]["detail"]
    await site.until_answers(first["release_id"])
