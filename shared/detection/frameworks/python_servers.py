"""Servers in Python: how the application is found and started."""

import re
from collections.abc import Callable

from shared.detection.app import App
from shared.detection.errors import SeveralServers
from shared.detection.frameworks.entry import Found, Framework, Plan
from shared.detection.python_applications import (
    Application,
    Kind,
    applications,
    find_application,
    place_of,
    python_files,
)

# How each server is told the application and where to listen; ``{0}`` is ``module:name``.
_ASGI = {
    "uvicorn": "uvicorn {0} --host 0.0.0.0 --port $PORT",
    "hypercorn": "hypercorn {0} --bind 0.0.0.0:$PORT",
    "granian": "granian --interface asgi {0} --host 0.0.0.0 --port $PORT",
    "daphne": "daphne -b 0.0.0.0 -p $PORT {0}",
}
_WSGI = {
    "gunicorn": "gunicorn {0} --bind 0.0.0.0:$PORT",
    "waitress": "waitress-serve --listen=0.0.0.0:$PORT {0}",
    "granian": "granian --interface wsgi {0} --host 0.0.0.0 --port $PORT",
    "hypercorn": "hypercorn {0} --bind 0.0.0.0:$PORT",
}
# What a factory is called with; the others take none.
_FACTORY = {
    "uvicorn": "uvicorn --factory {0} --host 0.0.0.0 --port $PORT",
    "granian": "granian --factory --interface {1} {0} --host 0.0.0.0 --port $PORT",
    "waitress": "waitress-serve --listen=0.0.0.0:$PORT --call {0}",
    "gunicorn": "gunicorn '{0}()' --bind 0.0.0.0:$PORT",
    "hypercorn": "hypercorn '{0}()' --bind 0.0.0.0:$PORT",
}
_SERVERS = {"asgi": _ASGI, "wsgi": _WSGI}

FASTAPI_KIND = Kind("fastapi", ("FastAPI",), "asgi")
STARLETTE_KIND = Kind("starlette", ("Starlette",), "asgi")
LITESTAR_KIND = Kind("litestar", ("Litestar",), "asgi")
FLASK_KIND = Kind("flask", ("Flask",), "wsgi")
_PLAIN = {
    "asgi": (Kind("quart", ("Quart",), "asgi"), Kind("sanic", ("Sanic",), "asgi"),
             Kind("blacksheep", ("Application",), "asgi"), Kind(r"falcon\.asgi", ("App",), "asgi")),
    "wsgi": (Kind("bottle", ("Bottle", "default_app"), "wsgi"),
             Kind("falcon", ("App", "API"), "wsgi"), Kind("pyramid", ("make_wsgi_app",), "wsgi")),
}  # fmt: skip
_CALLABLES = {
    "asgi": re.compile(r"^async def (\w{1,60})\(\s*scope\b[^)]{0,80}\)", re.MULTILINE),
    "wsgi": re.compile(
        r"^def (\w{1,60})\(\s*env(?:iron)?\b[^)]{0,60}start_response\b[^)]{0,40}\)", re.MULTILINE
    ),
}
_ASSIGNED = re.compile(r"^(application|app)\s*(?::[^=\n]{1,80})?=", re.MULTILINE)


def served(app: App, found: Application, interface: str, package: str | None = None) -> Plan:
    """Started by the server that the project names; without one the usual one is added.

    ``package`` is the framework's own, which has to be there as well.
    """
    servers = _SERVERS[interface]
    python = app.server_python
    usual = "uvicorn" if interface == "asgi" else "gunicorn"
    server = next((name for name in servers if name in python.packages), None)
    form = (_FACTORY if found.is_factory else servers).get(server or usual, servers[usual])
    command = form.format(found.target, interface)
    if found.folder:
        command = f"PYTHONPATH={found.folder} {command}"
    text = f"{app.shown(found.file)} makes the application"
    missing = [name for name in (package, None if server else usual) if name is not None]
    missing = [name for name in missing if name not in python.packages]
    if not missing:
        return Plan(start=Found(command, f"{text}, and {server} is among the packages"))
    names = " and ".join(missing)
    are = "are" if len(missing) > 1 else "is"
    return Plan(
        install=Found(
            python.and_also(" ".join(missing)),
            f"{python.text or 'no file names packages'}; {names} {are} not among them and added",
        ),
        start=Found(command, f"{text}, and {server or usual} serves it"),
        warnings=(
            f"{names} {are} not among the packages, so the newest {are} installed at each build."
            f" Next: add {names} to {_list_of(app)}, so that the versions are yours.",
        ),
    )


