"""Projects that say themselves how they are built and run, in any language."""

from shared.detection.app import App
from shared.detection.frameworks.entry import Found, Framework, Plan, Runtime

DOCKERFILE = Framework(
    slug="dockerfile",
    name="Dockerfile",
    kind="dynamic",
    runtime="none",
    files=("Dockerfile",),
    besides=lambda app: not _is_off(app),
    refine=lambda app: Plan(
        kind="dynamic",
        kind_text="a Dockerfile says how it is built and run",
        install=Found(None, "the Dockerfile says what is installed"),
        build=Found(None, "the Dockerfile says how it is built"),
    ),
)


def _is_off(app: App) -> bool:
    chosen = app.settings.get("dockerfile")
    return chosen is not None and chosen.value is False


_PYTHON_COMMANDS = ("python", "python3", "gunicorn", "uvicorn", "hypercorn", "waitress-serve",
                    "daphne", "granian", "flask")  # fmt: skip


def _runtime(app: App) -> Runtime:
    """What the web process needs to be there."""
    if app.package is not None:
        return "node"
    command = (app.procfile_web or "").split()
    if app.server_python.install or (command and command[0] in _PYTHON_COMMANDS):
        return "python"
    return "go" if app.has("go.mod") else "none"


PROCFILE = Framework(
    slug="procfile",
    name="Procfile",
    kind="dynamic",
    runtime="none",
    is_server=True,
    matches=lambda app: "Procfile names a web process" if app.procfile_web else None,
    known_by="`Procfile` with a `web` process",
    refine=lambda app: Plan(
        kind="dynamic", kind_text="Procfile names a web process", runtime=_runtime(app)
    ),
)
