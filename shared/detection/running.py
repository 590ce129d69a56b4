"""How a server runs beside its start command: port, release, checks, replicas, workers, schedules.

What a person set goes before what ``Procfile`` and the Dockerfile tell; a table counts as a whole.
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared.detection.app import App
from shared.detection.errors import BrokenFile, DockerfileMissing
from shared.detection.own_dockerfile import Stage, port_of, read_dockerfile, stage_of
from shared.detection.procfile import FILE as PROCFILE
from shared.detection.procfile import RELEASE, read_procfile
from shared.detection.run_settings import HealthCheck, Scaling, Schedule, Worker
from shared.detection.settings import SERVER
from shared.errors import FieldProblem

Tell = Callable[..., None]
KEYS = ("port", "release", "release_seconds", "readiness", "liveness", "scaling", "workers",
        "schedules", "stop_seconds", "target")  # fmt: skip


def running(app: App, tell: Tell, dockerfile: str | None) -> dict[str, Any]:
    """The fields of a build spec, each told with its reason."""
    processes = _processes(app)
    values: dict[str, Any] = {}
    for key in ("release_seconds", "readiness", "liveness", "scaling", "schedules", "stop_seconds"):
        if (chosen := app.settings.get(key)) is not None:
            values[key] = chosen.value
            tell(key, shown(chosen.value), chosen.text, chosen.origin)
    values["workers"] = _workers(app, tell, processes)
    values["release"] = _release(app, tell, processes)
    values["port"] = _port(app, tell, dockerfile)
    if dockerfile is not None and (chosen := app.settings.get("target")):
        values["target"] = chosen.value
        tell("target", chosen.value, chosen.text, chosen.origin)
    return values


def unused(app: App) -> str | None:
    """What was set although plain files have no use for it."""
    names = [key for key in KEYS if app.settings.get(key) is not None]
    if not names:
        return None
    return (
        f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} for servers, and this project"
        ' is static: they have no effect. Next: remove them, or set kind = "dynamic".'
    )


def dockerfile_stages(app: App, path: str) -> tuple[Stage, ...]:
    """The stages of the Dockerfile there; raises DockerfileMissing and BrokenFile."""
    text = app.text(path)
    if text is None:
        chosen = app.settings.get("dockerfile")
        raise DockerfileMissing(
            f"{chosen.text if chosen else 'dockerfile'} is {path[:200]}, but the source has no such"
            " file. Next: correct it, seen from root, or leave it out.",
            fields=[FieldProblem("dockerfile", "there is no such file")],
        )
    stages = read_dockerfile(text, app.shown(path))
    target = app.settings.text("target")
    if stage_of(stages, target) is None:
        names = ", ".join(stage.name for stage in stages if stage.name) or "none with a name"
        raise DockerfileMissing(
            f"target is {target}, but {app.shown(path)} has no such stage; there is {names}."
            " Next: correct target, or leave it out for the last one.",
            fields=[FieldProblem("target", "there is no such stage")],
        )
    return stages


def _processes(app: App) -> Mapping[str, str]:
    text = app.text(PROCFILE)
    return {} if text is None else read_procfile(text, app.shown(PROCFILE))


def _workers(app: App, tell: Tell, processes: Mapping[str, str]) -> dict[str, Worker]:
    if (chosen := app.settings.get("workers")) is not None:
        tell("workers", shown(chosen.value), chosen.text, chosen.origin)
        set_: dict[str, Worker] = chosen.value
        return set_
    names = [name for name in processes if name not in {SERVER, RELEASE}]
    found = {name: Worker(command=processes[name]) for name in names}
    if len(found) > _MAX_WORKERS:
        raise BrokenFile(app.shown(PROCFILE), f"it names more than {_MAX_WORKERS} workers")
    if found:
        tell("workers", shown(found), f"{', '.join(names)} in {app.shown(PROCFILE)}")
    return found


_MAX_WORKERS = 20


def _release(app: App, tell: Tell, processes: Mapping[str, str]) -> str | None:
    if (chosen := app.settings.get("release")) is not None:
        value = None if chosen.value is False else str(chosen.value)
        tell("release", value, chosen.text, chosen.origin)
        return value
    if command := processes.get(RELEASE):
        tell("release", command, f"{RELEASE} in {app.shown(PROCFILE)}")
        return command
    return None


def _port(app: App, tell: Tell, dockerfile: str | None) -> int | None:
    if (chosen := app.settings.get("port")) is not None:
        tell("port", chosen.value, chosen.text, chosen.origin)
        return int(chosen.value)
    if dockerfile is not None:
        stages = dockerfile_stages(app, dockerfile)
        stage = stage_of(stages, app.settings.text("target"))
        if stage is not None and (port := port_of(stages, stage)):
            tell("port", port, f"EXPOSE in {app.shown(dockerfile)}")
            return port
    tell("port", None, "the platform chooses it and tells the server by PORT")
    return None


def shown(value: Any) -> str | int | list[str]:
    """A value as people read it."""
    if isinstance(value, HealthCheck):
        return _check(value)
    if isinstance(value, Scaling):
        return _scaling(value)
    if isinstance(value, Mapping):
        return [f"{name}: {_process(one)}" for name, one in value.items()]
    return value if isinstance(value, int) else str(value)


def _check(check: HealthCheck) -> str:
    asked = f"GET {check.path}" if check.path else "a connection"
    at = f" at port {check.port}" if check.port else ""
    return (
        f"{asked}{at} every {check.period_seconds} s, {check.timeout_seconds} s for an answer,"
        f" {check.failures} failures, {check.grace_seconds} s to start in"
    )


def _scaling(scaling: Scaling) -> str:
    if scaling.minimum == scaling.maximum:
        text = f"{scaling.minimum} replica{'s' if scaling.minimum > 1 else ''}"
    else:
        text = f"{scaling.minimum} to {scaling.maximum} replicas"
        text += f", {scaling.requests_per_replica} requests in flight each"
        text += f", {scaling.cpu_percent} % CPU" if scaling.cpu_percent else ""
    return text + (f", none after {scaling.idle_minutes} min" if scaling.idle_minutes else "")


def _process(one: Worker | Schedule) -> str:
    if isinstance(one, Schedule):
        return f"{one.cron} {one.command}"
    return one.command + (f" ({one.replicas} replicas)" if one.replicas > 1 else "")