def _list_of(app: App) -> str:
    """The file that names the packages."""
    names = ("pyproject.toml", "Pipfile", "requirements.txt")
    manager = app.server_python.manager
    if manager == "pip" and app.has("requirements.txt"):
        return "requirements.txt"
    return next((name for name in names if app.has(name)), "requirements.txt")


def _plan(app: App, name: str, kind: Kind) -> Plan:
    text = f"{name} answers requests itself"
    found = find_application(app, kind)
    if found is None:
        return Plan(kind="dynamic", kind_text=text)
    plan = served(app, found, kind.interface, kind.package)
    return Plan(
        kind="dynamic",
        kind_text=text,
        install=plan.install,
        start=plan.start,
        warnings=plan.warnings,
    )


_MADE = "a module such as `main.py` or `app.py` that makes an application of {}"


def _server(slug: str, name: str, kind: Kind) -> Framework:
    def evidence(app: App) -> str | None:
        # A library that only supports the framework names it too, but makes no application.
        if found := applications(app, kind):
            return f"{app.shown(found[0].file)} makes an application of {kind.package}"
        return None

    return _entry(slug, name, _MADE.format(name), evidence, lambda app: _plan(app, name, kind))


def _entry(
    slug: str,
    name: str,
    known_by: str,
    evidence: Callable[[App], str | None],
    refine: Callable[[App], Plan],
) -> Framework:
    return Framework(
        slug=slug,
        name=name,
        kind="dynamic",
        runtime="python",
        is_server=True,
        matches=evidence,
        known_by=known_by,
        refine=refine,
    )


def _has_django(app: App) -> str | None:
    if not app.has("manage.py"):
        return None
    is_named = "django" in app.server_python.packages or "django" in (app.text("manage.py") or "")
    return f"{app.shown('manage.py')} is Django's" if is_named else None


