"""What a person can set of a build: in ``astrocloud.toml``, in the project, for one deployment.

One model for all three, so that a key means the same everywhere. Where it is set decides who
wins: this deployment, then the file (it belongs to the revision), then the project.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator

from shared.detection.errors import DetectionFailed, UnknownSetting, WrongSetting
from shared.detection.run_settings import (
    Command,
    HealthCheck,
    Port,
    ProcessName,
    Scaling,
    Schedule,
    Worker,
)
from shared.detection.tree import Source, join
from shared.errors import FieldProblem
from shared.models import Request

FILE = "astrocloud.toml"
# What the process is called that answers requests; no worker can be called so.
SERVER = "web"
_MAX_PROBLEMS = 20
Origin = Literal["detected", "astrocloud.toml", "project", "user"]
Kind = Literal["static", "dynamic"]
Policy = Literal["immutable", "revalidate"]

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"),
]
Folder = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00\\]*$"),
]
# A page of the site, or none.
Page = (
    Annotated[str, StringConstraints(max_length=500, pattern=r"^/[^\x00\\?#]*$")] | Literal[False]
)
# A step can be left out, too.
Step = Text | Literal[False]


class CacheRule(Request):
    """How long browsers keep the files that a pattern names."""

    path: Annotated[
        str,
        StringConstraints(max_length=500, pattern=r"^/[^\x00\\?#]*$"),
        Field(description="Begins with `/`; `*` stands for anything, also over several folders."),
    ]
    policy: Annotated[
        Policy,
        Field(description="`immutable`: kept for a year. `revalidate`: asked for each time."),
    ]


class BuildSettings(Request):
    """Every key of ``astrocloud.toml``; one that is left out is detected."""

    framework: Annotated[Text | None, Field(description="Slug of a framework.")] = None
    kind: Annotated[
        Kind | None, Field(description="`static`: files; `dynamic`: a server that is started.")
    ] = None
    root: Annotated[
        Folder | None, Field(description="Folder of the app, seen from the top of the source.")
    ] = None
    package_manager: Annotated[
        Literal["npm", "pnpm", "yarn", "bun"] | None,
        Field(description="Instead of the lock file's."),
    ] = None
    install: Annotated[Step | None, Field(description="Command; `false` installs nothing.")] = None
    build: Annotated[Step | None, Field(description="Command; `false` builds nothing.")] = None
    output: Annotated[
        Folder | None, Field(description="Folder that is published, seen from `root`.")
    ] = None
    start: Annotated[Text | None, Field(description="Command of a dynamic project.")] = None
    fallback: Annotated[
        Page | None,
        Field(description="Page for paths that no file has (client-side routing); `false`: none."),
    ] = None
    node: Annotated[Text | int | None, Field(description="Version or range of Node.")] = None
    cache: Annotated[
        list[CacheRule] | None,
        Field(description="Before the framework's own rules.", max_length=50),
    ] = None
    watch: Annotated[
        list[Text] | None,
        Field(description="Build only when a changed file fits one of these globs.", max_length=50),
    ] = None
    ignore: Annotated[
        Text | None, Field(description="Command before a build; exit code 0 skips the deployment.")
    ] = None
    dockerfile: Annotated[
        Folder | Literal[False] | None,
        Field(
            description="Dockerfile that makes the image, seen from `root`;"
            " `false`: one that is there is not used."
        ),
    ] = None
    target: Annotated[Text | None, Field(description="Stage of the Dockerfile.")] = None
    port: Annotated[Port | None, Field(description="Port that the server listens at.")] = None
    release: Annotated[
        Command | Literal[False] | None,
        Field(
            description="Command that runs once in the new image before it gets requests;"
            " `false`: none."
        ),
    ] = None
    release_seconds: Annotated[
        int | None,
        Field(
            strict=True, ge=1, le=3600, description="Longest time of `release`; 600 if left out."
        ),
    ] = None
    readiness: Annotated[
        HealthCheck | None, Field(description="When a replica is given requests.")
    ] = None
    liveness: Annotated[
        HealthCheck | None, Field(description="When a replica is started anew; left out: never.")
    ] = None
    scaling: Annotated[Scaling | None, Field(description="How many replicas answer requests.")] = (
        None
    )
    workers: Annotated[
        dict[ProcessName, Worker] | None,
        Field(description="Processes beside the server, by name.", max_length=20),
    ] = None
    schedules: Annotated[
        dict[ProcessName, Schedule] | None,
        Field(description="Commands that run at set times, by name.", max_length=20),
    ] = None
    stop_seconds: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=600,
            description="Time between SIGTERM and the end; 30 if left out.",
        ),
    ] = None

    @field_validator("workers")
    @classmethod
    def _none_is_the_server(cls, value: dict[str, Worker] | None) -> dict[str, Worker] | None:
        if value is not None and SERVER in value:
            raise ValueError(f"“{SERVER}” is the server itself: set start")
        return value

    @field_validator("root")
    @classmethod
    def _stays_within(cls, value: str | None) -> str | None:
        if value is not None and join("", value) is None:
            raise ValueError("the folder has to be within the source: no leading / and no way out")
        return value


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place."""

    origin: Origin
    where: str
    values: BuildSettings


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a person set, and where."""

    value: Any
    origin: Origin
    text: str


class Settings:
    """Layers of settings; the first that has a key decides it."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = list(layers)

    def get(self, key: str) -> Setting | None:
        """Who set a key, and to what."""
        for layer in self._layers:
            value = getattr(layer.values, key)
            if value is not None:
                return Setting(value, layer.origin, f"{key} in {layer.where}")
        return None

    def text(self, key: str) -> str | None:
        """A command or name that was set; None also where the step is turned off."""
        found = self.get(key)
        return str(found.value) if found and found.value is not False else None


