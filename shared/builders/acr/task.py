"""The task that ACR runs: ``build`` and ``push`` steps only, none of them holds a tenant's text.

A ``cmd`` step would hold the docker socket and the login of the registry, so commands of a project
run in ``RUN`` instructions alone. Variables come by a volume of secrets that a build step mounts:
BuildKit reads the file there, so no value is an argument or stands in an image.
"""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.builders.acr.plan import OWN_FILE, Plan, Step
from shared.builders.dockerfiles import SpecNotSupported
from shared.builders.dockerfiles.stages import INPUTS_ARGUMENT, RUN_ARGUMENT, VARIABLES
from shared.builders.port import BuildJob

LEAST_SECONDS = 300
"""ACR refuses a shorter time-out of a run."""
MOST_VARIABLES = 64 * 1024
_PUSH_SECONDS = 600
_VOLUME, _MOUNT = "astrocloud-variables", "/run/astrocloud"
_SINGLE = "v_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_HEREDOC_MARKS = re.compile(rb"([\\$`])")


@dataclass(frozen=True, slots=True)
class Task:
    """The text of the task, the values that are filled in where it runs, and its time-out."""

    text: str
    values: Mapping[str, str]
    seconds: int


def task_of(plan: Plan, job: BuildJob, variables: bytes) -> Task:
    """The task of a run; the same for the same job, so that a repeated request is the same.

    ``variables`` is the file of all of them; a user's own Dockerfile can mount each by its name.
    """
    files = {VARIABLES: _for_a_heredoc(variables.replace(b"\nEOL", b"\nE''OL"))}
    if plan.is_own:
        files |= _single_files({**job.environment, **job.secrets})
    _check_size(files)
    inputs = {INPUTS_ARGUMENT: _digest_of_inputs(variables, job), RUN_ARGUMENT: job.key}
    secrets = {name: f"{{{{.Values.{name}}}}}" for name in files}
    seconds = job.bounds.seconds
    document = {
        "version": "v1.1.0",
        "stepTimeout": seconds,
        "volumes": [{"name": _VOLUME, "secret": secrets}],
        "steps": [_step(step, inputs, secrets, seconds) for step in plan.steps],
    }
    given = {name: base64.b64encode(content).decode() for name, content in files.items()}
    # JSON is YAML, and leaves nothing to a writer's taste.
    return Task(json.dumps(document, indent=1), given, max(seconds, LEAST_SECONDS))


def _single_files(variables: Mapping[str, str]) -> dict[str, bytes]:
    """A file a variable, but for one with a line that would end the heredoc: it is left out."""
    return {
        f"{_SINGLE}{name}": _for_a_heredoc(value.encode())
        for name, value in sorted(variables.items())
        if _NAME.fullmatch(name) and "EOL" not in value.split("\n")
    }


def _check_size(files: Mapping[str, bytes]) -> None:
    if sum(map(len, files.values())) > MOST_VARIABLES:
        raise SpecNotSupported(
            f"The variables of this build have more than {MOST_VARIABLES // 1024} KiB together."
            " Next: put what is large into a file of the source, or fetch it in the build."
        )


def _step(
    step: Step, inputs: Mapping[str, str], secrets: Iterable[str], seconds: int
) -> dict[str, object]:
    told: dict[str, object] = {"id": step.id}
    if step.push:
        told |= {"push": [step.push], "timeout": _PUSH_SECONDS}
        # A cache that cannot be written is no reason to fail.
        return {**told, "ignoreErrors": True} if step.is_optional else told
    words = ["--file", OWN_FILE if step.has_own_file else "Dockerfile"]
    words += [f"--secret=id={name.removeprefix(_SINGLE)},src={_MOUNT}/{name}" for name in secrets]
    if step.is_fresh:
        words.append("--no-cache")
    if step.target:
        words.append(f"--target={step.target}")
    if step.tag:
        words.append(f"--tag={step.tag}")
    if step.cache_from:
        words.append(f"--cache-from={step.cache_from}")
    arguments = dict(step.arguments) if step.has_own_file else dict(inputs)
    if step.keeps_layers:
        arguments["BUILDKIT_INLINE_CACHE"] = "1"
    words += [f"--build-arg={name}={_no_template(value)}" for name, value in arguments.items()]
    return {
        **told,
        "build": " ".join(map(shlex.quote, [*words, step.context])),
        "env": ["DOCKER_BUILDKIT=1", "BUILDKIT_PROGRESS=plain"],
        "timeout": seconds,
        "volumeMounts": [{"name": _VOLUME, "mountPath": _MOUNT}],
    }


def _no_template(text: str) -> str:
    """The task is a template where it runs: what a user wrote is none."""
    return text.replace("{{", "{{`{{`}}")


def _for_a_heredoc(content: bytes) -> bytes:
    """So that the file has these bytes where it runs.

    Whoever unpacks a volume of secrets there writes each file by a shell's unquoted heredoc that
    ends at ``EOL``: what the shell would read has to be escaped, and no line may be that word. In
    the file of all variables such a line can only stand within single quotes.
    """
    return _HEREDOC_MARKS.sub(rb"\\\1", content)


def _digest_of_inputs(variables: bytes, job: BuildJob) -> str:
    """Changes with any variable. It stands in the history of cached layers: so it is slow to guess.

    The project and trust scope salt it.
    """
    content = variables + (job.key.encode() if job.fresh else b"")
    salt = job.cache.encode() or b"-"
    return hashlib.scrypt(content, salt=salt, n=2**14, r=8, p=1, dklen=32).hex()
