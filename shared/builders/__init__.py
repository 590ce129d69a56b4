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
    if settings.builder == "acr":
        return _acr(settings)
    if settings.builder == "none":
        from shared.builders.none import NoBuilder

        return NoBuilder()
    raise MissingSetting(f"BUILDER is {settings.builder!r}: it is runner, acr or none")


def _acr(settings: Settings) -> "Builder":
    from shared.builders.acr import AcrBuilder, Where

    needed = {
        "AZURE_SUBSCRIPTION_ID": settings.azure_subscription,
        "AZURE_RESOURCE_GROUP": settings.azure_resource_group,
        "ACR_REGISTRY": settings.acr_registry,
    }
    absent = [name for name, value in needed.items() if not value]
    if absent:
        raise MissingSetting(f"{', '.join(absent)} not set: BUILDER=acr needs them")
    where = Where(
        subscription=settings.azure_subscription,
        group=settings.azure_resource_group,
        registry=settings.acr_registry,
        url=settings.azure_management,
    )
    return AcrBuilder(where, settings.acr_login_server or f"{settings.acr_registry}.azurecr.io")
