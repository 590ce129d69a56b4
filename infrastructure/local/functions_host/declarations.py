"""Reads what an app declares, once, and refuses by name what this host or Azure's worker would.

The checks of parameters mirror Microsoft's Python worker, so that an app that starts here also
indexes there. Running functions is ``invoker``'s business, listening that of each trigger.
"""

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import azure.functions as func

from infrastructure.local.functions_host.errors import HostError, Unsupported
from infrastructure.local.functions_host.templates import Template

_RESERVED_ROUTES = ("admin", "runtime")
_SUPPORTED_KEYS = {
    "httpTrigger": {"route", "methods", "authLevel"},
    "queueTrigger": {"queueName", "connection", "dataType"},
    "timerTrigger": {"schedule", "runOnStartup", "useMonitor"},
    "kafkaTrigger": {
        *("topic", "brokerList", "consumerGroup", "cardinality", "dataType", "keyDataType"),
        *("protocol", "authenticationMode", "username", "password", "lagThreshold"),
    },
}
_COMMON_KEYS = {"name", "type", "direction"}
# Where an attribute is known but only some of its values are.
_SUPPORTED_VALUES = {
    "authLevel": {"ANONYMOUS"},
    "dataType": {"UNDEFINED", "STRING", "BINARY"},
    "keyDataType": {"STRING"},
    "cardinality": {"ONE", "MANY"},
    "protocol": {"NOTSET", "PLAINTEXT", "SSL", "SASLPLAINTEXT", "SASLSSL"},
    "authenticationMode": {"NOTSET", "PLAIN", "SCRAMSHA256", "SCRAMSHA512"},
}


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """An anonymous HTTP trigger; no methods means all."""

    template: Template
    methods: frozenset[str]


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """A storage queue trigger; ``connection`` names the setting with the connection string."""

    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A timer; the schedule may hold ``%SETTING%``."""

    schedule: str
    run_on_startup: bool


@dataclass(frozen=True, slots=True)
class KafkaTrigger:
    """A Kafka trigger; texts may hold ``%SETTING%`` or be a setting's name."""

    topic: str
    brokers: str
    group: str
    many: bool
    protocol: str
    authentication: str
    username: str
    password: str


