"""The Dockerfile of a server: what is in its image, and what is not."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.builders.dockerfiles import SpecNotSupported, server_dockerfile
from shared.detection.build_spec import BuildSpec

PLAIN = BuildSpec(
    framework="express",
    kind="dynamic",
    node="22",
    package_manager="npm",
    install="npm ci",
    build="npm run build",
    start="npm start",
    reasons={},
)
PYTHON = {"node": None, "python": "3.12", "framework": "fastapi", "build": None}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def _spec(**values: object) -> BuildSpec:
    return BuildSpec.model_validate({**PLAIN.model_dump(), **values})


def _stages(spec: BuildSpec, **options: object) -> dict[str, list[str]]:
    """The lines of each stage by its name; the last one is called ``image``."""
    found: dict[str, list[str]] = {}
    for part in server_dockerfile(spec, **options).split("\n\n"):  # type: ignore[arg-type]
        lines = [line for line in part.splitlines() if not line.startswith("#")]
        found[lines[0].partition(" AS ")[2] or "image"] = lines
    return found


def _words(line: str) -> list[str]:
    words: list[str] = json.loads(line[line.index("[") :])
    return words


def _start(spec: BuildSpec, **options: object) -> str:
    """The command that the image starts."""
    line = next(one for one in _stages(spec, **options)["image"] if one.startswith("CMD "))
    return _words(line)[4]


def test_a_server_is_built_with_compilers_and_run_without() -> None:
    stages = _stages(PLAIN)
    assert stages["tools"][0] == "FROM docker.io/library/node:22 AS tools"
    assert stages["image"][0] == "FROM docker.io/library/node:22-slim"


def test_its_image_is_run_by_a_user_with_a_number_and_told_its_port() -> None:
    image = _stages(_spec(port=3000))["image"]
    assert "USER 10001:10001" in image
    assert "EXPOSE 3000" in image
    settings = next(line for line in image if line.startswith("ENV "))
    assert 'PORT="3000"' in settings
    assert 'NODE_ENV="production"' in settings


def test_node_env_is_not_set_while_packages_are_installed() -> None:
    stages = _stages(PLAIN)
    del stages["image"]
    assert not any("NODE_ENV" in line for lines in stages.values() for line in lines)


def test_what_installs_depends_on_manifests_alone() -> None:
    stages = _stages(PLAIN, manifests=True)
    assert "COPY manifests/ /app/" in stages["install"]
    assert "COPY source/ /app/" not in stages["install"]
    assert "COPY source/ /app/" in stages["build"]


def test_the_image_gets_nothing_but_what_the_production_stage_left() -> None:
    image = _stages(PLAIN)["image"]
    copies = [line for line in image if line.startswith("COPY")]
    assert copies == ["COPY --from=production --chown=10001:10001 /app/ /app/"]
    assert not any("secret" in line or line.startswith("ARG") for line in image)


@pytest.mark.parametrize(
    ("values", "pruned"),
    [
        ({}, "npm prune --omit=dev --ignore-scripts"),
        (
            {"package_manager": "pnpm", "install": "pnpm install --frozen-lockfile"},
            "pnpm install --prod --prefer-offline --ignore-scripts --frozen-lockfile",
        ),
        (
            {"package_manager": "yarn", "install": "yarn install --frozen-lockfile"},
            "yarn install --production --prefer-offline --ignore-scripts --frozen-lockfile",
        ),
        (
            {
                "package_manager": "yarn",
                "package_manager_version": "4",
                "install": "yarn install --immutable",
            },
            "yarn workspaces focus --all --production",
        ),
        (
            {"package_manager": "bun", "install": "bun install"},
            "rm -rf node_modules && bun install --production",
        ),
    ],
)
def test_development_packages_are_taken_away_after_the_build(
    values: dict[str, object], pruned: str
) -> None:
    spec = _spec(**values)
    lines = [line for line in _stages(spec)["production"] if "secret" in line]
    told = _words(lines[0])[-1]
    assert told.startswith(f"{{ {pruned}; }} || ")
    # Where that fails, what was there before is there again.
    assert told.endswith(f"{spec.install}\n}}")


@pytest.mark.parametrize("install", [None, "make packages", "cd x && npm ci"])
def test_what_another_command_installed_is_left_alone(install: str | None) -> None:
    production = _stages(_spec(install=install))["production"]
    assert not any("prune" in line for line in production)


def test_yarn_4_installs_packages_as_files() -> None:
    spec = _spec(package_manager="yarn", package_manager_version="4.5.0")
    assert 'YARN_NODE_LINKER="node-modules"' in _stages(spec)["tools"][1]


@pytest.mark.parametrize(
    ("values", "install"),
    [
        ({"package_manager": "pip", "install": "pip install -r requirements.txt"}, None),
        ({"package_manager": "uv", "install": "uv sync --frozen"}, "uv sync --frozen --no-dev"),
        ({"package_manager": "uv", "install": "uv sync --all-groups"}, None),
        (
            {"package_manager": "poetry", "install": "poetry install --no-root"},
            "poetry install --no-root --only main",
        ),
        ({"package_manager": "poetry", "install": "poetry install --with docs"}, None),
        ({"package_manager": "pipenv", "install": "pipenv sync --system"}, None),
    ],
)
def test_python_packages_go_into_an_environment_that_is_copied(
    values: dict[str, object], install: str | None
) -> None:
    spec = _spec(**{**PYTHON, **values, "start": "uvicorn main:app"})
    stages = _stages(spec)
    assert _words(stages["install"][-1])[-1] == (install or values["install"])
    assert "COPY --from=production /venv /venv" in stages["image"]
    assert 'PATH="/venv/bin:' in "\n".join(stages["image"])
    assert stages["image"][0] == "FROM docker.io/library/python:3.12-slim"


def test_a_python_manager_that_only_starts_something_is_no_part_of_the_image() -> None:
    spec = _spec(**PYTHON, package_manager="uv", start="uv run uvicorn main:app")
    image = _stages(spec)["image"]
    assert any("/usr/local/bin/uv" in line for line in image)
    assert not any("pip" in line for line in image)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run uvicorn main:app --port 1", ["uvicorn", "main:app", "--port", "1"]),
        ("run main.py -v", ["python", "main.py", "-v"]),
        ("run -m shop --workers 2", ["python", "-m", "shop", "--workers", "2"]),
        ("run --no-sync --env-file .env --with x python a.py", ["python", "a.py"]),
        ("run --frozen -- gunicorn shop:app", ["gunicorn", "shop:app"]),
    ],
)
def test_what_stands_in_for_a_python_manager_starts_what_it_would(
    tmp_path: Path, words: str, expected: list[str]
) -> None:
    image = _stages(_spec(**PYTHON, package_manager="uv", start="uv run x"))["image"]
    line = next(one for one in image if "/usr/local/bin/uv" in one)
    shim = tmp_path / "uv"
    shim.write_text(_words(line)[-2])
    for name in ("python", "uvicorn", "gunicorn"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@"\n')
        program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(shim), *words.split()],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == expected


def test_go_becomes_one_file_on_a_plain_image() -> None:
    values = {"node": None, "package_manager": None, "go": "1.24", "framework": "go"}
    spec = _spec(**values, install="go mod download", build="go build -o app .", start="./app")
    stages = _stages(spec)
    assert stages["tools"][0] == "FROM docker.io/library/golang:1.24-bookworm AS tools"
    assert 'CGO_ENABLED="0"' in stages["tools"][1]
    assert stages["image"][0] == "FROM docker.io/library/debian:bookworm-slim"
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    assert f"COPY --from=production {certificates} {certificates}" in stages["image"]


def test_any_other_language_stands_on_a_plain_image() -> None:
    spec = _spec(node=None, package_manager=None, install=None, framework="procfile")
    assert _stages(spec)["image"][0] == "FROM docker.io/library/debian:bookworm-slim"


def test_a_script_is_started_without_its_package_manager() -> None:
    assert _start(PLAIN, scripts={"start": "node server.js"}) == "exec node server.js"
    assert _start(PLAIN) == "exec npm start"


@pytest.mark.parametrize("where", ["start", "release", "workers"])
def test_a_package_manager_that_a_command_names_is_in_the_image(where: str) -> None:
    command: object = "pnpm run it"
    if where == "workers":
        command = {"mail": {"command": "pnpm run it"}}
    spec = _spec(package_manager="pnpm", start="node x", install="pnpm install")
    assert not any("pnpm@" in line for line in _stages(spec)["image"])
    with_it = BuildSpec.model_validate({**spec.model_dump(), where: command})
    assert any("pnpm@10" in line for line in _stages(with_it)["image"])


def test_a_standalone_server_of_next_comes_alone_unless_more_is_run() -> None:
    spec = _spec(framework="nextjs", start="node .next/standalone/server.js")
    assert _words(_stages(spec)["production"][-1])[-2] == "alone"
    more = spec.model_copy(update={"release": "npx prisma migrate deploy"})
    assert _words(_stages(more)["production"][-1])[-2] == "all"
    assert 'HOSTNAME="0.0.0.0"' in "\n".join(_stages(spec)["image"])


@pytest.mark.parametrize(
    "values",
    [
        {"start": None},
        {"kind": "static", "output": "dist"},
        {"root": "../up"},
        {"root": "a b\nRUN id"},
        {"install_directory": "a$HOME"},
        {"node": None, "package_manager": None, "go": "1.24 AS x"},
        {"start": "a\0b"},
    ],
)
def test_what_no_image_can_be_made_of_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(SpecNotSupported, match=r"Next|out of the source"):
        server_dockerfile(PLAIN.model_copy(update=values))


@given(command=TEXTS, script=TEXTS)
def test_any_command_stays_a_word(command: str, script: str) -> None:
    def shape(text: str, told: str) -> list[str]:
        spec = _spec(install=f"npm {text}", build=text, start=text, release=text)
        made = server_dockerfile(spec, scripts={"start": told})
        assert made.isascii()
        assert not any(line.endswith("\\") or "<" in line for line in made.split("\n"))
        return [line.split("[")[0] for line in made.split("\n") if "npm@" not in line]

    assert shape(command, script) == shape("x", "x")
