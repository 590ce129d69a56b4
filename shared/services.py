"""Every client and service of a process, built on first use.

Nothing is opened at import: a cold start pays only for what its first call needs. Modules that
few calls need are imported where they are used, for the same reason.
"""

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from shared.accounts.service import AccountService
from shared.accounts.tokens import AccessTokens
from shared.api_tokens.service import ApiTokenService
from shared.clients.blobs import Blobs
from shared.clients.queues import Queues
from shared.clients.redis import RedisClient
from shared.config import Settings, settings
from shared.database import Database, Row, Scope
from shared.deliveries.service import DeliveryService
from shared.idempotency.service import IdempotencyService
from shared.projects.service import ProjectService
from shared.rate_limits.service import RateLimitService
from shared.routes.service import RouteService

if TYPE_CHECKING:
    from shared.builders.port import Builder
    from shared.clients.kafka import Producer
    from shared.clients.webpubsub import PushClient
    from shared.clusters.port import Cluster, WorkloadStatus
    from shared.crypto import Crypto
    from shared.deployments.admission import Admission
    from shared.deployments.advance import Advancer
    from shared.deployments.given_variables import GivenVariables
    from shared.deployments.service import DeploymentService
    from shared.events.service import EventService
    from shared.health.service import HealthService
    from shared.health.status import StatusService
    from shared.logs.runtime.service import RuntimeLogService
    from shared.logs.service import LogService
    from shared.members.service import MemberService
    from shared.metrics.service import MetricsService
    from shared.operations.service import OperationsService
    from shared.platform_sites.service import PlatformSiteService
    from shared.projects.prebuilt import PrebuiltService
    from shared.sources.guard import Guard
    from shared.upkeep import Upkeep
    from shared.variables.service import VariableService
    from shared.workloads.gateway import GatewayService
    from shared.workloads.hints import Hints
    from shared.workloads.looks import Looks
    from shared.workloads.service import WorkloadService
    from shared.workloads.task_looks import TaskLooks
    from shared.workloads.tasks import TaskService


