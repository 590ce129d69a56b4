"""Composes the stack: which services and steps there are, and who needs whom."""

from pathlib import Path

from infrastructure.local import apps, seed, storage
from infrastructure.local.installation import Installation
from infrastructure.local.nodes import Node, Service, Step
from infrastructure.local.services import (
    azurite,
    functions,
    gateway,
    kafka,
    postgres,
    runner,
    valkey,
    webpubsub,
)


def compose(
    installation: Installation, *, core_tools: Path | None = None, sample_servers: bool = False
) -> list[Node]:
    """Everything that ``./dev up`` runs, in the order in which it is shown."""
    found: list[Node] = [
        *stores(installation),
        *steps(installation),
        *platform(installation, core_tools),
        *seed.steps(installation, needs=("api", "worker", "gateway")),
    ]
    if sample_servers:
        found.append(seed.servers_step(installation, needs=("api", "worker", "gateway", "runner")))
    return found


def stores(installation: Installation) -> list[Service]:
    """What keeps or carries data."""
    paths, ports, secrets = installation.paths, installation.ports, installation.secrets
    found = [
        postgres.service(paths, ports["postgres"], secrets),
        valkey.service(paths, ports["valkey"], secrets.text("valkey")),
        azurite.service(paths, ports, secrets.base64("azurite")),
        webpubsub.service(paths, ports, secrets),
    ]
    if not kafka.external(installation.outside):
        found.insert(2, kafka.service(paths, ports["kafka"]))
    return found


def steps(installation: Installation) -> list[Step]:
    """What must have been done before the platform can work."""
    owner = installation.database_url(postgres.OWNER)

    async def migrate() -> str:
        from shared.migrate import migrate

        applied = await migrate(owner)
        return f"{len(applied)} applied" if applied else "nothing new"

    async def make_storage() -> str:
        return await storage.create_all(installation.storage)

    async def stage() -> str:
        return await apps.stage_all(installation)

    found = [
        postgres.roles_step(installation.ports["postgres"], installation.secrets),
        Step(name="migrations", run=migrate, needs=("database",)),
        Step(name="storage", run=make_storage, needs=("azurite",)),
        Step(name="apps", run=stage),
    ]
    if brokers := kafka.external(installation.outside):
        found.append(_topics_step(brokers))
    return found


def platform(installation: Installation, core_tools: Path | None) -> list[Service]:
    """The function apps, what builds for them, and the gateway before them."""
    paths, ports = installation.paths, installation.ports
    external = kafka.external(installation.outside)
    broker = "topics" if external else "kafka"
    session = functions.OTHER_SESSION if external else functions.EMBEDDED_SESSION
    needs = ("apps", "migrations", "storage", "valkey", "webpubsub", broker)
    services = [
        functions.service(
            app, paths, ports[app], needs=needs, core_tools=core_tools, kafka_session=session
        )
        for app in apps.APPS
    ]
    return [
        *services,
        runner.service(installation),
        gateway.service(installation, needs=("storage",)),
    ]


def _topics_step(brokers: str) -> Step:
    async def run() -> str:
        await kafka.create_topics(brokers)
        return brokers

    return Step(name="topics", run=run)
