"""Copies what one app needs into ``.build/<app>``, byte-compiled, in one step for a reader.

``.build/<app>`` is a link to a folder that is named by its content and never changed. Staging
anew moves the link, so a running host keeps the folder that it started from, and one that
starts sees the old app or the new one, never half of either. The folder before is kept for
hosts that still run from it.
"""

import compileall
import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infrastructure.packaging.errors import StagingError
from infrastructure.packaging.requirements import select

APPS = ("api", "admin", "worker")
SETTINGS = "local.settings.json"
VERSIONS = ".versions"

# Code and the data that code reads beside it; any other file is a mistake to be told.
_STAGED = {".py", ".sql", ".lua", ".json", ".typed"}
_LEFT_OUT = {".md", ".pyc", ".pyi"}
_SKIPPED_FOLDERS = {"__pycache__", "tests"}


def stage(app: str, source_root: Path, target: Path) -> bool:
    """Bring ``target`` up to date with the sources; whether anything had changed."""
    files = _files(app, source_root)
    version = target.parent / VERSIONS / f"{target.name}-{_digest(files)}"
    if target.is_symlink() and target.resolve() == version.resolve() and version.is_dir():
        return False
    if not version.is_dir():
        _build(files, version)
    _keep_settings(target, version)
    before = target.resolve() if target.is_symlink() else None
    _point(target, version)
    _remove_others(target, keep={version.resolve(), before})
    return True


def _files(app: str, root: Path) -> dict[str, bytes]:
    """Every staged file by its path below the target, in a fixed order."""
    entry = root / "functions" / app / "function_app.py"
    if not entry.is_file():
        raise StagingError(f"{entry} is missing: each app composes its functions there")
    files = {
        "function_app.py": _read(entry),
        "functions/__init__.py": _read(root / "functions" / "__init__.py"),
        "host.json": _read(root / "host.json"),
    }
    for folder in (root / "functions" / app, root / "shared"):
        for path in _walk(folder):
            files[path.relative_to(root).as_posix()] = _read(path)
    pins = _read(root / "requirements.txt").decode()
    files["requirements.txt"] = select(files, pins).encode()
    return dict(sorted(files.items()))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _SKIPPED_FOLDERS:
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.suffix in _STAGED:
            yield path
        elif path.suffix not in _LEFT_OUT:
            raise StagingError(
                f"{path} is neither code nor a kind of data that is staged; "
                "move it, or add its suffix to infrastructure/packaging/stage.py"
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StagingError(f"{path} cannot be read: {error.strerror or error}") from None


def _digest(files: dict[str, bytes]) -> str:
    # The byte code beside the sources is that of one Python only.
    digest = hashlib.sha256(str(sys.implementation.cache_tag).encode())
    for name, content in files.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _build(files: dict[str, bytes], version: Path) -> None:
    version.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=version.parent) as temporary:
        folder = Path(temporary) / "app"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _compile(folder)
        try:
            folder.rename(version)
        except OSError:
            # Somebody staged the same content at the same moment: theirs is as good.
            if not version.is_dir():
                raise


def _compile(folder: Path) -> None:
    """Byte-compile here, since processes that run the app may be told not to write byte code."""
    compiled = compileall.compile_dir(
        folder,
        quiet=2,
        stripdir=str(folder),
        # The folder never changes, so the byte code need not be checked against the source.
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        for path in sorted(folder.rglob("*.py")):
            _explain_syntax(path, path.relative_to(folder))


def _explain_syntax(path: Path, name: Path) -> None:
    try:
        compile(path.read_bytes(), str(name), "exec")
    except SyntaxError as error:
        raise StagingError(f"{name}, line {error.lineno}: {error.msg}") from None


def _keep_settings(target: Path, version: Path) -> None:
    settings = target / SETTINGS
    if settings.is_file() and settings.resolve() != (version / SETTINGS).resolve():
        shutil.copy2(settings, version / SETTINGS)


def _point(target: Path, version: Path) -> None:
    link = target.with_name(f".{target.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(Path(VERSIONS) / version.name, target_is_directory=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    link.replace(target)


def _remove_others(target: Path, keep: set[Path | None]) -> None:
    for folder in (target.parent / VERSIONS).glob(f"{target.name}-*"):
        if folder.resolve() not in keep:
            shutil.rmtree(folder)
