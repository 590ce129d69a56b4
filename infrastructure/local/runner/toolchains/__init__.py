"""Languages and package managers of builds: installed once a version, from pinned releases.

``versions`` chooses, ``node`` and ``python`` install, ``store`` keeps what is installed whole,
``machine`` knows the registries of this machine. ``caches`` is what builds leave for the next,
``packages`` what of it is put back instead of installed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infrastructure.local.runner.executor import RunLog, Tools, ToolsUnavailable
from infrastructure.local.runner.toolchains import versions
from infrastructure.local.runner.toolchains.machine import Machine, keep_certificates
from infrastructure.local.runner.toolchains.node import NodeTools
from infrastructure.local.runner.toolchains.python import PythonTools
from shared.builders.port import BuildJob
from shared.detection.build_spec import BuildSpec

_NO_GO = (
    "The runner's processes have Node and Python, but no Go, which this server is built with."
    " Next: let builds run in containers (ASTROCLOUD_RUNNER=containers, with buildah, podman or"
    " docker), which take Go from its image."
)
_PYTHON_MANAGERS = {"pip", "uv", "poetry", "pipenv"}
_QUIET_NPM = {
    "npm_config_update_notifier": "false",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
}


class Installed:
    """The toolchains below one folder; any number of processes may share it."""

    def __init__(self, folder: Path, machine: Machine | None = None) -> None:
        self._folder = folder.absolute()
        self._machine = machine or Machine()
        self._node = NodeTools(self._folder, self._machine)
        self._python = PythonTools(self._folder, self._machine)

    async def prepare(self, job: BuildJob, log: RunLog) -> Tools:
        """What the spec's commands need, installed where it is missing.

        Raises ToolsUnavailable, naming what and why.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._on_this_machine(await self._of(job, log), log)
        except OSError as error:
            raise ToolsUnavailable(
                f"The toolchains in {self._folder} cannot be used: {error.strerror or error}."
                " Next: make room on this disk, and let the folder belong to whoever runs builds."
            ) from error

    async def _of(self, job: BuildJob, log: RunLog) -> Tools:
        spec = job.spec
        if spec.node is not None:
            return await self._for_node(spec, log, is_server=bool(job.image))
        if spec.package_manager in _PYTHON_MANAGERS:
            manager = spec.package_manager or "pip"
            return await self._python.prepare(job.key, spec.python, manager, log)
        if spec.framework == "go" and spec.build:
            raise ToolsUnavailable(_NO_GO)
        return Tools()

    async def release(self) -> None:
        """Delete what was prepared for runs of this process alone, when they have ended."""
        await self._python.release()

    async def _for_node(self, spec: BuildSpec, log: RunLog, *, is_server: bool) -> Tools:
        node = await self._node.node(versions.node_release(spec.node or ""), log)
        manager = versions.manager_release(
            spec.package_manager or "npm", spec.package_manager_version
        )
        if manager is None:
            return Tools(path=(node / "bin",), folders=(node,), environment=_QUIET_NPM)
        folder = await self._node.manager(manager, log)
        # Before Node's own folder: another npm than Node's may be asked for.
        return Tools(
            path=(folder / "bin", node / "bin"),
            folders=(folder, node),
            environment={**_QUIET_NPM, **_of_manager(manager, is_server=is_server)},
        )

    def _on_this_machine(self, tools: Tools, log: RunLog) -> Tools:
        certificates = keep_certificates(self._machine, self._folder / "certificates")
        environment, hidden = self._machine.for_commands(certificates)
        for name in hidden:
            log.say(f"{name} holds a password, so the commands of a build are not given it.")
        folders = [*tools.folders, *self._machine.wheel_folders()]
        if certificates:
            folders.append(certificates.parent)
        return replace(
            tools, folders=tuple(folders), environment={**tools.environment, **environment}
        )


def _of_manager(manager: versions.Manager, *, is_server: bool) -> Mapping[str, str]:
    """So that a package manager stays the one that was chosen, and says what it does."""
    if manager.name == "pnpm":
        prefix = "pnpm_config" if manager.major >= 11 else "npm_config"
        return {
            f"{prefix}_manage_package_manager_versions": "false",
            f"{prefix}_package_manager_strict": "false",
            f"{prefix}_update_notifier": "false",
        }
    if manager.is_berry:
        # Plug'n'Play would need Yarn, and its cache, to start a server.
        files = {"YARN_NODE_LINKER": "node-modules"} if is_server else {}
        return {"YARN_ENABLE_TELEMETRY": "0", **files}
    if manager.name == "yarn":
        return {"SKIP_YARN_COREPACK_CHECK": "1"}
    return {}
