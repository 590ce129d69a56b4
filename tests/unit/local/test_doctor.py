"""Each check says what it found, and what is missing comes with its remedy."""

import io
import platform
import shutil
from pathlib import Path

import pytest

from infrastructure.local import doctor
from infrastructure.local.doctor import GIB, Check
from infrastructure.local.progress import Progress


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 1), "bad"), ((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 14, 0), "bad")],
)
def test_python_from_3_11_to_3_13_will_do(version: tuple[int, ...], state: str) -> None:
    assert doctor.check_python(version).state == state


def test_a_missing_venv_module_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    check = doctor.check_venv(tmp_path / "venv")
    assert check.state == "bad"
    assert "apt install python3" in check.remedy


@pytest.mark.parametrize(
    ("available", "state"), [(GIB // 2, "warn"), (3 * GIB, "ok"), (None, "ok")]
)
def test_little_memory_is_a_warning(available: int | None, state: str) -> None:
    assert doctor.check_memory(available).state == state


@pytest.mark.parametrize(
    ("system", "machine", "environment", "state", "remedy"),
    [
        ("linux", "x86_64", {}, "ok", ""),
        ("linux", "riscv64", {}, "bad", "x86_64"),
        ("win32", "amd64", {}, "bad", "WSL2"),
        ("linux", "aarch64", {}, "bad", "KAFKA_BROKERS"),
        ("linux", "aarch64", {}, "bad", "nginx"),
        ("linux", "aarch64", {"KAFKA_BROKERS": "kafka:9092"}, "bad", "nginx"),
        ("darwin", "arm64", {}, "ok", "Safari"),
        ("darwin", "x86_64", {}, "bad", "brew install nginx"),
    ],
)
def test_each_system_has_its_gaps_named(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    environment: dict[str, str],
    state: str,
    remedy: str,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    check = doctor.check_system(system, machine, environment)
    assert check.state == state
    assert remedy in check.remedy


def test_a_system_without_glibc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert doctor.check_system("linux", "x86_64", {}).state == "bad"


def test_aarch64_with_nginx_and_a_broker_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    check = doctor.check_system("linux", "aarch64", {"KAFKA_BROKERS": "kafka:9092"})
    assert check.state == "ok"


def test_root_needs_a_way_to_be_someone_else() -> None:
    assert doctor.check_user(1000, lambda name: None).state == "ok"
    assert doctor.check_user(0, lambda name: f"/usr/bin/{name}").state == "ok"
    assert "util-linux" in doctor.check_user(0, lambda name: None).remedy


def test_builds_without_a_sandbox_are_warned_of() -> None:
    assert doctor.check_sandbox("linux", lambda name: f"/usr/bin/{name}").state == "ok"
    without = doctor.check_sandbox("linux", lambda name: None)
    assert (without.state, "install bubblewrap" in without.remedy) == ("warn", True)
    assert "install" not in doctor.check_sandbox("darwin", lambda name: None).remedy


def test_the_table_shows_every_check_and_tells_whether_all_will_do() -> None:
    out = io.StringIO()
    checks = [Check("Python", "3.12.1"), Check("Disk", "1.0 GB free", "bad", "Free at least 2 GB.")]
    assert not doctor.show(checks, Progress(out))
    assert out.getvalue().splitlines()[:2] == [
        "  ok Python   3.12.1.",
        "  no Disk     1.0 GB free. Free at least 2 GB.",
    ]
