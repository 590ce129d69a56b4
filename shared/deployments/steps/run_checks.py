"""Whether a server can run here as its build spec says: what the plan and the cluster allow."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.clusters.errors import NeedsCluster
from shared.clusters.port import Capability
from shared.detection.build_spec import BuildSpec
from shared.detection.run_settings import Scaling
from shared.errors import FieldProblem
from shared.plans import limits
from shared.workloads.bounds import AbovePlan, above, scaling_problems
from shared.workloads.documents import scaling_of


def check_run(
    spec: BuildSpec, row: Mapping[str, Any], capabilities: Collection[Capability]
) -> list[str]:
    """Warnings for the log; raises AbovePlan, or NeedsCluster for what cannot run here at all."""
    if (spec.dockerfile or spec.image) and "images" not in capabilities:
        what = spec.dockerfile or spec.image
        raise NeedsCluster(
            f"{what} makes a container image, and this platform runs processes: it needs a"
            " cluster. Next: set CLUSTER, or leave the image to the platform (dockerfile = false)"
        )
    scaling = scaling_of(row, spec)
    problems = [*scaling_problems(scaling, row["account_limits"]), *_problems(spec, row)]
    if problems:
        raise AbovePlan(problems)
    return list(_warnings(spec, scaling, capabilities))


def _problems(spec: BuildSpec, row: Mapping[str, Any]) -> Iterator[FieldProblem]:
    own = row["account_limits"]
    yield from above("workers", len(spec.workers), limits.WORKERS, own)
    yield from above("schedules", len(spec.schedules), limits.SCHEDULES, own)
    for name, worker in spec.workers.items():
        field = f"workers.{name}.replicas"
        yield from above(field, worker.replicas, limits.REPLICAS, own)
    if spec.release_seconds:
        yield from above("release_seconds", spec.release_seconds, limits.TASK_SECONDS, own)


def _warnings(
    spec: BuildSpec, scaling: Scaling, capabilities: Collection[Capability]
) -> Iterator[str]:
    if spec.schedules and "schedules" not in capabilities:
        yield (
            f"{', '.join(spec.schedules)} will not run: schedules need a cluster, and this"
            " platform runs processes"
        )
    if scaling.maximum > scaling.minimum and "autoscaling" not in capabilities:
        yield (
            f"there are always {scaling.minimum} replicas, never up to {scaling.maximum}: scaling"
            " by load needs a cluster"
        )
