"""What a builder is asked to do for a deployment."""

from collections.abc import Mapping
from typing import Any

from shared.builders.port import BuildBounds, BuildJob
from shared.detection.build_spec import BuildSpec
from shared.plans import limits
from shared.plans.limits import value_of
from shared.variables.models import ResolvedVariable


def needs_run(spec: BuildSpec) -> bool:
    """Whether there is anything to do; else the source is its own output."""
    return bool(spec.install or spec.build or spec.ignore) or spec.kind == "dynamic"


def job_of(
    row: Mapping[str, Any],
    spec: BuildSpec,
    key: str,
    variables: Mapping[str, ResolvedVariable],
) -> BuildJob:
    """The job of a deployment's row."""
    source = row["source"]
    building = {name: one for name, one in variables.items() if one.scope in ("build", "all")}
    return BuildJob(
        key=key,
        source_format=source["format"],
        source_root=source["root"],
        spec=spec,
        environment={
            **{name: one.value for name, one in building.items() if not one.secret},
            **_changed(source),
        },
        secrets={name: one.value for name, one in building.items() if one.secret},
        cache=cache_of(row),
        fresh=not row["use_cache"],
        image=f"projects/{row['project_id']}" if spec.kind == "dynamic" else "",
        bounds=_bounds(row["account_limits"]),
    )


def _changed(source: Mapping[str, Any]) -> dict[str, str]:
    """For the ignore command: which paths differ from the last deployment."""
    return {"ASTROCLOUD_CHANGED_PATHS": "\n".join(source.get("changed", ()))}


def cache_of(row: Mapping[str, Any]) -> str:
    """The caches of a trust scope: production never reads what a preview wrote."""
    return f"{row['project_id']}/{row['environment']}"


def _bounds(own: Mapping[str, int]) -> BuildBounds:
    return BuildBounds(
        seconds=value_of(limits.BUILD_SECONDS, own),
        memory_bytes=value_of(limits.BUILD_MEMORY_BYTES, own),
        disk_bytes=value_of(limits.BUILD_DISK_BYTES, own),
        log_bytes=value_of(limits.BUILD_LOG_BYTES, own),
        output_bytes=value_of(limits.SITE_BYTES, own),
        output_files=value_of(limits.SITE_FILES, own),
        image_bytes=value_of(limits.IMAGE_BYTES, own),
    )
