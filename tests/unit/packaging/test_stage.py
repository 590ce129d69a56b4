"""Staging: what is copied, when it is skipped, and that nobody ever sees half of it."""

import compileall
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.packaging import StagingError, stage

FILES = {
    "host.json": '{"version": "2.0"}',
    "requirements.txt": "azure-functions==1.26.0\nwerkzeug==3.1.9\nredis==8.1.0\n",
    "functions/__init__.py": "",
    "functions/api/__init__.py": "",
    "functions/api/function_app.py": "import azure.functions\nfrom functions.api import health\n",
    "functions/api/health.py": "from shared import config\n",
    "functions/worker/__init__.py": "",
    "functions/worker/function_app.py": "",
    "shared/__init__.py": "",
    "shared/config.py": "VALUE = 1\n",
    "shared/config.md": "",
    "shared/migrations/0001.sql": "select 1;",
    "shared/line.lua": "return 1",
    "shared/tests/test_config.py": "",
    "shared/__pycache__/config.pyc": "",
    "shared/.hidden": "",
    "infrastructure/secret.py": "",
    "local.settings.json": "{}",
}
STAGED = {
    "function_app.py",
    "functions/__init__.py",
    "functions/api/__init__.py",
    "functions/api/function_app.py",
    "functions/api/health.py",
    "host.json",
    "requirements.txt",
    "shared/__init__.py",
    "shared/config.py",
    "shared/line.lua",
    "shared/migrations/0001.sql",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small checkout."""
    for name, text in FILES.items():
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "checkout"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the app is staged."""
    return tmp_path / "build" / "api"


def _sources(target: Path) -> set[str]:
    return {
        path.relative_to(target).as_posix()
        for path in target.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_an_app_gets_its_own_code_shared_and_its_pins_only(root: Path, target: Path) -> None:
    """By an allow-list: no tests, no other app, no settings, nothing hidden."""
    assert stage("api", root, target)
    assert _sources(target) == STAGED
    pins = (target / "requirements.txt").read_text()
    assert pins == "azure-functions==1.26.0\nwerkzeug==3.1.9\n"
    entry = root / "functions/api/function_app.py"
    assert (target / "function_app.py").read_bytes() == entry.read_bytes()


def test_nothing_is_done_when_nothing_changed(root: Path, target: Path) -> None:
    """The second run says so; a change of content is a change."""
    stage("api", root, target)
    folder = target.resolve()
    assert not stage("api", root, target)
    assert target.resolve() == folder
    (root / "shared/config.py").write_text("VALUE = 2\n")
    assert stage("api", root, target)
    assert (target / "shared/config.py").read_text() == "VALUE = 2\n"


def test_the_same_sources_give_the_same_folder(root: Path, target: Path, tmp_path: Path) -> None:
    """Name and byte code are made from the content alone."""
    stage("api", root, target)
    other = tmp_path / "elsewhere" / "api"
    stage("api", root, other)
    assert target.resolve().name == other.resolve().name
    for path in sorted(target.rglob("*")):
        if path.is_file():
            assert (other / path.relative_to(target)).read_bytes() == path.read_bytes()


def test_byte_code_is_made_and_used_though_writing_it_is_off(
    root: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that may not write byte code finds it."""
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    stage("api", root, target)
    cached = Path(importlib.util.cache_from_source(str(target / "shared/config.py")))
    assert cached.is_file()
    shown = subprocess.run(
        [sys.executable, "-B", "-v", "-c", "import shared.config"],
        cwd=target.resolve(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "code object from" in shown.stderr
    assert f"matches {target.resolve()}/shared/config.py" in shown.stderr


def test_a_running_host_s_folder_stays_whole(root: Path, target: Path) -> None:
    """It resolved the link at its start; the folder before is kept, older ones go."""
    stage("api", root, target)
    running = target.resolve()
    (root / "shared/config.py").write_text("VALUE = 2\n")
    stage("api", root, target)
    assert (running / "shared/config.py").read_text() == "VALUE = 1\n"
    (root / "shared/config.py").write_text("VALUE = 3\n")
    stage("api", root, target)
    assert not running.exists()
    assert len(list((target.parent / ".versions").iterdir())) == 2


def test_local_settings_stay(root: Path, target: Path) -> None:
    """They are the stack's, with its mode, across changes."""
    stage("api", root, target)
    settings = target / "local.settings.json"
    settings.write_text('{"Values": {"A": "b"}}')
    settings.chmod(0o600)
    (root / "shared/config.py").write_text("VALUE = 2\n")
    stage("api", root, target)
    assert json.loads(settings.read_text()) == {"Values": {"A": "b"}}
    assert settings.stat().st_mode & 0o777 == 0o600


def test_a_folder_in_the_way_is_replaced(root: Path, target: Path) -> None:
    """Such as an older staging that was no link; its settings stay."""
    target.mkdir(parents=True)
    (target / "stale.py").write_text("")
    (target / "local.settings.json").write_text("{}")
    assert stage("api", root, target)
    assert _sources(target) == STAGED | {"local.settings.json"}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("shared/data.bin", "", r"data\.bin is neither code nor a kind of data"),
        ("shared/broken.py", "def (", r"shared/broken\.py, line 1"),
        ("shared/other.py", "import unpinned", r"shared/other\.py imports unpinned"),
    ],
)
def test_what_cannot_be_staged_is_named_and_the_old_app_stays(
    root: Path, target: Path, name: str, text: str, reason: str
) -> None:
    """File and reason; the folder of before is untouched."""
    stage("api", root, target)
    before = target.resolve()
    (root / name).write_text(text)
    with pytest.raises(StagingError, match=reason):
        stage("api", root, target)
    assert target.resolve() == before


def test_an_app_without_an_entry_is_named(root: Path, target: Path) -> None:
    """Each app composes its functions in function_app.py."""
    with pytest.raises(StagingError, match=r"functions/admin/function_app\.py is missing"):
        stage("admin", root, target)


def test_a_build_that_fails_leaves_nothing_behind(
    root: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a folder is never seen."""

    def fail(*arguments: object, **options: object) -> bool:
        raise OSError("disk full")

    monkeypatch.setattr(compileall, "compile_dir", fail)
    with pytest.raises(OSError, match="disk full"):
        stage("api", root, target)
    assert not target.exists()
    assert not list((target.parent / ".versions").iterdir())
