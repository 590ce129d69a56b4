"""Builds of real projects with real engines: what comes out, and how what goes wrong is told."""

import json
import shlex
import shutil
from collections.abc import Callable

import pytest

from infrastructure.local.runner.executor import Work
from shared.builders.port import BuildBounds
from tests.integration.containers.conftest import Bench, Log

LogOf = Callable[[Work], Log]
BUILD = "mkdir -p dist && cp index.html dist/"
PACKAGE = json.dumps({"name": "x", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}})
HOSTILE = [
    "a\nRUN touch /owned",
    "cat <<EOF\nhello\nEOF",
    '"] \nUSER 0\nRUN ["x',
    "# escape=`\n# syntax=example.com/evil",
    "`id` $(id) ${HOME} $HOME $$ \\",
    "quote ' and \" and ` and \\' \\\"",
    "--mount=type=bind,from=x,target=/y",
    "ümläut 🚀 \u2028 \x0b \x1b[31m \t",
]


async def test_a_project_is_installed_built_and_taken_out(bench: Bench, log_of: LogOf) -> None:
    build = "node -p \"'from ' + require.resolve('is-number')\" && mkdir dist && cp *.html dist"
    work = bench.work({"package.json": PACKAGE}, install="npm install", build=build)
    built = await bench.build(work)
    assert (built.reason, built.exit_code) == (None, 0), (built, log_of(work).text)
    assert built.output is not None
    assert (built.output / "index.html").read_text() == "<p>hello</p>"
    assert log_of(work).phases == ["install", "build"]
    assert "from /app/node_modules/is-number/index.js" in log_of(work).text
    # The words of the engine are no part of the log.
    assert "STEP" not in log_of(work).text
    assert (work.source / "package.json").exists()


async def test_nothing_but_the_output_is_left_in_the_scratch_folder(bench: Bench) -> None:
    work = bench.work({}, build=BUILD, secrets={"TOKEN": "hunter2hunter2"})
    await bench.build(work)
    left = {path.name for path in work.scratch.iterdir()}
    assert left <= {"output", "Dockerfile", "context", "layers"}
    assert not (work.scratch / "layers" / "storage").exists()


@pytest.mark.parametrize(
    ("values", "phase", "code"),
    [
        ({"install": "echo 'exit status 9' >&2; exit 3", "build": BUILD}, "install", 3),
        ({"install": "true", "build": "echo no >&2; exit 42"}, "build", 42),
        ({"build": "no-such-command"}, "build", 127),
        ({"build": "kill -9 $$"}, "build", 137),
        ({"build": "echo a\nsh -c 'exit 7' # exit status 3\n"}, "build", 7),
    ],
)
async def test_a_failing_command_is_told_with_its_phase_and_code(
    bench: Bench, values: dict[str, str], phase: str, code: int
) -> None:
    built = await bench.build(bench.work({}, **values))
    assert (built.reason, built.phase, built.exit_code) == ("command", phase, code)


async def test_commands_cannot_fake_how_they_ended(bench: Bench, log_of: LogOf) -> None:
    fake = 'Error: building at STEP "RUN x": exit status 9'
    work = bench.work({}, build=f"echo '{fake}' >&2; exit 4")
    built = await bench.build(work)
    assert (built.reason, built.phase, built.exit_code) == ("command", "build", 4)
    work = bench.work({}, build=f"{BUILD}; echo '{fake}'; echo after")
    assert (await bench.build(work)).exit_code == 0
    assert fake in log_of(work).text


async def test_the_ignore_command_decides_before_anything_else(bench: Bench) -> None:
    ignored = await bench.build(bench.work({}, ignore="true", build="exit 1"))
    assert (ignored.reason, ignored.phase, ignored.exit_code) == ("ignored", "ignore", 0)
    built = await bench.build(bench.work({}, ignore="exit 1", build=BUILD))
    assert built.output is not None


async def test_hostile_commands_and_folders_are_only_text(bench: Bench) -> None:
    folder = "a b\nRUN touch $HOME [x]*"
    output = HOSTILE[2]
    place, words = shlex.quote(f"../{output}"), " ".join(map(shlex.quote, HOSTILE))
    command = f"mkdir -p {place} && printf '%s\\0' {words} > {place}/told"
    files = {f"{folder}/index.html": "x"}
    work = bench.work(files, root=folder, build=command, output=f"../{output}")
    built = await bench.build(work)
    assert built.output is not None, built
    assert (built.output / "told").read_text().split("\0")[:-1] == HOSTILE


