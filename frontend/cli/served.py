"""Whether visitors already get a release: its address and its permalink answer alike.

A site's pages have tags of their contents, which have to be the same. A server's answers are its
own business: there the status tells a host with a route from one without. A route takes effect
within the gateway's bound, a moment after the deployment is ready. Who is told that a site is live
should find it so.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from frontend.cli.api import Api

BOUND_SECONDS = 5.0
PAUSE_SECONDS = 0.05


async def until_served(api: Api, deployment: Mapping[str, Any]) -> bool:
    """Wait until the address answers with the release; False where it did not within the bound."""
    if not deployment.get("live") or not deployment.get("permalink"):
        return True
    is_server = (deployment.get("build_spec") or {}).get("kind") == "dynamic"
    look = api.status_of if is_server else api.tag_of
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                expected = await look(deployment["permalink"])
                if expected and expected == await look(deployment["url"]):
                    return True
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return False