def settings_of(
    source: Source, project: BuildSettings | None, user: BuildSettings | None, root: str = ""
) -> Settings:
    """All layers; the file in the app's folder goes before the one at the top."""
    layers = [Layer("user", "this deployment's settings", user)] if user else []
    for folder in dict.fromkeys((root, "")):
        path = join(folder, FILE) or FILE
        if (text := source.text(path)) is not None:
            values = read_file(text, path)
            if folder and values.root is not None:
                problem = "only the file at the top can say which folder is the app"
                raise _refused(WrongSetting, path, [FieldProblem("root", problem)])
            layers.append(Layer("astrocloud.toml", path, values))
    if project:
        layers.append(Layer("project", "the project's settings", project))
    return Settings(layers)


def read_file(text: str, path: str = FILE) -> BuildSettings:
    """The settings in an ``astrocloud.toml``; every problem is told at once."""
    # Parsers are not needed for the API's models, whose import a cold start pays for.
    from shared.detection.documents import toml_object

    return validated(toml_object(text, path), path)


def validated(values: Mapping[str, Any], where: str) -> BuildSettings:
    """Settings from a stranger; ``where`` is how an error calls their place."""
    try:
        return BuildSettings.model_validate(dict(values))
    except ValidationError as error:
        items = error.errors(include_url=False)[:_MAX_PROBLEMS]
        problems = [_problem(item) for item in items]
        # A union tells one problem an alternative; the first is the one that was meant.
        unique = list({problem.field: problem for problem in reversed(problems)}.values())[::-1]
        unknown = any(item["type"] == "extra_forbidden" for item in items)
        raise _refused(UnknownSetting if unknown else WrongSetting, where, unique) from None


def _refused(
    kind: type[DetectionFailed], where: str, problems: Sequence[FieldProblem]
) -> DetectionFailed:
    told = "; ".join(f"{problem.field}: {problem.reason}" for problem in problems)
    return kind(f"{where} is not accepted: {told}. Next: correct it.", fields=problems)


def _problem(item: Any) -> FieldProblem:
    location = list(item["loc"])
    if item["type"] == "extra_forbidden":
        known = _NESTED.get(str(location[0]), KEYS) if len(location) > 1 else KEYS
        word = str(location[-1])
        return FieldProblem(_path(location), f"there is no such key{_meant(word, known)}")
    return FieldProblem(_path(_plain(location)), _reason(item))


def _plain(location: Sequence[str | int]) -> list[str | int]:
    """Without what only tells which alternative of a union was tried."""
    is_named = location[0] in _NAMED
    return [
        part
        for at, part in enumerate(location)
        if isinstance(part, int) or part in _KEYS_ANYWHERE or (at == 1 and is_named)
    ]


