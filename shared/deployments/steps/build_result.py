"""Why a build failed, in words for whoever has to mend it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from shared.builders.port import LogFrame, Phase, RunStatus
from shared.deployments.outcomes import Claim, Fail
from shared.detection.build_spec import BuildSpec
from shared.errors import AstroCloudError
from shared.failures import Explanation, explain
from shared.logs.lines import Line
from shared.logs.masking import Masker

Read = Callable[[str, int], Awaitable[Sequence[LogFrame]]]
_MOST_LINES = 12


class BuildLost(AstroCloudError):
    """The builder lost the run, and again each time it was begun anew."""

    code, title = "build_lost", "The builder was interrupted"


class BuildFailed(AstroCloudError):
    """A command of the build ended with an exit code other than 0."""

    code, title, status = "build_failed", "The build failed", 422


_TITLES = {
    "timeout": "The build took too long",
    "out_of_memory": "The build ran out of memory",
    "too_many_processes": "The build started too many processes",
    "disk_full": "The build wrote too much",
    "log_too_large": "The build printed too much",
    "output_missing": "The output folder is missing",
    "output_empty": "The output folder is empty",
    "output_link": "The output holds a link",
    "output_too_large": "The output is too large",
    "source_refused": "The source cannot be unpacked",
    "tools_unavailable": "A tool of this version cannot be had",
    "sandbox_unavailable": "Builds cannot run here",
    "dockerfile_refused": "The Dockerfile is not accepted",
    "base_image_unavailable": "A base image cannot be pulled",
    "image_too_large": "The image is too large",
    "image_not_pushed": "The image cannot be stored",
    "needs_containers": "A Dockerfile needs a builder with containers",
}


async def result_of(
    claim: Claim, spec: BuildSpec, status: RunStatus, read: Read, secrets: Sequence[str]
) -> Fail:
    """The failure of a run that has ended."""
    if status.reason not in (None, "command"):
        title = _TITLES.get(status.reason, BuildFailed.title)
        return Fail(f"build_{status.reason}", title, status.detail)
    lines = await _output(claim.row["run"]["key"], status, read)
    text = "\n".join(_masked(lines, secrets))
    explanation = explain(text, status.exit_code, _phase(status.phase))
    detail = _detail(spec, status, explanation)
    return Fail(BuildFailed.code, explanation.title, detail, _document(explanation))


async def _output(key: str, status: RunStatus, read: Read) -> list[Line]:
    lines: list[Line] = []
    after = 0
    while after < status.frames:
        frames = await read(key, after)
        if not frames:
            break
        after = frames[-1].n
        lines += [
            Line(source=line.source, time=line.time, stream=line.stream, text=line.text)
            for frame in frames
            for line in frame.lines
            if line.source == "build"
        ]
    return lines


def _masked(lines: Iterable[Line], secrets: Sequence[str]) -> list[str]:
    """Without secrets: what is explained is kept and shown."""
    masked, _ = Masker(secrets).mask(lines, {})
    return [line.text for line in masked]


def _phase(phase: Phase | None) -> Any:
    return phase if phase in ("install", "build") else None


def _detail(spec: BuildSpec, status: RunStatus, explanation: Explanation) -> str:
    commands = {"install": spec.install, "build": spec.build, "ignore": spec.ignore}
    command = commands.get(status.phase or "build")
    what = f"{command} ended with exit code {status.exit_code}"
    steps = f" Next: {explanation.try_[0].rstrip('.')}." if explanation.try_ else ""
    return f"{explanation.title.rstrip('.')}: {what}.{steps}"


def _document(explanation: Explanation) -> dict[str, Any]:
    told = explanation.as_json()
    return {
        "cause": told["cause"],
        "lines": list(islice(told["lines"], _MOST_LINES)),
        "try": told["try"],
    }
