"""How a replica's life ended or why it does not get ready, in words for the project's people."""

from dataclasses import dataclass
from pathlib import PurePath

from infrastructure.local.runner.bounds import in_words
from shared.clusters.port import Problem, ProblemReason, ReplicaBounds
from shared.detection.run_settings import HealthCheck

_NOT_FOUND, _NOT_EXECUTABLE, _KILLED = 127, 126, 137


@dataclass(frozen=True, slots=True)
class End:
    """How one life ended: ``words`` say it in short, ``detail`` says what to do."""

    reason: ProblemReason
    words: str
    detail: str
    exit_code: int | None = None
    is_final: bool = False

    def problem(self, last_lines: tuple[str, ...]) -> Problem:
        """As the port tells it."""
        return Problem(
            reason=self.reason,
            detail=self.detail,
            exit_code=self.exit_code,
            last_lines=last_lines,
            is_final=self.is_final,
        )


NO_COMMAND = End(
    "start_failed",
    "no start command",
    "There is no command that starts it. Next: set the start command, such as `npm start`.",
)


def exited(code: int, command: str, *, is_server: bool) -> End:
    """It ended by itself, or by a signal that we did not send."""
    if code == 0:
        what = "The server" if is_server else "The worker"
        return End(
            "exited",
            "exit code 0",
            f"{what} ended with exit code 0, as if its work was done. Next: start it in the"
            " foreground, with a command that does not return while it serves.",
            0,
        )
    if code in {_NOT_FOUND, _NOT_EXECUTABLE}:
        return End(
            "start_failed",
            f"exit code {code}",
            f"The command `{command}` cannot be started (exit code {code}: a program of it was"
            " not found or cannot be run). Next: correct the start command, or install the program"
            " as a dependency that production has, too.",
            code,
        )
    words = f"signal {code - 128}" if 128 < code < 193 else f"exit code {code}"
    return End(
        "crashing",
        words,
        f"It ended with {words}. Next: see its last lines; a missing variable or a service that"
        " cannot be reached are the usual causes.",
        code,
    )


def out_of_memory(bounds: ReplicaBounds) -> End:
    """More memory than is allowed, or than the machine has."""
    bound = in_words(bounds.memory_bytes)
    return End(
        "out_of_memory",
        f"out of memory ({bound})",
        f"It needed more memory than the {bound} that a replica may use. Next: have it use fewer"
        " workers or less cache, or raise the plan's bound.",
        _KILLED,
    )


def too_many_processes(bounds: ReplicaBounds) -> End:
    """More processes than are allowed."""
    return End(
        "crashing",
        f"more than {bounds.processes} processes",
        f"It ran more than {bounds.processes} processes at once. Next: look for code that starts"
        " itself again, or lower the number of workers.",
    )


def disk_full(bounds: ReplicaBounds) -> End:
    """More on disk than is allowed, or than there is."""
    bound = in_words(bounds.disk_bytes)
    return End(
        "crashing",
        "too much on disk",
        f"It wrote more than {bound}, or the machine's disk is full. Next: keep files in a store"
        " of their own, and delete temporary ones.",
    )


def not_started(reason: ProblemReason, words: str) -> End:
    """What should run it could not even begin."""
    return End(
        reason,
        "not started",
        f"It could not be started: {words}. Next: deploy again, with --no-cache if it stays so.",
        is_final=True,
    )


def reason_of(error: OSError) -> str:
    """What the system has said, and of which file; not where it lies on this machine."""
    name = PurePath(str(error.filename)).name if error.filename else ""
    words = (error.strerror or str(error)).lower()
    return f"{name}: {words}" if name else words


def unhealthy_end(words: str) -> End:
    """Its liveness check failed, so it is started again."""
    return End(
        "unhealthy",
        f"not alive: {words}",
        f"Its liveness check failed again and again ({words}), so it was started anew. Next: see"
        " in its log what it was at, or give the check more time.",
    )


def not_ready(check: HealthCheck, words: str, others: set[int] | None, port: int) -> Problem:
    """Time to start in is over, and it is not ready; ``others`` is where it listens instead."""
    if others is None or port in others or check.port is not None:
        if "nothing listens" not in words:
            return Problem(
                reason="unhealthy",
                detail=f"It runs, but its health check fails: {words}. Next: have the path answer"
                " with a status from 200 to 399, or set another path in the health settings.",
            )
        others = others or set()
    found = ", ".join(map(str, sorted(others - {port})))
    if found:
        where = f"it listens at port {found} instead"
        step = "listen at the port that the variable PORT names, not at a fixed one"
    else:
        where = "it listens nowhere"
        step = "see in its log what it waits for; a slow start needs a longer grace"
    return Problem(
        reason="not_listening",
        detail=f"It runs, but nothing listens at PORT ({port}) after {check.grace_seconds} s:"
        f" {where}. Next: {step}.",
    )
