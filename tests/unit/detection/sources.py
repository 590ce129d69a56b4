"""Sources for these tests: a mapping of names to content, and what is detected in it."""

import json
from typing import Any

from shared.detection.build_spec import BuildSpec
from shared.detection.detect import detect
from shared.detection.settings import BuildSettings
from shared.detection.tree import FilesTree

PAGE = "<!doctype html><title>Page</title>"


def package(*names: str, build: str | None = None, dev: tuple[str, ...] = (), **more: Any) -> str:
    """A ``package.json`` with these dependencies and this build script."""
    data: dict[str, Any] = {"name": "example", "scripts": {"build": build} if build else {}}
    data["dependencies"] = dict.fromkeys(names, "*")
    data["devDependencies"] = dict.fromkeys(dev, "*")
    data["scripts"] |= more.pop("scripts", {})
    return json.dumps(data | more)


def spec_of(
    files: dict[str, str], user: BuildSettings | None = None, project: BuildSettings | None = None
) -> BuildSpec:
    """The build spec of these files."""
    return detect(FilesTree(files), project, user)


def vite(**more: str) -> dict[str, str]:
    """A project of Vite with further files; ``__`` in a name stands for a dot."""
    files = {"package.json": package("vite", build="vite build"), "index.html": PAGE}
    return files | {name.replace("__", "."): text for name, text in more.items()}
