"""The registry's data: manifests, layers and tags, through ``azure-containerregistry``.

The SDK never renews a refresh token, so a client is thrown away after a while. It is silent where
what is deleted is absent, and deleting a tag leaves the manifest: so manifests are deleted.
"""

import io
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from shared.builders.acr.errors import AzureNotFound, Place, told

if TYPE_CHECKING:
    from azure.containerregistry.aio import ContainerRegistryClient
    from azure.core.credentials_async import AsyncTokenCredential

_ROLE = (
    '"Container Registry Repository Contributor" (a registry with repository permissions), or'
    ' "AcrPush" and "AcrDelete" (any other)'
)
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY, _EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"
_EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
_CLIENT_SECONDS = 1800
_LOCKED = 405


class Layer(NamedTuple):
    """A layer of an image, compressed as its type says."""

    digest: str
    size: int
    type: str


class Image(NamedTuple):
    """An image: its digest, its bytes in the registry and its layers, lowest first."""

    digest: str
    bytes: int
    layers: tuple[Layer, ...]


class Registry:
    """One registry. Each method raises Unavailable, AzureDenied or AzureRefused."""

    def __init__(
        self, login_server: str, credential: "AsyncTokenCredential", options: Mapping[str, Any]
    ) -> None:
        self.login_server = login_server
        self._credential = credential
        self._options = options
        self._place = Place(f"The registry {login_server}", _ROLE)
        self._client: ContainerRegistryClient | None = None
        self._made = 0.0

    async def note(self, repository: str, tag: str) -> str | None:
        """A text that was kept under a tag; None where there is none."""
        manifest = await self._manifest(repository, tag)
        found = manifest and manifest["manifest"].get("annotations", {}).get("astrocloud.note")
        return found if isinstance(found, str) else None

    async def keep_first(self, repository: str, tag: str, text: str) -> str:
        """Keep a text under a tag, unless there is one; the text that is there, for ever.

        A tag can be overwritten until it is locked. So whoever comes writes, locks and then reads:
        what is read after a lock is the same for all.
        """
        found = await self.note(repository, tag)
        if found is None:
            await self._write(repository, tag, text)
        async with self._asked() as client:
            await client.update_tag_properties(repository, tag, can_write=False)
        kept = await self.note(repository, tag)
        return text if kept is None else kept

    async def overwrite(self, repository: str, tag: str, text: str) -> None:
        """Replace a text that was kept, for ever again."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            with suppress(ResourceNotFoundError):
                await client.update_tag_properties(repository, tag, can_write=True)
        await self._write(repository, tag, text)
        async with self._asked() as client:
            await client.update_tag_properties(repository, tag, can_write=False)

    async def forget(self, repository: str, tag: str) -> None:
        """Delete a text, locked or not; silent where it is gone."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                await client.update_tag_properties(repository, tag, can_write=True)
                properties = await client.get_tag_properties(repository, tag)
            except ResourceNotFoundError:
                return
            await client.delete_tag(repository, tag)
            await client.delete_manifest(repository, properties.digest)

    async def tags_before(self, repository: str, before: datetime) -> list[str]:
        """Tags that were last written before a time, the oldest first."""
        found: list[str] = []
        async for tag in self._listed("list_tag_properties", repository):
            if tag.last_updated_on < before:
                found.append(tag.name)
        return found

    async def image(self, repository: str, reference: str) -> Image | None:
        """What a tag or digest names; None where there is nothing."""
        found = await self._manifest(repository, reference)
        if found is None:
            return None
        manifest = found["manifest"]
        layers = tuple(
            Layer(layer["digest"], layer["size"], layer["mediaType"])
            for layer in manifest.get("layers", ())
        )
        size = manifest.get("config", {}).get("size", 0) + sum(layer.size for layer in layers)
        return Image(found["digest"], size, layers)

    async def download(self, repository: str, layer: Layer, target: BinaryIO) -> None:
        """Write a layer as it is stored; its digest is checked."""
        async with self._asked() as client:
            stream = await client.download_blob(repository, layer.digest)
            async for piece in stream:
                target.write(piece)

    async def delete_image(self, repository: str, digest: str) -> None:
        """Delete a manifest with its tags; silent where it is gone."""
        async with self._asked() as client:
            await client.delete_manifest(repository, digest)

    async def delete_repository(self, repository: str) -> None:
        """Delete all of it; silent where it is gone."""
        async with self._asked() as client:
            await client.delete_repository(repository)

    async def delete_untagged(self, repository: str, before: datetime) -> int:
        """Delete manifests that no tag names any more; how many."""
        count = 0
        async for manifest in self._listed("list_manifest_properties", repository):
            if not manifest.tags and manifest.last_updated_on < before:
                await self.delete_image(repository, manifest.digest)
                count += 1
        return count

    async def repositories(self, name: str) -> list[str]:
        """The repositories of that name, or below it."""
        found: list[str] = []
        async with self._asked() as client:
            async for repository in client.list_repository_names():
                if repository == name or repository.startswith(f"{name}/"):
                    found.append(repository)
        return found

    async def size(self, repository: str) -> int:
        """Bytes of all manifests of a repository."""
        total = 0
        async for manifest in self._listed("list_manifest_properties", repository):
            total += manifest.size_in_bytes or 0
        return total

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            # Its ``close`` leaves the connections open that tokens are fetched by.
            await self._client.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
            self._client = None

    async def _listed(self, method: str, repository: str) -> AsyncIterator[Any]:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                items = [item async for item in getattr(client, method)(repository)]
            except ResourceNotFoundError:
                items = []
        for item in items:
            yield item

    async def _manifest(self, repository: str, reference: str) -> dict[str, Any] | None:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                found = await client.get_manifest(repository, reference)
            except ResourceNotFoundError:
                return None
            return {"digest": found.digest, "manifest": found.manifest}

    async def _write(self, repository: str, tag: str, text: str) -> None:
        """A manifest without content that has the text as its annotation."""
        from azure.core.exceptions import HttpResponseError

        empty = {"mediaType": _EMPTY_TYPE, "digest": _EMPTY_DIGEST, "size": len(_EMPTY)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": empty,
            "layers": [empty],
            "annotations": {"astrocloud.note": text},
        }
        data = json.dumps(manifest).encode()
        async with self._asked() as client:
            await client.upload_blob(repository, io.BytesIO(_EMPTY))
            try:
                await client.set_manifest(repository, io.BytesIO(data), tag=tag)
            except HttpResponseError as error:
                # Somebody was faster, and has locked it.
                if error.status_code != _LOCKED:
                    raise

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator["ContainerRegistryClient"]:
        from azure.containerregistry.aio import ContainerRegistryClient
        from azure.core.exceptions import ResourceNotFoundError

        if self._client is not None and time.monotonic() - self._made > _CLIENT_SECONDS:
            await self.close()
        if self._client is None:
            self._client = ContainerRegistryClient(
                f"https://{self.login_server}", self._credential, **self._options
            )
            self._made = time.monotonic()
        try:
            async with told(self._place):
                yield self._client
        except ResourceNotFoundError as error:
            raise AzureNotFound(
                f"{self._place.name} does not have what was asked for just now. Next: deploy again;"
                " where it stays so, check ACR_REGISTRY and ACR_LOGIN_SERVER."
            ) from error
