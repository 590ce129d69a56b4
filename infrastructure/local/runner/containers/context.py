"""The folder that a build sees: the source under a name of ours, and what its install reads."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shared.builders.dockerfiles import manifest_files
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import FolderTree, Source, join

CONTEXT = "context"


@contextmanager
def laid_out(source: Path, scratch: Path, manifests: Sequence[str]) -> Iterator[None]:
    """The source is moved into the context, and back at the end: no file is copied but few."""
    context = scratch / CONTEXT
    context.mkdir(exist_ok=True)
    for name in manifests:
        target = context / "manifests" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target, follow_symlinks=False)
    moved = context / "source"
    os.replace(source, moved)  # noqa: PTH105 - says that nothing is in the way
    try:
        yield
    finally:
        os.replace(moved, source)  # noqa: PTH105


def manifests_of(source: Path, spec: BuildSpec) -> tuple[str, ...]:
    """Files that suffice to install; none where only the whole source does."""
    if (source / (join("", spec.install_directory) or "") / "node_modules").exists():
        return ()  # What came along would be laid over what was installed.
    return manifest_files(Source(FolderTree(source)), spec)