def _path(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _meant(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    alias = _OTHER_NAMES.get(word.lower().replace("-", "").replace("_", ""))
    if alias not in known:
        alias = None
    if close or alias:
        return f"; “{alias or close[0]}” is meant, perhaps"
    return f"; there are {', '.join(known)}"


# What other platforms call it.
_OTHER_NAMES = {
    "buildcommand": "build", "command": "build", "installcommand": "install",
    "outputdirectory": "output", "publish": "output", "outdir": "output", "dist": "output",
    "rootdirectory": "root", "base": "root", "directory": "root", "startcommand": "start",
    "nodeversion": "node", "ignorecommand": "ignore", "spa": "fallback", "headers": "cache",
    "dockerfilepath": "dockerfile", "stage": "target", "dockerbuildtarget": "target",
    "releasecommand": "release", "predeploycommand": "release", "predeploy": "release",
    "healthcheck": "readiness", "healthcheckpath": "readiness", "health": "readiness",
    "autoscaling": "scaling", "replicas": "scaling", "instances": "scaling", "scale": "scaling",
    "processes": "workers", "cron": "schedules", "crons": "schedules", "jobs": "schedules",
    "min": "minimum", "mininstances": "minimum", "minreplicas": "minimum", "max": "maximum",
    "maxinstances": "maximum", "maxreplicas": "maximum", "cpu": "cpu_percent",
    "concurrency": "requests_per_replica", "requests": "requests_per_replica",
    "idle": "idle_minutes", "schedule": "cron", "run": "command", "count": "replicas",
    "timeout": "timeout_seconds", "interval": "period_seconds", "period": "period_seconds",
    "grace": "grace_seconds", "retries": "failures", "stoptimeout": "stop_seconds",
}  # fmt: skip


def suggestion(word: str, known: Sequence[str]) -> str:
    """The end of a sentence that says which known word was meant."""
    return _meant(word, known)


def _reason(item: Any) -> str:
    given = item.get("input")
    kind = item["type"]
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "literal_error" and isinstance(given, str):
        expected = item["ctx"]["expected"].replace("'", "")
        return f"{_shown(given)} is not possible: it is one of {expected}"
    if kind == "string_too_short":
        return "it is empty: leave the key out, or write false where a step is not wanted"
    if kind == "string_pattern_mismatch" and item["loc"][-1] == "[key]":
        return _NAME_FORM
    if kind == "string_pattern_mismatch" and item["ctx"]["pattern"].startswith("^/"):
        what = "? or #" if "?" in item["ctx"]["pattern"] else "space and no #"
        return f"{_shown(given)} is not possible: it has to begin with / and hold no {what}"
    if kind == "missing":
        return "this key is needed here"
    if kind.startswith(("greater_than", "less_than")) and (low_high := _bounds(item["loc"])):
        return f"{_shown(given)} is not possible: it is {low_high[0]} to {low_high[1]}"
    if kind.startswith(("string_", "too_long")) and not kind.endswith("_type"):
        return str(item["msg"]).lower()
    return f"it has to be {_expected(item['loc'])}, not {_kind_of(given)}"


def _bounds(location: Sequence[str | int]) -> tuple[Any, Any] | None:
    """The least and the greatest value of a number at that place."""
    model = _MODELS.get(str(location[0]), BuildSettings) if len(location) > 1 else BuildSettings
    name = next((part for part in reversed(location) if part in model.model_fields), "")
    found = json.loads(json.dumps(model.model_json_schema()["properties"].get(name, {})))
    for form in (found, *found.get("anyOf", ())):
        if "minimum" in form and "maximum" in form:
            return form["minimum"], form["maximum"]
    return None


def _expected(location: Sequence[str | int]) -> str:
    table = str(location[0])
    if len(location) == 2 and (table in _NAMED or table == "cache"):
        return f"a table with {' and '.join(_NESTED[table][:2])}"
    # The innermost key that says more than "text"; a list's item is no list.
    names = [part for part in reversed(location) if isinstance(part, str) and part in _EXPECTED]
    if isinstance(location[-1], int):
        names = names[1:]
    return _EXPECTED[names[0]] if names else "text"


_EXPECTED = {
    "install": "text or false", "build": "text or false", "fallback": "text or false",
    "node": "text or a whole number", "cache": "a list of tables with path and policy",
    "watch": "a list of texts", "path": "text", "policy": "immutable or revalidate",
    "dockerfile": "text or false", "release": "text or false",
    "scaling": "a table with minimum and maximum", "readiness": "a table such as { path = \"/\" }",
    "liveness": "a table such as { path = \"/\" }", "workers": "a table of workers by name",
    "schedules": "a table of schedules by name", "command": "text", "cron": "text",
    **dict.fromkeys(
        ("port", "release_seconds", "stop_seconds", "minimum", "maximum", "cpu_percent",
         "requests_per_replica", "idle_minutes", "replicas", "seconds", "period_seconds",
         "timeout_seconds", "failures", "grace_seconds"),
        "a whole number",
    ),
}  # fmt: skip
_NAME_FORM = (
    "a name is lower-case letters, digits and hyphens, begins with a letter and has at most 30"
    " characters"
)


def _kind_of(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a fraction", str: "text"}
    names |= {list: "a list", dict: "a table"}
    if value is True or value is False:
        return json.dumps(value)
    return names.get(type(value), "this kind of value")


def _shown(value: Any) -> str:
    return f"“{str(value)[:60]}”"


KEYS = tuple(BuildSettings.model_fields)
_MODELS: dict[str, type[Request]] = {
    "cache": CacheRule, "readiness": HealthCheck, "liveness": HealthCheck, "scaling": Scaling,
    "workers": Worker, "schedules": Schedule,
}  # fmt: skip
_NESTED = {name: tuple(model.model_fields) for name, model in _MODELS.items()}
# Tables of tables, each called by a name that a person chose.
_NAMED = ("workers", "schedules")
_KEYS_ANYWHERE = {*KEYS, *(key for keys in _NESTED.values() for key in keys)}
