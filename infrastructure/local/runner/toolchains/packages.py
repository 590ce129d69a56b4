"""Packages of Node: what ``npm ci`` has installed, kept as it was before the build and put back;
and whether some are for development only.

Unpacking is most of an install: a copy of 1,300 packages takes a tenth or less of the time that npm
takes with everything in its cache. It is only done where nothing but ``node_modules`` comes out of
an install: no scripts of the project's own, no workspaces, no packages whose scripts write
elsewhere. Everything happens in the sandbox, as the build's own user.
"""

import hashlib
import json
import os
import platform
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infrastructure.local.runner.toolchains.versions import node_release
from shared.builders.port import BuildJob

VARIABLE = "ASTROCLOUD_PACKAGES"
COMMAND = "npm ci"
_MAX_BYTES = 30_000_000
# What npm runs of a project itself while it installs.
_OWN_SCRIPTS = {
    "preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare",
    "dependencies",
}  # fmt: skip
# Packages whose install script changes nothing but their own folder.
_IN_PLACE = {
    "esbuild", "sharp", "core-js", "core-js-pure", "@swc/core", "@parcel/watcher", "fsevents",
    "unrs-resolver", "lmdb", "msgpackr-extract", "bufferutil", "utf-8-validate",
    "vue-demi", "es5-ext", "lightningcss-cli", "workerd",
}  # fmt: skip


def install_command(job: BuildJob, source: Path) -> str | None:
    """The spec's install command, put into words that look into the cache first.

    Where the cache is not there, or the project does not allow it, it is what the spec says.
    """
    install = job.spec.install
    key = _key(job, source) if install == COMMAND else None
    return install if key is None else _script(key)


def has_development(job: BuildJob, source: Path) -> bool:
    """Whether there may be packages that only development needs, also of a workspace's parts."""
    folder = source / job.spec.install_directory
    if (folder / "pnpm-workspace.yaml").exists():
        return True
    try:
        package = json.loads(_read(folder / "package.json") or b"{}")
    except (ValueError, RecursionError):
        return False
    if not isinstance(package, dict):
        return False
    return bool(package.get("devDependencies") or package.get("workspaces"))


def _script(key: str) -> str:
    kept = f'"${VARIABLE}"/{shlex.quote(key)}'
    draft = f'"${VARIABLE}"/.new'
    # The install's own exit code stays; a copy that fails only costs the next build time.
    return (
        f'if [ -n "${VARIABLE}" ] && [ -d {kept} ] && rm -rf node_modules'
        f" && cp -a {kept} node_modules; then"
        " echo 'node_modules is from the cache: the lock file is the same as before.';"
        f' else rm -rf node_modules; {COMMAND} && {{ if [ -n "${VARIABLE}" ]; then'
        f' rm -rf "${VARIABLE}"/.new "${VARIABLE}"/*; if [ -d node_modules ]; then'
        f" cp -a node_modules {draft} && mv {draft} {kept} || rm -rf {draft}; fi; fi; }}; fi"
    )


def _key(job: BuildJob, source: Path) -> str | None:
    """A name for exactly these packages; None where an install may do more than install."""
    spec = job.spec
    folder = source / spec.install_directory
    package, lock = _read(folder / "package.json"), _read(folder / "package-lock.json")
    if package is None or lock is None or spec.node is None or (folder / "binding.gyp").exists():
        return None
    try:
        if not (_is_plain(json.loads(package)) and _is_contained(json.loads(lock))):
            return None
    except (ValueError, RecursionError):
        return None  # npm will tell what is wrong with it
    release = node_release(spec.node)
    parts = [package, lock, _read(folder / ".npmrc") or b"", *_settings(job.environment)]
    parts += [release.version(None).encode(), (release.program or "").encode()]
    parts += [str(spec.package_manager_version).encode(), platform.machine().encode()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:40]


def _is_plain(package: Any) -> bool:
    if not isinstance(package, dict) or "workspaces" in package:
        return False
    scripts = package.get("scripts") or {}
    return isinstance(scripts, dict) and not _OWN_SCRIPTS & set(scripts)


def _is_contained(lock: Any) -> bool:
    """Whether every package is one of a registry that stays within its own folder."""
    packages = lock.get("packages") if isinstance(lock, dict) else None
    if not isinstance(packages, dict):
        return False
    return all(_stays_within(path, entry) for path, entry in packages.items() if path)


def _stays_within(path: str, entry: Any) -> bool:
    if not isinstance(entry, dict) or not path.startswith("node_modules/") or entry.get("link"):
        return False
    if not (entry.get("integrity") or entry.get("inBundle")):
        return False
    name = entry.get("name") or path.rpartition("node_modules/")[2]
    return not entry.get("hasInstallScript") or name in _IN_PLACE


def _settings(environment: Mapping[str, str]) -> Iterator[bytes]:
    """Variables that change what npm installs."""
    for name, value in sorted(environment.items()):
        if name.upper() == "NODE_ENV" or name.upper().startswith("NPM_CONFIG_"):
            yield f"{name}={value}".encode()


def _read(path: Path) -> bytes | None:
    """A file of the source; an ignore command may have put anything else in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            return None
        return file.read()
