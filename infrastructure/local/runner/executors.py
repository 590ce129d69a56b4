"""Which executors there are: one entry each."""

from collections.abc import Callable

from infrastructure.local.runner.executor import Executor


def _sandbox(environment: str, marker: str) -> Executor:
    from infrastructure.local.runner.sandbox import Sandbox

    return Sandbox(is_local=environment == "local", marker=marker)


_MAKERS: dict[str, Callable[[str, str], Executor]] = {"sandbox": _sandbox}
NAMES = tuple(_MAKERS)


def create(name: str, environment: str, marker: str) -> Executor:
    """An executor; ``marker`` is the value of ``folders.MARKER`` in what it starts."""
    return _MAKERS[name](environment, marker)
