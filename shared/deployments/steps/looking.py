"""What is seen by looking into a source: build spec, digest, what changed. All of it blocks."""

from dataclasses import dataclass
from pathlib import Path

from shared.detection.build_spec import BuildSpec
from shared.detection.detect import detect
from shared.detection.settings import BuildSettings
from shared.errors import AstroCloudError
from shared.sites.models import ArchiveFormat, SiteLimits
from shared.sources.trees import ArchiveTree, changed_paths, digest_of

Located = tuple[Path, ArchiveFormat, str | None]
"""An archive, its format, and its top folder where that is known."""


class NeedsServer(AstroCloudError):
    """The project is a server, and there is no cluster to run it on."""

    code, title, status = "needs_server", "The project needs a server", 422


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look into a source gave."""

    spec: BuildSpec
    root: str
    digest: str
    files: int
    bytes: int


def look(
    archive: Located,
    limits: SiteLimits,
    *,
    project: BuildSettings | None,
    user: BuildSettings | None,
) -> Looked:
    """Read an archive once; raises an ArchiveRefused or a DetectionFailed that says what to do."""
    tree = ArchiveTree(archive[0], archive[1], limits, archive[2])
    spec = detect(tree, project, user)
    seen = tree.listing
    return Looked(spec, seen.root, seen.digest, seen.files, seen.bytes)


def differing_paths(before: Located, after: Located, limits: SiteLimits) -> list[str]:
    """The paths in which two sources differ."""
    listings = [digest_of(path, kind, limits, root) for path, kind, root in (before, after)]
    return changed_paths(listings[0].contents, listings[1].contents)


def check_kind(spec: BuildSpec, *, runs_servers: bool) -> None:
    """Raise NeedsServer for a project that has to be run where there is no cluster."""
    if spec.kind == "static" or runs_servers:
        return
    reason = spec.reasons["kind"].text if "kind" in spec.reasons else ""
    told = f" ({reason})" if reason else ""
    raise NeedsServer(
        f"{spec.framework} has to run as a server{told}, and this platform publishes static sites."
        " Next: have it export files, or set kind to static and output to the folder with them"
    )
