"""The build spec: how a source is built and run, and for every value why.

It is stored with the deployment and shown by the API as it is. How it was found out is
``detect``'s business, what runs it the builders'.
"""

from pydantic import BaseModel, ConfigDict

from shared.detection.run_settings import HealthCheck, Scaling, Schedule, Worker
from shared.detection.settings import CacheRule, Kind, Origin

Value = str | bool | int | list[str] | None


class Reason(BaseModel):
    """A value, who decided it and why, in words for the user."""

    model_config = ConfigDict(frozen=True)

    value: Value
    origin: Origin
    text: str


class BuildSpec(BaseModel):
    """How one source becomes files to publish or a server to start.

    ``install`` runs in ``install_directory``, all other commands in ``root``; ``output`` is seen
    from ``root``. ``fallback`` holds where the output has that page. Rules in ``cache`` go before
    what the names of the files tell. Values that None stands for are the platform's own choice.
    ``image`` is a reference that a user named: nothing is built then. ``needs_development`` says
    that ``start`` runs a tool which only the development dependencies name, so they have to stay.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    framework: str
    kind: Kind
    root: str = ""
    package_manager: str | None = None
    package_manager_version: str | None = None
    node: str | None = None
    python: str | None = None
    install: str | None = None
    install_directory: str = ""
    build: str | None = None
    output: str | None = None
    start: str | None = None
    fallback: str | None = None
    cache: tuple[CacheRule, ...] = ()
    watch: tuple[str, ...] = ()
    ignore: str | None = None
    dockerfile: str | None = None
    target: str | None = None
    image: str | None = None
    go: str | None = None
    needs_development: bool = False
    port: int | None = None
    release: str | None = None
    release_seconds: int | None = None
    readiness: HealthCheck | None = None
    liveness: HealthCheck | None = None
    scaling: Scaling | None = None
    workers: dict[str, Worker] = {}
    schedules: dict[str, Schedule] = {}
    stop_seconds: int | None = None
    lock_file: str | None = None
    alternatives: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reasons: dict[str, Reason]