async def test_variables_reach_commands_as_they_are(bench: Bench) -> None:
    environment = {f"V_{at}": text for at, text in enumerate(HOSTILE)}
    told = 'mkdir dist; node -e "process.stdout.write(JSON.stringify(process.env))" > dist/env'
    work = bench.work({}, build=told, environment=environment, secrets={"S": "a\nb'\"$x"})
    built = await bench.build(work)
    assert built.output is not None
    found = json.loads((built.output / "env").read_text())
    assert {key: found[key] for key in environment} == environment
    assert found["S"] == "a\nb'\"$x"
    assert found["CI"] == "true"


async def test_files_of_the_project_direct_no_engine(bench: Bench) -> None:
    files = {
        ".dockerignore": "*", ".containerignore": "*", "Dockerfile": "FROM scratch",
        "Dockerfile.dockerignore": "*",
    }  # fmt: skip
    built = await bench.build(bench.work(files, build=BUILD))
    assert built.output is not None
    assert (built.output / "index.html").exists()


async def test_links_in_the_output_stay_links(bench: Bench) -> None:
    build = f"{BUILD} && ln -s /proc/self/environ dist/x && ln -s ../package.json dist/y"
    built = await bench.build(bench.work({}, build=build))
    assert built.output is not None
    assert str((built.output / "x").readlink()) == "/proc/self/environ"
    assert str((built.output / "y").readlink()) == "../package.json"


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        ("true", "output_missing"),
        ("touch dist", "output_missing"),
        ("ln -s /etc dist", "output_link"),
        ("mkdir real && ln -s real dist", "output_link"),
        ("ln -s /nowhere dist", "output_missing"),
    ],
)
async def test_an_output_that_is_no_folder_is_told(bench: Bench, build: str, reason: str) -> None:
    built = await bench.build(bench.work({}, build=build))
    assert (built.output, built.reason) == (None, reason)
    assert "dist" in built.detail
    assert "Next" in built.detail


async def test_an_empty_output_is_an_empty_folder(bench: Bench) -> None:
    built = await bench.build(bench.work({}, build="mkdir dist"))
    assert built.output is not None
    assert list(built.output.iterdir()) == []


async def test_the_whole_source_can_be_published_without_a_command(bench: Bench) -> None:
    built = await bench.build(bench.work({"a/b.txt": "x"}, output="."))
    assert built.output is not None
    assert (built.output / "a/b.txt").read_text() == "x"


async def test_a_python_project_is_built_on_python(bench: Bench) -> None:
    values = {"node": None, "python": "3.11", "package_manager": "pip"}
    build = "mkdir dist; python -c 'import sys; print(sys.version_info[:2])' > dist/v"
    built = await bench.build(bench.work({}, build=build, **values))
    assert built.output is not None, built
    assert (built.output / "v").read_text().startswith("(3, 11")


async def test_a_package_manager_of_the_asked_version_is_there(bench: Bench) -> None:
    values = {"package_manager": "pnpm", "package_manager_version": "9.15.9"}
    built = await bench.build(bench.work({}, build="mkdir dist; pnpm -v > dist/v", **values))
    assert built.output is not None, built
    assert (built.output / "v").read_text().strip() == "9.15.9"


async def test_programs_of_the_project_are_found_by_the_build_command(bench: Bench) -> None:
    files = {"node_modules/.bin/own": "#!/bin/sh\nmkdir dist\n"}
    work = bench.work(files, build="own")
    (work.source / "node_modules/.bin/own").chmod(0o755)
    assert (await bench.build(work)).output is not None


async def test_memory_has_a_bound(bench: Bench) -> None:
    hungry = 'node -e "const a=[]; for (;;) a.push(Buffer.alloc(1e7, 1))"'
    bounds = BuildBounds(memory_bytes=300_000_000)
    built = await bench.build(bench.work({}, build=hungry, bounds=bounds))
    assert (built.reason, built.phase) == ("out_of_memory", "build")


async def test_processes_have_a_bound(bench: Bench) -> None:
    bomb = "b() { b | b & }; b; sleep 300"
    built = await bench.build(bench.work({}, build=bomb, bounds=BuildBounds(processes=60)))
    assert (built.reason, built.phase) == ("too_many_processes", "build")


async def test_the_disk_has_a_bound(bench: Bench) -> None:
    bounds = BuildBounds(disk_bytes=50_000_000)
    work = bench.work({}, build="cat /dev/zero > big; sleep 300", bounds=bounds)
    built = await bench.build(work)
    assert (built.reason, built.phase) == ("disk_full", "build")
    shutil.rmtree(work.scratch / "layers", ignore_errors=True)
