"""Static sites: safe archives, content-addressed objects and the manifest the gateway reads."""

from shared.sites.archive import inspect_archive
from shared.sites.models import (
    ArchiveFormat,
    ArchiveSummary,
    Progress,
    PublishedSite,
    PublishJob,
    SiteLimits,
)
from shared.sites.publisher import Publisher

__all__ = [
    "ArchiveFormat",
    "ArchiveSummary",
    "Progress",
    "PublishJob",
    "PublishedSite",
    "Publisher",
    "SiteLimits",
    "inspect_archive",
]
