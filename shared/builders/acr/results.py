"""What a succeeded run left in the registry: the image of a server, or that of a site's files.

A run whose result cannot be used has failed: so it is looked at before anybody is told.
"""

import tempfile
from typing import BinaryIO, cast

from shared.builders.acr import names
from shared.builders.acr.output import OutputRefused, write_archive
from shared.builders.acr.records import Claim
from shared.builders.acr.registry import Registry
from shared.builders.port import Reason, RunStatus
from shared.errors import NotFound
from shared.sites.models import MIB

_IMAGE_TAG = "run"


class Results:
    """The results in one registry. Each method raises what the registry raises."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def check(self, key: str, claim: Claim, status: RunStatus) -> RunStatus:
        """A succeeded run with what it left; or the failure that this is."""
        if claim.kind == "dynamic":
            return await self._image(claim, status)
        try:
            with tempfile.TemporaryFile() as nothing:
                await self._write(key, claim, cast(BinaryIO, nothing))
        except OutputRefused as refused:
            return _failed(status, refused.reason, refused.detail)
        return status

    async def write_output(self, key: str, claim: Claim, target: BinaryIO) -> None:
        """Write the archive of a site's files; raises NotFound where they are deleted."""
        if await self._registry.image(names.output_repository(key), _IMAGE_TAG) is None:
            raise NotFound(f"The output of the run {key} is kept no longer")
        await self._write(key, claim, target)

    async def delete_output(self, key: str) -> None:
        """Delete the files of a site; silent where they are gone."""
        await self._registry.delete_repository(names.output_repository(key))

    async def delete_image(self, image: str) -> None:
        """Delete the image of a server; silent where it is gone, or of another registry."""
        host, _, rest = image.partition("/")
        repository, _, digest = rest.partition("@")
        if host == self._registry.login_server and repository and digest:
            await self._registry.delete_image(repository, digest)

    async def _write(self, key: str, claim: Claim, target: BinaryIO) -> None:
        repository = names.output_repository(key)
        await write_archive(
            self._registry, repository, _IMAGE_TAG, target, claim.bounds, claim.output
        )

    async def _image(self, claim: Claim, status: RunStatus) -> RunStatus:
        host = self._registry.login_server
        repository, _, tag = claim.image.removeprefix(f"{host}/").rpartition(":")
        image = await self._registry.image(repository, tag)
        if image is None:
            detail = "The image is not in the registry. Next: deploy again."
            return _failed(status, "image_not_pushed", detail)
        most = claim.bounds.image_bytes
        if image.bytes > most:
            await self._registry.delete_image(repository, image.digest)
            detail = (
                f"The image has {image.bytes // MIB} MiB; {most // MIB} MiB are allowed."
                " Next: copy less into it, or build on a smaller base image."
            )
            return _failed(status, "image_too_large", detail)
        reference = f"{host}/{repository}@{image.digest}"
        return status.model_copy(update={"image": reference, "image_bytes": image.bytes})


def _failed(status: RunStatus, reason: Reason, detail: str) -> RunStatus:
    told = {"state": "failed", "reason": reason, "detail": detail}
    return status.model_copy(update=told)
