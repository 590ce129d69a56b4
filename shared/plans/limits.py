"""Every limit of a plan, declared once: API, pages and documentation render this list."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound: its name, what it counts, the value where a plan says nothing, and its meaning."""

    name: str
    unit: str
    default: int
    text: str


PROJECTS = Limit("projects", "projects", 100, "Projects in the account")
CONCURRENT_DEPLOYMENTS = Limit(
    "concurrent_deployments", "deployments", 2, "Deployments of the account at work at once"
)
UPLOAD_BYTES = Limit("upload_bytes", "bytes", 500_000_000, "Size of one uploaded archive")
SITE_FILES = Limit("site_files", "files", 50_000, "Files in one release")
SITE_BYTES = Limit("site_bytes", "bytes", 2_000_000_000, "Size of one release, unpacked")
FILE_BYTES = Limit("file_bytes", "bytes", 500_000_000, "Size of one file in a release")
BUILD_SECONDS = Limit("build_seconds", "seconds", 1200, "Time of one build")
BUILD_MEMORY_BYTES = Limit("build_memory_bytes", "bytes", 4_294_967_296, "Memory of one build")
BUILD_DISK_BYTES = Limit("build_disk_bytes", "bytes", 8_589_934_592, "What one build may write")
BUILD_LOG_BYTES = Limit("build_log_bytes", "bytes", 16_777_216, "What one build may print")
VARIABLES = Limit("variables", "variables", 500, "Variables of one project, or of the account")
VARIABLE_BYTES = Limit(
    "variable_bytes", "bytes", 262_144, "Names and values of one project's variables together"
)
IMAGE_BYTES = Limit("image_bytes", "bytes", 2_147_483_648, "Size of one image, compressed")
REPLICAS = Limit("replicas", "replicas", 10, "Replicas of one process of a release")
REPLICA_CPU_MILLIS = Limit(
    "replica_cpu_millis", "thousandths of a core", 500, "Processor time of one replica"
)
REPLICA_MEMORY_BYTES = Limit("replica_memory_bytes", "bytes", 536_870_912, "Memory of one replica")
PROJECT_REPLICAS = Limit(
    "project_replicas", "replicas", 30, "Replicas of one project at once, of all its releases"
)
WORKERS = Limit("workers", "processes", 5, "Worker processes of one release")
SCHEDULES = Limit("schedules", "schedules", 10, "Schedules of one release")
TASK_SECONDS = Limit("task_seconds", "seconds", 3600, "Longest time of one task")
KEPT_RELEASES = Limit(
    "kept_releases", "releases", 5, "Dynamic releases of an environment kept for a rollback"
)
RUNTIME_LOG_BYTES = Limit(
    "runtime_log_bytes",
    "bytes",
    134_217_728,
    "What is kept of the lines of one project's servers, compressed; the oldest go first",
)
RUNTIME_LOG_HOURS = Limit(
    "runtime_log_hours", "hours", 24, "How long lines of a project's servers are kept"
)

LIMITS = (
    PROJECTS,
    CONCURRENT_DEPLOYMENTS,
    UPLOAD_BYTES,
    SITE_FILES,
    SITE_BYTES,
    FILE_BYTES,
    BUILD_SECONDS,
    BUILD_MEMORY_BYTES,
    BUILD_DISK_BYTES,
    BUILD_LOG_BYTES,
    VARIABLES,
    VARIABLE_BYTES,
    IMAGE_BYTES,
    REPLICAS,
    REPLICA_CPU_MILLIS,
    REPLICA_MEMORY_BYTES,
    PROJECT_REPLICAS,
    WORKERS,
    SCHEDULES,
    TASK_SECONDS,
    KEPT_RELEASES,
    RUNTIME_LOG_BYTES,
    RUNTIME_LOG_HOURS,
)


def value_of(limit: Limit, own: Mapping[str, int]) -> int:
    """The account's value: its own where it has one, else the default."""
    return int(own.get(limit.name, limit.default))
