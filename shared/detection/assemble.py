"""Puts a build spec together: what a person set goes before what the project's files tell."""

from shared.detection.app import App
from shared.detection.build_spec import BuildSpec, Reason, Value
from shared.detection.errors import StartMissing, WrongSetting
from shared.detection.frameworks.entry import PAGES_ARE_FILES, Found, Framework, Plan
from shared.detection.frameworks.go_servers import go_version
from shared.detection.frameworks.start_script import (
    is_development,
    is_own_server,
    needs_development,
    production_of,
)
from shared.detection.node_version import NodeVersion, choose, node_version
from shared.detection.package_json import runs
from shared.detection.python_projects import PythonProject
from shared.detection.running import dockerfile_stages, running, unused
from shared.detection.settings import CacheRule
from shared.detection.tree import join
from shared.errors import FieldProblem

_START = FieldProblem("start", "nothing says how the server is started")


def assemble(
    app: App, found: tuple[Framework, str], root: Reason, others: tuple[str, ...]
) -> BuildSpec:
    """The build spec of an app of that framework."""
    return _Assembly(app, found, root, others).spec()


class _Assembly:
    """One spec in the making: values are taken one by one, each with its reason."""

    def __init__(
        self, app: App, found: tuple[Framework, str], root: Reason, others: tuple[str, ...]
    ) -> None:
        self._app = app
        self._entry, evidence = found
        app.build_scripts = self._scripts()
        self._plan: Plan = self._entry.plan(app)
        self._runtime = self._plan.runtime or self._entry.runtime
        self._others = others
        self._reasons: dict[str, Reason] = {}
        self._warnings: list[str] = list(self._plan.warnings)
        set_by = app.settings.get("framework")
        origin = set_by.origin if set_by else "detected"
        self._tell("framework", self._entry.slug, evidence, origin)
        self._reasons["root"] = root

    def _scripts(self) -> tuple[str, ...]:
        entry, app = self._entry, self._app
        if not entry.own_scripts_only:
            return entry.scripts
        commands = ((name, app.commands(app.script(name) or "")) for name in entry.scripts)
        return tuple(
            name
            for name, words in commands
            if any(runs(part, tool) for part in words for tool in entry.tools)
        )

    def spec(self) -> BuildSpec:
        """Everything together."""
        kind = self._kind()
        manager, version, lock = self._manager()
        is_static = kind == "static"
        dockerfile = None if is_static else self._dockerfile()
        install = self._step("install", self._install())
        build = self._step("build", self._build())
        output = self._output() if is_static else None
        start = None if is_static else self._step("start", self._start(dockerfile))
        fallback = self._step("fallback", self._fallback()) if is_static else None
        if not is_static and start is None and dockerfile is None:
            raise self._no_start()
        runs_as = {} if is_static else running(self._app, self._tell, dockerfile)
        self._look_closer(kind, install)
        made = BuildSpec(
            framework=self._entry.slug,
            kind="static" if is_static else "dynamic",
            root=self._app.root,
            package_manager=manager,
            package_manager_version=version,
            node=self._node(),
            python=self._python(),
            go=self._go(),
            install=install,
            install_directory=self._directory(),
            build=build,
            output=output,
            start=start,
            fallback=fallback,
            cache=self._cache(is_static),
            watch=self._watch(),
            ignore=self._step("ignore", None),
            dockerfile=dockerfile,
            lock_file=lock,
            alternatives=self._others,
            warnings=tuple(dict.fromkeys(self._warnings)),
            reasons=self._reasons,
            **runs_as,
        )
        return made.model_copy(update={"needs_development": self._needs_development(made)})

    def _needs_development(self, spec: BuildSpec) -> bool:
        """Whether a command of what runs later needs what only development names."""
        if not self._is_node():
            return False
        commands = [spec.start, spec.release]
        commands += [worker.command for worker in spec.workers.values()]
        commands += [schedule.command for schedule in spec.schedules.values()]
        return any(needs_development(self._app, command) for command in commands)

    def _no_start(self) -> StartMissing:
        if self._plan.start is None and self._plan.warnings:
            # The framework's own reason says more: an adapter that makes nothing to start.
            return StartMissing(self._plan.warnings[-1], fields=[_START])
        return StartMissing(
            f"{self._entry.name}: nothing says how the server is started. Next: set start in"
            " astrocloud.toml or the project's settings, add a web line to Procfile"
            f"{', add a start script to package.json' if self._is_node() else ''}, or add a"
            " Dockerfile.",
            fields=[_START],
        )

    def _dockerfile(self) -> str | None:
        """The user's own Dockerfile, where it makes the image."""
        chosen = self._app.settings.get("dockerfile")
        if chosen is not None and chosen.value is not False:
            path = str(chosen.value)
            dockerfile_stages(self._app, path)
            self._tell("dockerfile", path, chosen.text, chosen.origin)
            return path
        if self._entry.slug != "dockerfile":
            return None
        dockerfile_stages(self._app, "Dockerfile")
        self._tell("dockerfile", "Dockerfile", f"{self._app.shown('Dockerfile')} is there")
        return "Dockerfile"

    def _tell(self, key: str, value: Value, text: str, origin: str = "detected") -> None:
        self._reasons[key] = Reason.model_validate({"value": value, "origin": origin, "text": text})

    def _step(self, key: str, detected: Found | None) -> str | None:
        """A value that is text or nothing: as set, else as detected."""
        chosen = self._app.settings.get(key)
        if chosen is not None:
            value = None if chosen.value is False else str(chosen.value)
            self._tell(key, value, chosen.text, chosen.origin)
            return value
        if detected is not None:
            self._tell(key, detected.value, detected.text)
            return detected.value
        return None

    def _kind(self) -> str:
        chosen = self._app.settings.get("kind")
        detected = self._plan.kind or self._entry.kind
        if chosen is None and self._app.settings.get("start") and self._entry.slug == "other":
            start = self._app.settings.get("start")
            assert start is not None  # it was just looked up
            self._tell("kind", "dynamic", start.text, start.origin)
            return "dynamic"
        if chosen is not None:
            self._tell("kind", str(chosen.value), chosen.text, chosen.origin)
            return str(chosen.value)
        default = "its output is files" if detected == "static" else "it answers requests itself"
        self._tell("kind", detected, self._plan.kind_text or f"{self._entry.name}: {default}")
        return detected

    @property
    def _python_project(self) -> PythonProject:
        return self._app.server_python if self._entry.is_server else self._app.python

    def _go(self) -> str | None:
        found = go_version(self._app) if self._runtime == "go" else None
        if found is None:
            return None
        self._tell("go", *found)
        return found[0]

    def _is_node(self) -> bool:
        return self._runtime == "node" and self._app.package is not None

    def _manager(self) -> tuple[str | None, str | None, str | None]:
        if self._is_node():
            manager = self._app.manager
            chosen = self._app.settings.get("package_manager")
            if chosen:
                self._tell("package_manager", manager.name, chosen.text, chosen.origin)
            else:
                self._tell("package_manager", manager.name, manager.text)
            self._warnings += manager.warnings
            return manager.name, manager.version, manager.lock
        python = self._python_project
        if self._runtime == "python":
            name = python.manager or "pip"
            self._tell("package_manager", name, python.text or "pip comes with Python")
            lock = join(self._app.root, python.lock) if python.lock else None
            return name, None, lock
        return None, None, None

    def _node(self) -> str | None:
        if not self._is_node():
            return None
        chosen = self._app.settings.get("node")
        found = choose(str(chosen.value), chosen.text) if chosen else self._asked_node()
        self._tell("node", found.value, found.text, chosen.origin if chosen else "detected")
        if found.warning:
            self._warnings.append(found.warning)
        return found.value

    def _asked_node(self) -> NodeVersion:
        app = self._app
        top = app.workspace.package if app.workspace else None
        packages = [package for package in (app.package, top) if package is not None]
        return node_version(app.source, app.root, packages)

    def _python(self) -> str | None:
        python = self._python_project if self._runtime == "python" else None
        if python is None or not python.version_text:
            return None
        self._tell("python", python.version, python.version_text)
        return python.version

    def _install(self) -> Found | None:
        app = self._app
        if self._plan.install:
            return self._plan.install
        if self._is_node():
            return Found(*app.manager.install())
        python = self._python_project
        if self._runtime == "python" and python.install:
            return Found(python.install, python.text)
        if self._runtime == "go":
            if app.has("go.sum") and not app.has("vendor/modules.txt"):
                return Found("go mod download", "what go.sum names, kept apart from the source")
            return Found(None, "go build downloads what go.mod names")
        return Found(None, "there is nothing to install")

    def _directory(self) -> str:
        return self._app.manager.directory if self._is_node() else self._app.root

    def _build(self) -> Found | None:
        entry, app = self._entry, self._app
        name = app.build_script_name if self._is_node() else None
        if self._plan.build and (name is None or self._plan.kind_text == self._plan.build.text):
            return self._as_tool(self._plan.build)
        if name:
            return self._in_workspace(
                Found(app.manager.run(name), f"script {name} in package.json")
            )
        if entry.build:
            return self._as_tool(Found(entry.build, f"{entry.name}'s own command"))
        return Found(None, "there is nothing to build")

    def _as_tool(self, found: Found) -> Found:
        """A tool's command, run where the project has it."""
        command = found.value or ""
        if self._runtime != "node" or self._is_command(command):
            return found
        return Found(self._app.manager.tool(command), found.text)

    def _is_command(self, command: str) -> bool:
        prefixes = (self._app.manager.run(""), self._app.manager.tool(""))
        return command.startswith(prefixes) or "=" in command.partition(" ")[0]

    def _in_workspace(self, found: Found) -> Found:
        """What the package needs of its workspace is built first."""
        app = self._app
        workspace = app.workspace
        if workspace is None or app.root not in workspace.packages or app.package is None:
            return found
        needed = workspace.siblings_needed(app.root)
        if not needed:
            return found
        names = [workspace.packages[folder].name for folder in needed]
        text = f"{found.text}, after {', '.join(names)}, which it needs"
        folders = [*needed, app.root]
        return Found(app.manager.build_in_order(workspace, folders, app.package.name), text)

    def _output(self) -> str:
        chosen = self._app.settings.get("output")
        found = self._plan.output or Found(self._entry.output, f"{self._entry.name}'s default")
        value = str(chosen.value) if chosen else found.value or "."
        text, origin = (chosen.text, chosen.origin) if chosen else (found.text, "detected")
        if join(self._app.root, value) is None:
            raise WrongSetting(
                f"The output folder {value[:80]} ({text}) is outside of the source."
                " Next: let the build write into a folder of the project, or set output.",
                fields=[FieldProblem("output", "the folder is outside of the source")],
            )
        self._tell("output", value, text, origin)
        return value

    def _start(self, dockerfile: str | None) -> Found | None:
        app = self._app
        if dockerfile is not None:
            return Found(None, "the Dockerfile says how it is started")
        if command := app.procfile_web:
            return Found(command, f"web in {app.shown('Procfile')}")
        script = app.script("start") if self._is_node() else None
        is_better = self._plan.start is not None and is_own_server(app, "start")
        if script and not is_development(app, "start") and not is_better:
            return production_of(app, "start")
        if self._plan.start:
            return self._plan.start
        if self._entry.start and self._runtime != "node":
            return Found(self._entry.start, f"{self._entry.name}'s own command")
        return Found(None, "not known: set start")

    def _fallback(self) -> Found:
        entry = self._entry
        if self._plan.fallback:
            return self._plan.fallback
        text = entry.fallback_text
        if entry.fallback and text == PAGES_ARE_FILES:
            text = "paths that no file has are for the browser to look at"
        return Found(entry.fallback, text)

    def _cache(self, is_static: bool) -> tuple[CacheRule, ...]:
        if not is_static:
            return ()
        paths = self._entry.immutable if self._plan.immutable is None else self._plan.immutable
        rules = [CacheRule(path=path, policy="immutable") for path in paths]
        told = [f"{rule.path}: {rule.policy}" for rule in rules]
        text = f"{self._entry.name} writes names with hashes there" if rules else ""
        origin = "detected"
        if chosen := self._app.settings.get("cache"):
            rules = [*chosen.value, *rules]
            told = [f"{rule.path}: {rule.policy}" for rule in rules]
            text, origin = f"{chosen.text}, then the framework's own", chosen.origin
        self._tell("cache", told, text or "what the names of the files tell", origin)
        return tuple(rules)

    def _watch(self) -> tuple[str, ...]:
        chosen = self._app.settings.get("watch")
        if chosen is None:
            return ()
        self._tell("watch", list(chosen.value), chosen.text, chosen.origin)
        return tuple(chosen.value)

    def _look_closer(self, kind: str, install: str | None) -> None:
        """What is unusual without being wrong."""
        app = self._app
        if app.source.is_cut:
            self._warnings.append("The source has more files than are looked at.")
        detected = self._plan.kind or self._entry.kind
        if kind == "static" and detected == "dynamic":
            self._warnings.append(
                f"kind is static, but {self._plan.kind_text or 'a server is made'}."
            )
        if kind == "static":
            self._warnings += [text for text in (unused(app),) if text]
        if kind == "static" and app.has("Dockerfile") and not app.settings.get("dockerfile"):
            self._warnings.append(
                "A Dockerfile is there, but plain files need no server. Next: set dockerfile ="
                ' "Dockerfile" if it has to run.'
            )
        if kind == "static" and self._runtime == "none" and install is None and app.package:
            self._warnings.append(
                "package.json has no build script: the files are published as they are."
            )
