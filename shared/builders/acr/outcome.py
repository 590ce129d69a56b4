"""How a run ended, from its state in Azure and what its log tells."""

from dataclasses import dataclass

from shared.builders.acr.cutting import Cutter, Facts
from shared.builders.acr.management import Run
from shared.builders.acr.plan import IGNORED_CODE, PUSH
from shared.builders.acr.records import Claim
from shared.builders.dockerfiles.stages import BUILD, TOOLS
from shared.builders.dockerfiles.static import (
    OUTPUT,
    OUTPUT_LINK,
    OUTPUT_MISSING,
    OUTPUT_NO_FOLDER,
)
from shared.builders.port import Phase, Reason, RunStatus, State
from shared.sites.models import MIB

_PHASES: tuple[Phase, ...] = ("ignore", "install", "build")
_KILLED = 137
_FULL = "no space left on device"
_TIMES = ("context deadline exceeded", "timed out", "timeout")
_NO_IMAGE = (
    "failed to resolve source metadata", "pull access denied", "manifest unknown",
    "manifest for", "failed to authorize", "repository does not exist",
)  # fmt: skip
_NO_DOCKERFILE = (
    "dockerfile parse error", "failed to parse stage name", "unknown instruction",
    "target stage", "failed to scan dependencies", "failed to calculate checksum",
)  # fmt: skip

_NETWORK = ("dial tcp", "i/o timeout", "connection re", "tls handshake", "unexpected eof")


@dataclass(frozen=True, slots=True)
class _Why:
    reason: Reason
    detail: str
    exit_code: int | None = None


def running(cutter: Cutter) -> RunStatus:
    """A run that is at work, or whose log is not whole yet."""
    facts = cutter.facts
    return RunStatus(
        state="running",
        phase=phase_of(facts.step, facts),
        frames=len(cutter.frames),
        seconds=_seconds(facts),
        cache_hit=facts.was_cached,
    )


def ended(run: Run, claim: Claim, cutter: Cutter) -> RunStatus:
    """A run that is over, with its log; what a succeeded one left is still to be looked at."""
    facts = cutter.facts
    if facts.is_too_large:
        return failed(cutter, "log_too_large", _too_much(claim))
    if run.state == "Succeeded":
        return _made(cutter, "succeeded", phase=_last_phase(claim), exit_code=0)
    if run.state == "Canceled":
        return _made(cutter, "canceled")
    if run.state == "Timeout" or any(word in facts.cause for word in _TIMES):
        return failed(cutter, "timeout", _too_long(claim))
    if run.state == "Error" and facts.failed_step is None:
        return _made(cutter, "lost", detail="ACR Tasks ended the run by an error of its own.")
    return _failed(claim, cutter)


def phase_of(step: str | None, facts: Facts) -> Phase | None:
    """The phase that a step belongs to: what comes after the commands is part of the last one."""
    if step in _PHASES:
        return step
    gone = [phase for phase in _PHASES if phase in facts.seconds]
    return gone[-1] if gone else None


def failed(cutter: Cutter, reason: Reason, detail: str, exit_code: int | None = None) -> RunStatus:
    """A failure for a reason."""
    facts = cutter.facts
    phase = phase_of(facts.failed_step or facts.step, facts)
    return _made(cutter, "failed", phase=phase, reason=reason, detail=detail, exit_code=exit_code)


def _failed(claim: Claim, cutter: Cutter) -> RunStatus:
    facts = cutter.facts
    step, code = facts.failed_step, facts.exit_code
    if step == "ignore" and code == IGNORED_CODE:
        return failed(cutter, "ignored", "", 0)
    why = _of_engine(claim, cutter) or _of_step(claim, cutter, step, code)
    return failed(cutter, why.reason, why.detail, why.exit_code)


