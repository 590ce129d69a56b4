"""Runs of the registry's tasks, through Azure Resource Manager.

A run is a named resource: the same request again, after an answer that was lost, is the same run.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from shared.builders.acr.errors import AzureNotFound, Place, told
from shared.builders.acr.task import Task

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.mgmt.containerregistrytasks.aio import ContainerRegistryTasksMgmtClient

_ROLE = '"Container Registry Tasks Contributor" on the registry'
_NOT_MADE = frozenset({"Failed", "Canceled"})
_ENDED = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})


@dataclass(frozen=True, slots=True)
class Where:
    """Which registry, and how its manager is reached."""

    subscription: str
    group: str
    registry: str
    url: str


@dataclass(frozen=True, slots=True)
class Run:
    """How a run stands in Azure. ``id`` is missing until it is scheduled."""

    id: str | None
    state: str
    finished: datetime | None = None
    error: str = ""
    digests: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether it is over; the log may go on for a moment."""
        return self.state in _ENDED


class Management:
    """Task runs of one registry. Each method raises Unavailable, AzureDenied or AzureRefused."""

    def __init__(
        self, where: Where, credential: "AsyncTokenCredential", options: Mapping[str, Any]
    ) -> None:
        self._where = where
        self._credential = credential
        self._options = options
        self._place = Place(f"Azure's manager of the registry {where.registry}", _ROLE)
        self._client: ContainerRegistryTasksMgmtClient | None = None

    async def upload(self, archive: BinaryIO) -> str:
        """Store a source for a run; where it lies, as a run names it."""
        from azure.storage.blob.aio import BlobClient

        async with self._asked() as client:
            given = await client.registries.get_build_source_upload_url(*self._names)
        url, path = given.upload_url, given.relative_path
        if not url or not path:
            raise AzureNotFound("Azure gave no place to upload a source to. Next: deploy again.")
        async with told(self._place), BlobClient.from_blob_url(url, **self._options) as blob:
            await blob.upload_blob(archive, overwrite=True)
        return path

    async def begin(self, name: str, source: str, task: Task) -> None:
        """Begin the run of that name; the same request again begins nothing."""
        from azure.mgmt.containerregistrytasks import models

        values = [
            models.SetValue(name=key, value=value, is_secret=True)
            for key, value in task.values.items()
        ]
        request = models.EncodedTaskRunRequest(
            encoded_task_content=_encoded(task.text),
            source_location=source,
            values_property=values,
            timeout=task.seconds,
            platform=models.PlatformProperties(os="Linux", architecture="amd64"),
            is_archive_enabled=False,
        )
        wanted = models.TaskRun(properties=models.TaskRunProperties(run_request=request))
        async with self._asked() as client:
            await client.task_runs.begin_create(*self._names, name, wanted, polling=False)

    async def find(self, name: str) -> Run | None:
        """How the run of that name stands; None where there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                found = await client.task_runs.get(*self._names, name)
            except ResourceNotFoundError as error:
                self._check(error)
                return None
        result = found.properties.run_result if found.properties else None
        told_of = result.properties if result else None
        if told_of is None:
            made = found.properties.provisioning_state if found.properties else None
            state = str(getattr(made, "value", made) or "")
            return Run(None, "Error" if state in _NOT_MADE else "Queued")
        return Run(
            id=told_of.run_id,
            # Its provisioning has succeeded long before it has begun.
            state=str(getattr(told_of.status, "value", told_of.status) or "Queued"),
            finished=told_of.finish_time,
            error=told_of.run_error_message or "",
            digests=tuple(image.digest for image in told_of.output_images or () if image.digest),
        )

    async def cancel(self, run_id: str) -> None:
        """Ask for the end of a run; silent where it has ended."""
        from azure.core.exceptions import HttpResponseError

        async with self._asked() as client:
            try:
                await client.runs.cancel(*self._names, run_id)
            except HttpResponseError as error:
                if error.status_code not in (400, 404, 409):
                    raise

    async def log_url(self, run_id: str) -> str | None:
        """The address that a run's log is read at; None where it is kept no more."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                return (await client.runs.get_log_sas_url(*self._names, run_id)).log_link
            except ResourceNotFoundError as error:
                self._check(error)
                return None

    async def delete(self, name: str) -> None:
        """Forget the run of that name; silent where it is gone."""
        from azure.core.exceptions import ResourceNotFoundError

        async with self._asked() as client:
            try:
                await client.task_runs.delete(*self._names, name)
            except ResourceNotFoundError as error:
                self._check(error)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    @property
    def _names(self) -> tuple[str, str]:
        return self._where.group, self._where.registry

    @staticmethod
    def _check(error: Any) -> None:
        """A run that is missing is no error; a registry or group that is missing is one."""
        code, message = getattr(error.error, "code", "") or "", str(error.message)
        is_run = "taskRuns" in message or "runs" in message or code == "RunNotFound"
        if code in _MISSING_ABOVE or (code == "ResourceNotFound" and not is_run):
            raise AzureNotFound(
                f"Azure answers {code}. Next: check AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and"
                " ACR_REGISTRY."
            ) from error

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator["ContainerRegistryTasksMgmtClient"]:
        from azure.core.exceptions import ResourceNotFoundError
        from azure.mgmt.containerregistrytasks.aio import ContainerRegistryTasksMgmtClient

        if self._client is None:
            self._client = ContainerRegistryTasksMgmtClient(
                self._credential,
                self._where.subscription,
                base_url=self._where.url,
                credential_scopes=[f"{self._where.url.rstrip('/')}/.default"],
                **self._options,
            )
        try:
            async with told(self._place):
                yield self._client
        except ResourceNotFoundError as error:
            raise AzureNotFound(
                f"{self._place.name} says that it is not there. Next: check AZURE_SUBSCRIPTION_ID,"
                " AZURE_RESOURCE_GROUP and ACR_REGISTRY."
            ) from error


_MISSING_ABOVE = frozenset(
    {"ResourceGroupNotFound", "SubscriptionNotFound", "InvalidSubscriptionId", "RegistryNotFound"}
)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