_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]{1,200})['\"]")


def _django_module(app: App, stem: str) -> str | None:
    """``wsgi.py`` or ``asgi.py``: beside the settings that manage.py names, or the only one."""
    match = _SETTINGS.search(app.text("manage.py") or "")
    package = match[1].split(".settings")[0] if match else ""
    at = f"{package.replace('.', '/')}/{stem}.py"
    if package and app.has(at):
        return at
    found = [name for name in app.names if re.fullmatch(rf"(?:\w+/){{0,2}}{stem}\.py", name)]
    if len(found) > 1 and not app.start_is_said:
        raise SeveralServers(
            f"There are several {stem}.py and manage.py names none",
            found, "start", "set start, such as gunicorn config.wsgi --bind 0.0.0.0:$PORT",
        )  # fmt: skip
    return found[0] if found else None


def _django(app: App) -> Plan:
    packages = app.server_python.packages
    is_asgi = "gunicorn" not in packages and any(name in packages for name in _ASGI)
    interface = "asgi" if is_asgi else "wsgi"
    file = _django_module(app, interface)
    text = "Django answers requests itself"
    if file is None:
        # Nothing else is there that could be started.
        command = "python manage.py runserver 0.0.0.0:$PORT"
        hint = f"There is no {interface}.py, so Django's server for development is started."
        return Plan(
            kind="dynamic", kind_text=text, start=Found(command, "manage.py"), warnings=(hint,)
        )
    module = file.removesuffix(".py").replace("/", ".")
    plan = served(app, Application(file, module, "application"), interface, "django")
    return Plan(
        kind="dynamic",
        kind_text=text,
        install=plan.install,
        build=_collected(app),
        start=plan.start,
        warnings=(*plan.warnings, *_hosts(app)),
    )


_SETTINGS_FILE = re.compile(r"(?:\w+/){1,2}(?:(?:settings|base|production)\.py|settings/\w+\.py)")


def _settings_texts(app: App) -> list[tuple[str, str]]:
    names = [name for name in app.names if _SETTINGS_FILE.fullmatch(name)]
    return [(name, app.text(name) or "") for name in names[:10]]


def _collected(app: App) -> Found | None:
    """Files for WhiteNoise have to be collected before it serves them."""
    has_root = any(re.search(r"^STATIC_ROOT\s*=", t, re.MULTILINE) for _, t in _settings_texts(app))
    if has_root and "whitenoise" in app.server_python.packages:
        return Found("python manage.py collectstatic --noinput", "WhiteNoise serves STATIC_ROOT")
    return None


def _hosts(app: App) -> tuple[str, ...]:
    texts = _settings_texts(app)
    empty = [name for name, text in texts if re.search(r"^ALLOWED_HOSTS\s*=\s*\[\s*\]", text, re.M)]
    is_set = any(re.search(r"^\s*ALLOWED_HOSTS\s*\+?=(?!\s*\[\s*\])", t, re.M) for _, t in texts)
    if not empty or is_set:
        return ()
    return (
        f"ALLOWED_HOSTS in {app.shown(empty[0])} is empty: Django refuses requests for every host"
        " but localhost. Next: put the host of the variable ASTROCLOUD_URL there.",
    )


def _plain_applications(app: App, interface: str) -> list[Application]:
    for kind in _PLAIN[interface]:
        if found := applications(app, kind):
            return found
    for name in python_files(app):
        match = _CALLABLES[interface].search(app.text(name) or "")
        if match is None and name.rpartition("/")[2] == f"{interface}.py":
            match = _ASSIGNED.search(app.text(name) or "")
        if match:
            folder, module = place_of(app, name)
            return [Application(name, module, match[1], folder)]
    return []


def _plain(slug: str, name: str) -> Framework:
    def evidence(app: App) -> str | None:
        found = _plain_applications(app, slug)
        return f"{app.shown(found[0].file)} makes an application of {name}" if found else None

    def refine(app: App) -> Plan:
        text = f"an application of {name} answers requests itself"
        found = _plain_applications(app, slug)
        if not found:
            return Plan(kind="dynamic", kind_text=text)
        plan = served(app, found[0], slug)
        return Plan(kind="dynamic", kind_text=text, install=plan.install, start=plan.start,
                    warnings=plan.warnings)  # fmt: skip

    known_by = f"`{slug}.py`, or a module with an application of {name} (Quart, Sanic, …)"
    if slug == "wsgi":
        known_by = known_by.replace("Quart, Sanic", "Bottle, Falcon")
    return _entry(slug, f"{name} application", known_by, evidence, refine)


_LISTENS = re.compile(
    r"\b(?:HTTPServer|make_server|run_app|serve_forever|create_server|start_server)\s*\(|"
    r"\buvicorn\.run\(|\.listen\(\s*\w"
)


def _listening(app: App) -> str | None:
    names = ("main.py", "app.py", "server.py", "run.py", "src/main.py", "__main__.py")
    return next((name for name in names if _LISTENS.search(app.text(name) or "")), None)


def _python(app: App) -> Plan:
    file = _listening(app)
    start = Found(f"python {file}", f"{file} listens") if file else None
    return Plan(kind="dynamic", kind_text="a Python program answers requests itself", start=start)


PYTHON = _entry(
    "python",
    "Python",
    "`main.py`, `app.py` or `server.py` that listens",
    lambda app: f"{app.shown(file)} listens" if (file := _listening(app)) else None,
    _python,
)
PYTHON_SERVERS = (
    _entry("django", "Django", "Django's `manage.py`", _has_django, _django),
    _server("fastapi", "FastAPI", FASTAPI_KIND),
    _server("flask", "Flask", FLASK_KIND),
    _server("litestar", "Litestar", LITESTAR_KIND),
    _server("starlette", "Starlette", STARLETTE_KIND),
    _plain("asgi", "ASGI"),
    _plain("wsgi", "WSGI"),
)
