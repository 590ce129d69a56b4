"""An image that a user named: its tag is resolved once, to a digest that nothing changes."""

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.crypto import Crypto
from shared.deployments.outcomes import Claim
from shared.detection.build_spec import BuildSpec, Reason
from shared.detection.settings import BuildSettings
from shared.errors import ValidationFailed
from shared.plans.limits import IMAGE_BYTES, value_of
from shared.projects.registry import pull_secret_of
from shared.sources.guard import Credentials, Guard
from shared.sources.image_reference import parse_reference
from shared.sources.images import FoundImage, find_image


class ImageTooLarge(ValidationFailed):
    """An image above the plan's bound."""

    code, title = "image_too_large", "The image is too large"


class ImageLookup:
    """Asks registries over the guard, with the project's credentials where they are for it."""

    def __init__(self, guard: Guard, crypto: Crypto) -> None:
        self._guard = guard
        self._crypto = crypto

    async def find(self, claim: Claim) -> Mapping[str, Any]:
        """The source with what is known of the image now."""
        row = claim.row
        reference = parse_reference(row["source"]["reference"])
        secret = pull_secret_of(self._crypto, row)
        credentials = Credentials(secret.username, secret.password) if secret else None
        claim.log.write(f"Looking up {reference}")
        work = asyncio.to_thread(find_image, reference, self._guard, credentials)
        found: FoundImage = await claim.keep_while(work)
        most = value_of(IMAGE_BYTES, row["account_limits"])
        if found.bytes > most:
            raise ImageTooLarge(
                f"{reference} has {found.bytes:,} bytes, and the plan allows {most:,}: make it"
                " smaller, with another base or several stages"
            )
        claim.log.write(f"Image {found.digest}, {found.bytes:,} bytes")
        return {
            **row["source"],
            "image": found.reference,
            "image_bytes": found.bytes,
            "image_is_ours": False,
            "digest": found.digest,
        }


def spec_of(reference: str, project: BuildSettings | None, user: BuildSettings | None) -> BuildSpec:
    """How an image is run: as it says itself, but for what members set."""
    chosen = {
        name: value
        for settings in (project, user)
        if settings is not None
        for name in _SETTINGS
        if (value := getattr(settings, name)) is not None
    }
    text = "the image was given"
    reasons = {"framework": Reason(value="image", origin="user", text=text)}
    reasons["kind"] = Reason(value="dynamic", origin="user", text="an image is run")
    return BuildSpec(framework="image", kind="dynamic", image=reference, reasons=reasons, **chosen)


_SETTINGS = (
    *("start", "port", "release", "release_seconds", "readiness", "liveness", "scaling"),
    *("workers", "schedules", "stop_seconds"),
)
