"""What the cluster is given of a release: made from its build spec, kept sealed in its row."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.clusters.port import PullSecret, ReplicaBounds, Workload
from shared.crypto import Crypto
from shared.detection.build_spec import BuildSpec
from shared.detection.run_settings import HealthCheck, Scaling, Schedule
from shared.plans import limits
from shared.plans.limits import value_of
from shared.variables.models import ResolvedVariable

DEFAULT_PORT = 8080
DEFAULT_STOP_SECONDS = 30
# Who called comes in the gateway's headers, and nobody but the gateway reaches a replica.
_PYTHON = {"FORWARDED_ALLOW_IPS": "*"}


def compose(
    row: Mapping[str, Any],
    release_id: UUID,
    spec: BuildSpec,
    image: str,
    variables: Mapping[str, ResolvedVariable],
    pull_secret: PullSecret | None,
) -> Workload:
    """The workload of a claimed deployment."""
    running = {name: one for name, one in variables.items() if one.scope in ("run", "all")}
    return Workload(
        account=row["account_id"],
        project=row["project_id"],
        release=release_id,
        deployment=row["id"],
        environment_name=row["environment"],
        label=f"{row['project_slug']} #{row['number']}",
        image=image,
        pull_secret=pull_secret,
        start=_start(row, spec),
        port=spec.port or DEFAULT_PORT,
        environment={
            **(_PYTHON if spec.python else {}),
            **{name: one.value for name, one in running.items() if not one.secret},
        },
        secrets={name: one.value for name, one in running.items() if one.secret},
        readiness=spec.readiness or HealthCheck(),
        liveness=spec.liveness,
        scaling=scaling_of(row, spec),
        workers=spec.workers,
        schedules=_bounded(spec.schedules, row["account_limits"]),
        bounds=_bounds(row["account_limits"]),
        stop_seconds=spec.stop_seconds or DEFAULT_STOP_SECONDS,
    )


def scaling_of(row: Mapping[str, Any], spec: BuildSpec) -> Scaling:
    """What members chose for the environment goes before what the source says."""
    chosen = (row["project_scaling"] or {}).get(row["environment"])
    return Scaling.model_validate(chosen) if chosen else spec.scaling or Scaling()


def seal(crypto: Crypto, workload: Workload) -> str:
    """As the row keeps it."""
    return crypto.seal_json(_context(workload.release), workload.model_dump(mode="json"))


def unseal(crypto: Crypto, release_id: UUID, sealed: str) -> Workload:
    """From the row; raises Unreadable."""
    name = f"the workload of release {release_id}"
    return Workload.model_validate(crypto.open_json(_context(release_id), sealed, name))


def _context(release_id: UUID) -> str:
    return f"workload of release {release_id}"


def _start(row: Mapping[str, Any], spec: BuildSpec) -> str | None:
    """An image that we made of the spec starts by itself, in the right way."""
    is_made = row["source"].get("image_is_ours") and not spec.dockerfile
    return None if is_made else spec.start


def _bounds(own: Mapping[str, int]) -> ReplicaBounds:
    return ReplicaBounds(
        cpu_millis=value_of(limits.REPLICA_CPU_MILLIS, own),
        memory_bytes=value_of(limits.REPLICA_MEMORY_BYTES, own),
    )


def _bounded(schedules: Mapping[str, Schedule], own: Mapping[str, int]) -> dict[str, Schedule]:
    most = value_of(limits.TASK_SECONDS, own)
    return {
        name: one.model_copy(update={"seconds": min(one.seconds, most)})
        for name, one in schedules.items()
    }