class Services:
    """The composition of the control plane from its settings."""

    def __init__(self, configured: Settings) -> None:
        self.settings = configured

    @cached_property
    def database(self) -> Database:
        """The pool of this app's role."""
        return Database(self.settings.database_url, self.settings.database_pool)

    @cached_property
    def crypto(self) -> "Crypto":
        """Seals what must not be read from the database."""
        from shared.crypto import Crypto

        return Crypto(self.settings.encryption_keys)

    @cached_property
    def redis(self) -> RedisClient:
        """The line of waiting requests, rate limits, heartbeats."""
        return RedisClient(self.settings.redis_url)

    @cached_property
    def blobs(self) -> Blobs:
        """Objects, manifests, routes, staged archives."""
        return Blobs(self.settings.storage)

    @cached_property
    def queues(self) -> Queues:
        """Hints."""
        return Queues(self.settings.storage)

    @cached_property
    def producer(self) -> "Producer":
        """Log records and events."""
        from shared.clients.kafka import Producer

        return Producer(
            self.settings.kafka_brokers,
            protocol=self.settings.kafka_protocol,
            username=self.settings.kafka_username,
            password=self.settings.kafka_password,
        )

    @cached_property
    def push(self) -> "PushClient":
        """Browsers and terminals that watch."""
        from shared.clients.webpubsub import PushClient

        return PushClient(self.settings.webpubsub, self.settings.webpubsub_hub)

    @cached_property
    def accounts(self) -> AccountService:
        """Users, members, sessions."""
        secret = self.settings.development_secret if self.settings.is_local else ""
        return AccountService(self.database, AccessTokens(self.settings.signing_keys), secret)

    @cached_property
    def api_tokens(self) -> ApiTokenService:
        """What programs sign in with."""
        return ApiTokenService(self.database)

    @cached_property
    def members(self) -> "MemberService":
        """Who belongs to an account."""
        from shared.members.service import MemberService

        return MemberService(self.database, self.settings.signing_keys)

    @cached_property
    def idempotency(self) -> IdempotencyService:
        """Kept answers."""
        return IdempotencyService(self.database)

    @cached_property
    def rate_limits(self) -> RateLimitService:
        """Requests a minute."""
        return RateLimitService(self.redis)

    @cached_property
    def logs(self) -> "LogService":
        """Log lines: written, stored, read."""
        from shared.logs.service import LogService
        from shared.logs.store import LogStore

        return LogService(
            LogStore(self.database),
            self.producer,
            self.push,
            self.given_variables.secrets_of,
            runtime=self.runtime_logs,
        )

    @cached_property
    def runtime_logs(self) -> "RuntimeLogService":
        """What servers wrote."""
        from shared.logs.runtime.search import LogSearch
        from shared.logs.runtime.service import RuntimeLogService
        from shared.logs.runtime.store import RuntimeLogStore

        return RuntimeLogService(
            RuntimeLogStore(self.database),
            LogSearch(self.database),
            self.given_variables.secrets_of,
        )

    @cached_property
    def metrics(self) -> "MetricsService":
        """How servers are used."""
        from shared.metrics.service import MetricsService

        return MetricsService(self.database, self.gateway.report_load)

    @cached_property
    def events(self) -> "EventService":
        """Changes told to whoever watches."""
        from shared.events.service import EventService

        return EventService(self.producer, self.push)

    @cached_property
    def routes(self) -> RouteService:
        """What answers a host."""
        return RouteService(self.database, self.blobs)

    @cached_property
    def deliveries(self) -> DeliveryService:
        """Payload-bearing work."""
        handlers = {
            "route": self.routes.deliver,
            "log_end": self._end_log,
            "run_end": self._end_run,
            "cache_clear": self._clear_cache,
            "image_end": self._end_image,
        }
        return DeliveryService(self.database, self.queues, handlers)

    @cached_property
    def projects(self) -> ProjectService:
        """Projects and uploads."""
        return ProjectService(
            self.database, self.deliveries, self.blobs, self.crypto, self.settings
        )

    @cached_property
    def variables(self) -> "VariableService":
        """Environment variables."""
        from shared.variables.service import VariableService

        return VariableService(self.database, self.crypto)

    @cached_property
    def prebuilt(self) -> "PrebuiltService":
        """Finished sites, sent by their digests."""
        from shared.projects.prebuilt import PrebuiltService

        return PrebuiltService(self.database, self.blobs, self.settings)

    @cached_property
    def given_variables(self) -> "GivenVariables":
        """What deployments are given."""
        from shared.deployments.given_variables import GivenVariables

        return GivenVariables(self.database, self.crypto, self.settings)

    @cached_property
    def guard(self) -> "Guard":
        """The way out to addresses that users name."""
        from shared.sources.guard import Guard

        return Guard(
            allowed=self.settings.outgoing_allowed,
            certificates=self.settings.outgoing_certificates or None,
            proxy=self.settings.outgoing_proxy or None,
        )

    @cached_property
    def builder(self) -> "Builder":
        """Where commands of tenants run."""
        from shared.builders import builder_of

        return builder_of(self.settings)

    @cached_property
    def cluster(self) -> "Cluster":
        """Where servers of tenants run."""
        from shared.clusters import cluster_of

        return cluster_of(self.settings)

    @cached_property
    def deployments(self) -> "DeploymentService":
        """Deployments as members act on them."""
        from shared.deployments.service import DeploymentService

        return DeploymentService(
            self.database, self.queues, self.deliveries, self.workload_hints, self.settings
        )

    @cached_property
    def workload_hints(self) -> "Hints":
        """Messages that have workloads looked at."""
        from shared.workloads.hints import Hints

        return Hints(self.database, self.queues)

    @cached_property
    def workloads(self) -> "WorkloadService":
        """What runs, as members act on it."""
        from shared.workloads.service import WorkloadService

        return WorkloadService(
            self.database, self.deliveries, self.workload_hints, self.crypto, self.cluster
        )

    @cached_property
    def workload_looks(self) -> "Looks":
        """What brings workloads to their rows' state."""
        from shared.workloads.changes import Changes
        from shared.workloads.looks import Looks
        from shared.workloads.settling import Settling

        changes = Changes(self.database, self.deliveries)
        hints = self.workload_hints
        settling = Settling(
            changes,
            self.cluster,
            self.crypto,
            self._watch_workload,
            hints.send_all,
            self.settings.drain_seconds,
        )
        return Looks(changes, hints, self.cluster, settling)

    @cached_property
    def tasks(self) -> "TaskService":
        """Tasks as members act on them."""
        from shared.workloads.tasks import TaskService

        return TaskService(self.database, self.queues)

    @cached_property
    def task_looks(self) -> "TaskLooks":
        """What runs tasks."""
        from shared.workloads.task_looks import TaskLooks

        return TaskLooks(self.database, self.queues, self.cluster, self.crypto, self.logs)

    @cached_property
    def gateway(self) -> "GatewayService":
        """What the gateway asks for."""
        from shared.workloads.gateway import GatewayService

        return GatewayService(self.database, self.workload_hints)

    @cached_property
    def health(self) -> "HealthService":
        """Whether all of the above answer."""
        from shared.health.service import HealthService

        probes = {
            "postgres": self.database.ping,
            "redis": self.redis.ping,
            "blob storage": self.blobs.ping,
            "queues": self.queues.ping,
            "kafka": self.producer.ping,
            "web pubsub": self.push.ping,
        }
        return HealthService(self.redis, probes)

    @cached_property
    def status(self) -> "StatusService":
        """What anyone may know."""
        from shared.health.status import StatusService

        local = self.settings.is_local
        return StatusService(self.health, self.accounts, self.projects, show_sites=local)

    @cached_property
    def operations(self) -> "OperationsService":
        """What operators see."""
        from shared.operations.service import OperationsService

        return OperationsService(self.database, self.queues, self.settings)

    @cached_property
    def admission(self) -> "Admission":
        """Places for waiting deployments."""
        from shared.deployments.admission import Admission
        from shared.deployments.announcements import Announcements
        from shared.deployments.waiting_line import WaitingLine

        return Admission(
            self.database,
            WaitingLine(self.redis),
            self.queues,
            self.deliveries,
            Announcements(self.events),
            self.settings,
        )

    @cached_property
    def advancer(self) -> "Advancer":
        """What moves deployments."""
        from shared.deployments.advance import Advancer
        from shared.deployments.announcements import Announcements
        from shared.deployments.completion import Completion
        from shared.deployments.steps.admit import Admit
        from shared.deployments.steps.build import Build
        from shared.deployments.steps.fetch import Fetch
        from shared.deployments.steps.git_source import GitFetch
        from shared.deployments.steps.image_source import ImageLookup
        from shared.deployments.steps.publish import Publish
        from shared.deployments.steps.rollout import Rollout
        from shared.sites.publisher import Publisher

        git = GitFetch(self.blobs, self.database, self.guard, self.crypto)
        completion = Completion(
            self.database,
            self.deliveries,
            self.admission,
            Announcements(self.events),
            self.workload_hints,
            self.settings,
        )
        given = self.given_variables
        return Advancer(
            self.database,
            self.queues,
            self.logs,
            completion,
            {
                "queued": Admit(self.admission),
                "fetching": Fetch(
                    self.blobs,
                    self.database,
                    git,
                    ImageLookup(self.guard, self.crypto),
                    given,
                    self.cluster,
                    runs_servers=self.settings.cluster != "none",
                ),
                "building": Build(self.builder, self.blobs, self.logs, given),
                "publishing": Publish(
                    Publisher(self.blobs, self.database),
                    self.builder,
                    self.blobs,
                    self.database,
                    given,
                ),
                "rolling_out": Rollout(self.cluster, self.database, self.crypto, self.logs, given),
            },
            self.builder,
            self.cluster,
            self.settings.deployment_lease,
        )

    @cached_property
    def platform_sites(self) -> "PlatformSiteService":
        """Our own front ends."""
        from shared.platform_sites.service import PlatformSiteService

        return PlatformSiteService(self.database, self.blobs, self.queues, self.settings)

    @cached_property
    def upkeep(self) -> "Upkeep":
        """Sweeps and clean-up."""
        from shared.upkeep import Upkeep

        return Upkeep(self)

    async def _end_log(self, scope: Scope, payload: dict[str, Any]) -> None:
        await self.logs.deliver_end(scope, payload)

    async def _end_image(self, scope: Scope, payload: dict[str, Any]) -> None:
        from shared.workloads.images import Images

        await Images(self.database, self.builder).deliver_end(scope, payload)

    async def _watch_workload(self, row: Row, status: "WorkloadStatus") -> None:
        """What was seen of a workload."""
        await self.metrics.record_usage(row["release_id"], status.replicas)
        if not self.cluster.logs_restarts:
            from shared.workloads.restarts import Restarts

            await Restarts(self.logs).tell(row, status)

    async def _end_run(self, _scope: Scope, payload: dict[str, Any]) -> None:
        await self.builder.delete(payload["key"])

    async def _clear_cache(self, _scope: Scope, payload: dict[str, Any]) -> None:
        await self.builder.clear_cache(payload["cache"])

    async def close(self) -> None:
        """Close every client that was opened."""
        opened = vars(self)
        for name in ("builder", "cluster"):
            if name in opened and hasattr(opened[name], "close"):
                await opened[name].close()
        for name in ("producer", "push", "blobs", "queues", "redis", "database"):
            if name in opened:
                await opened[name].close()


@cache
def services() -> Services:
    """The services of this process."""
    return Services(settings())