def _of_engine(claim: Claim, cutter: Cutter) -> _Why | None:
    """What BuildKit itself could not do."""
    facts = cutter.facts
    said = "\n".join(facts.own_words).lower()
    if _FULL in said:
        return _Why(
            "disk_full",
            "The disk of the machine that builds is full."
            " Next: write less in the build, or deploy again.",
        )
    if facts.exit_code is not None:
        return None
    last = _last_error(facts)
    # Before the images: a file that COPY does not find is "not found", too.
    if claim.is_own and any(word in said for word in _NO_DOCKERFILE):
        return _dockerfile_refused(last)
    if any(word in said for word in _NO_IMAGE) or "not found" in last.lower():
        return _Why(
            "base_image_unavailable",
            f"A base image cannot be pulled: {last}"
            " Next: check its name and version, and that the registry may be read by anybody.",
        )
    if claim.is_own and facts.failed_step == BUILD and not any(word in said for word in _NETWORK):
        return _dockerfile_refused(last)
    return None


def _dockerfile_refused(last: str) -> _Why:
    return _Why(
        "dockerfile_refused",
        f"The Dockerfile cannot be built: {last} Next: correct the instruction that it names.",
    )


def _of_step(claim: Claim, cutter: Cutter, step: str | None, code: int | None) -> _Why:
    if step == PUSH:
        return _Why(
            "image_not_pushed",
            "The image was built, but could not be stored in the registry. Next: deploy again.",
        )
    if step == OUTPUT and code is not None:
        return _of_output(claim, code)
    stage = cutter.facts.stage
    if code is None or step == TOOLS or (stage == TOOLS and not claim.is_own):
        said = cutter.last_words(TOOLS) or _last_error(cutter.facts)
        return _Why(
            "tools_unavailable",
            f"What the commands need could not be made ready:\n{said}\nNext: check that this"
            " version exists and that the package registry can be reached.",
        )
    if code == _KILLED:
        return _Why(
            "out_of_memory",
            f"A command was killed, most likely for want of memory: a build may use"
            f" {claim.bounds.memory_bytes // MIB} MiB. Next: let the build do less at once.",
            code,
        )
    return _Why("command", "", code)


def _of_output(claim: Claim, code: int) -> _Why:
    name = claim.output
    if code == OUTPUT_LINK:
        return _Why(
            "output_link",
            f"The output folder {name} is a link, or lies behind one."
            " Next: let the build write a folder.",
        )
    if code in (OUTPUT_MISSING, OUTPUT_NO_FOLDER):
        problem = "is not there" if code == OUTPUT_MISSING else "is no folder"
        return _Why(
            "output_missing",
            f"After the build the output folder {name} {problem}."
            " Next: set output to the folder that the build writes.",
        )
    return _Why("output_missing", f"The output folder {name} could not be taken (code {code}).")


def _last_error(facts: Facts) -> str:
    errors = [word for word in facts.own_words if word.lower().startswith("error")]
    return (errors or list(facts.own_words) or ["it said nothing"])[-1][:500].rstrip(".") + "."


def _last_phase(claim: Claim) -> Phase | None:
    return next((phase for phase in reversed(_PHASES) if phase in claim.commands), None)


def _too_much(claim: Claim) -> str:
    return (
        f"The build printed more than {claim.bounds.log_bytes / MIB:g} MiB."
        " Next: let it print less."
    )


def _too_long(claim: Claim) -> str:
    return (
        f"The build did not end within {claim.bounds.seconds} seconds."
        " Next: see in the log what it was waiting for, or let it do less."
    )


def _made(
    cutter: Cutter,
    state: State,
    *,
    phase: Phase | None = None,
    exit_code: int | None = None,
    reason: Reason | None = None,
    detail: str = "",
) -> RunStatus:
    return RunStatus(
        state=state,
        phase=phase,
        exit_code=exit_code,
        reason=reason,
        detail=detail,
        frames=len(cutter.frames),
        seconds=_seconds(cutter.facts),
        cache_hit=cutter.facts.was_cached,
    )


def _seconds(facts: Facts) -> dict[str, float]:
    return {name: facts.seconds[name] for name in _PHASES if name in facts.seconds}
