"""Apps that do not come up: a code and a reason to act on, and what was live serves on."""

from typing import Any

import pytest

from tests.cluster.conftest import MakeSite
from tests.cluster.harness import failures, release_of

QUICK = {"grace_seconds": 3, "period_seconds": 1}
BROKEN = [
    ("exits", {"start": "EXIT=3 node server.js"}, "rollout_crashing", "no database at"),
    ("ends", {"start": "true"}, "rollout_exited", ""),
    ("missing", {"start": "no-such-program"}, "rollout_", "no-such-program"),
    ("memory", {"start": "EAT=400 node server.js"}, "rollout_out_of_memory", "MiB"),
    (
        "port",
        {"start": "LISTEN=9999 node server.js", "readiness": QUICK},
        "rollout_not_listening",
        "PORT",
    ),
    (
        "health",
        {"start": "HEALTH=500 node server.js", "readiness": {**QUICK, "path": "/health"}},
        "rollout_unhealthy",
        "/health",
    ),
]


@pytest.mark.parametrize(
    ("name", "settings", "code", "said"), BROKEN, ids=[name for name, *_ in BROKEN]
)
async def test_an_app_that_does_not_come_up_leaves_the_old_one(
    new_site: MakeSite, image: str, name: str, settings: dict[str, Any], code: str, said: str
) -> None:
    site = await new_site(f"bad-{name}")
    first = await site.live(image)
    async with site.visitors(2, pause=0.05) as seen:
        failed = await site.deploy(image, **settings)
    assert failed["state"] == "failed"
    assert failed["failure"]["code"].startswith(code), failed["failure"]
    told = str(failed["failure"])
    print(name, told)
    assert said in told, told
    assert set(seen) == {first["release_id"]}, seen
    assert not failures(seen)
    await site.until_only(first["release_id"])
    assert release_of(failed) != first["release_id"]


async def test_an_app_that_is_slow_to_start_is_waited_for(new_site: MakeSite, image: str) -> None:
    site = await new_site("slow")
    first = await site.live(image)
    async with site.visitors(2, pause=0.05) as seen:
        liveness = {"period_seconds": 1, "failures": 1, "grace_seconds": 60}
        second = await site.live(
            image,
            start="LATE=15000 node server.js",
            readiness={"grace_seconds": 60},
            liveness=liveness,
        )
    assert set(seen) <= {first["release_id"], second["release_id"]}, seen
    assert (await site.workload())["replicas"][0]["restarts"] == 0
