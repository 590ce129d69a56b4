"""One app within a source, as the entries of frameworks look at it."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from shared.detection.documents import json_object, yaml_object
from shared.detection.javascript import Module
from shared.detection.package_json import PackageJson, Words, runs, split
from shared.detection.package_managers import Manager, manager_of
from shared.detection.procfile import FILE as PROCFILE
from shared.detection.procfile import web_of
from shared.detection.python_projects import PythonProject, python_project, server_project
from shared.detection.settings import Settings
from shared.detection.tree import Source, join
from shared.detection.workspaces import Workspace, read_package, workspace_of

SCRIPT_ENDINGS = ("js", "mjs", "cjs", "ts", "mts", "cts")


class App:
    """Files below a root folder; every path is seen from there."""

    def __init__(self, source: Source, root: str, settings: Settings) -> None:
        self.source = source
        self.root = root
        self.settings = settings
        # Names of the script that builds, the first that is there; a framework may have others.
        self.build_scripts: tuple[str, ...] = ("build",)
        self._modules: dict[str, Module] = {}

    @cached_property
    def package(self) -> PackageJson | None:
        """The app's ``package.json``."""
        return read_package(self.source, self.root)

    @cached_property
    def workspace(self) -> Workspace | None:
        """The workspace that it is part of."""
        return workspace_of(self.source, self.root)

    @cached_property
    def manager(self) -> Manager:
        """The package manager."""
        chosen = self.settings.text("package_manager")
        return manager_of(self.source, self.root, self.workspace, chosen)

    @cached_property
    def python(self) -> PythonProject:
        """What it says of Python packages."""
        return python_project(self.source, self.root)

    @cached_property
    def server_python(self) -> PythonProject:
        """The same where it is a server."""
        return server_project(self.source, self.root)

    @property
    def procfile_web(self) -> str | None:
        """The command of the web process in a ``Procfile``."""
        return web_of(self.text(PROCFILE) or "")

    @property
    def start_is_said(self) -> bool:
        """Whether somebody wrote down how it is started, so that nothing has to be found."""
        return self.settings.get("start") is not None or self.procfile_web is not None

    def _path(self, path: str) -> str:
        found = join(self.root, path)
        return "\0" if found is None else found  # no file has such a name

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._path(path) in self.source.names

    def has_folder(self, path: str) -> bool:
        """Whether there is a file below such a folder."""
        return self._path(path) in self.source.folders

    def text(self, path: str) -> str | None:
        """A file's text."""
        return self.source.text(self._path(path))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every file, by its path from the app's folder."""
        return tuple(self.source.below(self.root))

    def shown(self, path: str) -> str:
        """A path as a message has it: from the top of the source."""
        return self._path(path)

    def json(self, path: str) -> Mapping[str, Any] | None:
        """A JSON file, with comments allowed."""
        text = self.text(path)
        return None if text is None else json_object(text, self.shown(path), comments=True)

    def yaml(self, *paths: str) -> Mapping[str, Any]:
        """The first of these YAML files; empty where there is none."""
        for path in paths:
            if (text := self.text(path)) is not None:
                return yaml_object(text, self.shown(path))
        return {}

    def module(self, *stems: str) -> Module | None:
        """A configuration in JavaScript or TypeScript, such as ``vite.config``."""
        for stem in stems:
            for ending in SCRIPT_ENDINGS:
                name = f"{stem}.{ending}"
                if self.has(name):
                    if name not in self._modules:
                        self._modules[name] = Module(name, self.text(name) or "")
                    return self._modules[name]
        return None

    def dependency(self, *names: str) -> tuple[str, str] | None:
        """The first of these packages that the app names, and where."""
        if self.package is None:
            return None
        for name in names:
            if group := self.package.depends_on(name):
                return name, f"{name} in {group} of {self.package.path}"
        return None

    def script(self, name: str) -> str | None:
        """A script of ``package.json``."""
        return self.package.script(name) if self.package else None

    @property
    def build_script_name(self) -> str | None:
        """The script of ``package.json`` that builds."""
        return next((name for name in self.build_scripts if self.script(name)), None)

    @property
    def build_script(self) -> str:
        """What the build runs: the command that was set, else the script's text."""
        chosen = self.settings.get("build")
        if chosen is not None:
            return "" if chosen.value is False else str(chosen.value)
        return self.script(self.build_script_name or "") or ""

    def commands(self, script: str | None = None) -> list[Words]:
        """The commands of the build, or of a script."""
        text = self.build_script if script is None else script
        return self.package.commands(text) if self.package else list(split(text))

    def running(self, *tools: str) -> Iterator[Words]:
        """The build's commands that run one of these tools."""
        for words in self.commands():
            if any(runs(words, tool) for tool in tools):
                yield words
