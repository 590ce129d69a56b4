"""What a plan and a cluster allow of replicas."""

from collections.abc import Collection, Iterator, Mapping

from shared.clusters.errors import NeedsCluster
from shared.clusters.port import Capability
from shared.detection.run_settings import Scaling
from shared.errors import FieldProblem, ValidationFailed
from shared.plans import limits
from shared.plans.limits import Limit, value_of


class AbovePlan(ValidationFailed):
    """More replicas, workers or schedules than the account's plan allows."""

    code, title = "above_plan", "The plan does not allow so much"

    def __init__(self, problems: Collection[FieldProblem]) -> None:
        told = "; ".join(f"{one.field}: {one.reason}" for one in problems)
        super().__init__(
            f"{told}. Next: ask for less, or the operators for another plan",
            fields=tuple(problems),
        )


def check_scaling(
    scaling: Scaling, own: Mapping[str, int], capabilities: Collection[Capability]
) -> None:
    """Raise AbovePlan, or NeedsCluster where replicas cannot follow the load."""
    problems = list(scaling_problems(scaling, own))
    if problems:
        raise AbovePlan(problems)
    if scaling.maximum > scaling.minimum and "autoscaling" not in capabilities:
        raise NeedsCluster(
            "Scaling by load needs a cluster, this platform runs processes: set maximum to minimum",
            fields=[FieldProblem("maximum", "has to be the same as minimum here")],
        )


def scaling_problems(scaling: Scaling, own: Mapping[str, int]) -> Iterator[FieldProblem]:
    """What of the bounds is above the plan."""
    for name in ("minimum", "maximum"):
        value = getattr(scaling, name)
        yield from above(f"scaling.{name}", value, limits.REPLICAS, own)


def above(field: str, value: int, limit: Limit, own: Mapping[str, int]) -> Iterator[FieldProblem]:
    """A problem where the value is above the plan's."""
    most = value_of(limit, own)
    if value > most:
        yield FieldProblem(field, f"{value} {limit.unit} are above the {most} that are allowed")
