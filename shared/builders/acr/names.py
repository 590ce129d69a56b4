"""Names in the registry and in Azure, each derived from a run's key."""

import hashlib
import re

# The registry keeps what is ours below this name, so that it is told from projects' images.
RUNS = "astrocloud/runs"
_OUTPUTS = "astrocloud/outputs"
CACHES = "astrocloud/caches"
_TASK_RUN = re.compile(r"[A-Za-z0-9-]{5,50}")
_NOT_IN_A_REPOSITORY = re.compile(r"[^a-z0-9/]+")


def task_run(key: str) -> str:
    """The name of the run's resource in Azure, which allows 5 to 50 characters."""
    if _TASK_RUN.fullmatch(key):
        return key
    return f"run-{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def claim_tag(key: str) -> str:
    """The tag of what a run was begun with."""
    return key


def end_tag(key: str) -> str:
    """The tag of how a run ended; no key holds a dot."""
    return f"{key}.end"


def output_repository(key: str) -> str:
    """Where a static run's files lie until they are published."""
    return f"{_OUTPUTS}/{key}"


def cache_repository(name: str) -> str:
    """Where the layers of a project's and trust scope's installs lie."""
    parts = (_NOT_IN_A_REPOSITORY.sub("-", part.lower()).strip("-") for part in name.split("/"))
    return "/".join((CACHES, *(part or "x" for part in parts)))