Trigger: TypeAlias = HttpTrigger | QueueTrigger | TimerTrigger | KafkaTrigger


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """One function that an app declares: how to call it, and when."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    argument: str
    wants_context: bool
    trigger: Trigger
    directory: str


def load(module_name: str = "function_app") -> list[Function]:
    """Import the app and read its functions; the app must be on ``sys.path``."""
    module = importlib.import_module(module_name)
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise HostError(
            f"{module_name}.py must define one func.FunctionApp at its top level, not {len(apps)}"
        )
    # Once only: a second call finds each name taken and raises.
    return read(apps[0].get_functions())


def read(declared: list[Any]) -> list[Function]:
    """Check and convert what ``get_functions`` gave."""
    functions = [_function(function) for function in declared]
    _refuse_duplicate_routes(functions)
    return functions


def _function(declared: Any) -> Function:
    name = declared.get_function_name()
    where = f"function {name}"
    trigger = declared.get_trigger()
    if trigger is None:
        raise HostError(f"{where} has no trigger")
    _check_bindings(declared, trigger, where)
    call = declared.get_user_function()
    return Function(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        argument=trigger.name,
        wants_context=_check_parameters(call, trigger.name, where),
        trigger=_trigger(trigger.get_dict_repr(), name, where),
        directory=str(Path(inspect.getfile(call)).parent),
    )


def _check_bindings(declared: Any, trigger: Any, where: str) -> None:
    if trigger.type not in _SUPPORTED_KEYS:
        raise Unsupported(where, f"the trigger {trigger.type}")
    for binding in declared.get_bindings():
        response = binding.type == "http" and binding.name == "$return"
        if binding is trigger or (response and trigger.type == "httpTrigger"):
            continue
        direction = "output" if int(binding.direction) == 1 else "input"
        raise Unsupported(where, f"the {direction} binding {binding.type}")
    if declared.get_settings_dict("retry_policy"):
        raise Unsupported(where, "a retry policy")


def _check_parameters(call: Callable[..., Any], argument: str, where: str) -> bool:
    names = set(inspect.signature(call).parameters)
    if argument not in names:
        raise HostError(f"{where} has no parameter {argument}, which its trigger names")
    for name in sorted(names - {argument, "context"}):
        raise Unsupported(where, f"the parameter {name}, which no trigger fills,")
    try:
        annotation = typing.get_type_hints(call).get(argument)
    except NameError as error:
        raise HostError(f"{where}: an annotation cannot be resolved: {error}") from None
    if isinstance(annotation, types.GenericAlias):
        raise HostError(
            f"{where}: the annotation {annotation} of {argument} is refused by Azure's worker; "
            "use typing.List"
        )
    return "context" in names


def _trigger(values: Mapping[str, Any], name: str, where: str) -> Trigger:
    kind = values["type"]
    values = {key: value for key, value in values.items() if value is not None}
    for key in sorted(values.keys() - _SUPPORTED_KEYS[kind] - _COMMON_KEYS):
        raise Unsupported(where, f"the {kind} attribute {key}")
    for key, allowed in _SUPPORTED_VALUES.items():
        if key in values and _name(values[key]) not in allowed:
            raise Unsupported(where, f"{key} {_name(values[key])}")
    return _BUILDERS[kind](values, name, where)


def _name(value: Any) -> str:
    return str(getattr(value, "name", value)).upper()


def _http(values: Mapping[str, Any], name: str, where: str) -> HttpTrigger:
    # The host's own default for a missing level is "function", so it must be said.
    if "authLevel" not in values:
        raise Unsupported(where, "authLevel FUNCTION (the default where none is given)")
    route = values.get("route") or name
    if route.lower().startswith(_RESERVED_ROUTES):
        raise HostError(
            f"{where}: the route {route} conflicts with one or more built in routes; "
            "no route may begin with admin or runtime"
        )
    methods = frozenset(_name(method) for method in values.get("methods") or ())
    return HttpTrigger(Template(route, where), methods)


def _queue(values: Mapping[str, Any], name: str, where: str) -> QueueTrigger:
    connection = values.get("connection") or "AzureWebJobsStorage"
    return QueueTrigger(queue=values["queueName"], connection=connection)


def _timer(values: Mapping[str, Any], name: str, where: str) -> TimerTrigger:
    return TimerTrigger(values["schedule"], bool(values.get("runOnStartup")))


def _kafka(values: Mapping[str, Any], name: str, where: str) -> KafkaTrigger:
    return KafkaTrigger(
        topic=values["topic"],
        brokers=values["brokerList"],
        group=values.get("consumerGroup", ""),
        many=_name(values.get("cardinality", "ONE")) == "MANY",
        protocol=_name(values.get("protocol", "NOTSET")),
        authentication=_name(values.get("authenticationMode", "NOTSET")),
        username=values.get("username", ""),
        password=values.get("password", ""),
    )


_BUILDERS: dict[str, Callable[[Mapping[str, Any], str, str], Trigger]] = {
    "httpTrigger": _http,
    "queueTrigger": _queue,
    "timerTrigger": _timer,
    "kafkaTrigger": _kafka,
}


def _refuse_duplicate_routes(functions: list[Function]) -> None:
    seen: dict[tuple[tuple[str, ...], str], Function] = {}
    for function, key in _route_keys(functions):
        other = seen.setdefault(key, function)
        if other is not function:
            raise HostError(
                f"function {function.name}: the route {key[1]} /{'/'.join(key[0])} "
                f"is already that of function {other.name}"
            )


def _route_keys(
    functions: list[Function],
) -> Iterator[tuple[Function, tuple[tuple[str, ...], str]]]:
    every = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS")
    for function in functions:
        if isinstance(function.trigger, HttpTrigger):
            for method in function.trigger.methods or every:
                yield function, (function.trigger.template.shape, method)
