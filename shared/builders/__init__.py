"""Builders: where a source becomes files or an image. ``port`` is what they have in common."""

from typing import TYPE_CHECKING

from shared.config import MissingSetting, Settings

if TYPE_CHECKING:
    from shared.builders.port import Builder


def builder_of(settings: Settings) -> "Builder":
    """The builder that the settings name; raises MissingSetting. A new one: one entry here."""
    if settings.builder == "runner":
        from shared.builders.runner import RunnerBuilder

        if not settings.runner_socket:
            raise MissingSetting("RUNNER_SOCKET is not set: BUILDER=runner needs it")
        return RunnerBuilder(settings.runner_socket)
    if settings.builder == "none":
        from shared.builders.none import NoBuilder

        return NoBuilder()
    raise MissingSetting(f"BUILDER is {settings.builder!r}: it is runner or none")
