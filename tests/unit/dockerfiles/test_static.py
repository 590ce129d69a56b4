"""The Dockerfile of a static project says what the spec says, whatever stands in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.builders.dockerfiles import CacheFolder, SpecNotSupported, static_dockerfile
from shared.detection.build_spec import BuildSpec

PLAIN = BuildSpec(
    framework="vite",
    kind="static",
    node="22",
    package_manager="npm",
    install="npm ci",
    build="npm run build",
    output="dist",
    reasons={},
)
HOSTILE = [
    "a\nRUN touch /owned",
    "a\r\nRUN touch /owned",
    "ends in a backslash \\",
    "ends in two \\\\",
    "cat <<EOF\nhello\nEOF",
    "<<EOF",
    '"] \nUSER 0\nRUN ["x',
    "# escape=`",
    "# syntax=example.com/evil",
    "`id` $(id) ${HOME} $HOME $$",
    "quote ' and \" and `",
    "--mount=type=bind,from=x,target=/y sh",
    "ümläut 🚀 \u2028 \u0085 \x0b \x0c \x1b[31m \t",
    "",
    " ",
]


def _spec(**values: object) -> BuildSpec:
    return BuildSpec.model_validate({**PLAIN.model_dump(), **values})


def _words(line: str) -> list[str]:
    words: list[str] = json.loads(line[line.index("[") :])
    return words


def _commands(text: str) -> list[list[str]]:
    return [_words(line) for line in text.splitlines() if line.startswith("RUN ")]


def test_a_plain_project_reads_as_one_would_write_it() -> None:
    lines = static_dockerfile(PLAIN).splitlines()
    assert [line for line in lines if line.startswith(("FROM", "COPY"))] == [
        "FROM docker.io/library/node:22-slim AS tools",
        "FROM tools AS install",
        "COPY source/ /app/",
        "FROM install AS build",
        "FROM build AS output",
        "FROM scratch",
        "COPY --from=output /output/ /",
    ]
    install, build, output = _commands(static_dockerfile(PLAIN))
    assert install[-2:] == ["/app", "npm ci"]
    assert build[-2:] == ["/app", "npm run build"]
    assert output[-1] == "/app/dist"


def test_the_same_spec_gives_the_same_text() -> None:
    assert static_dockerfile(PLAIN) == static_dockerfile(_spec())


def test_manifests_come_before_the_install_command_and_the_source_after_it() -> None:
    text = static_dockerfile(PLAIN, manifests=True)
    install = text.index("npm ci")
    assert text.index("COPY manifests/ /app/") < install < text.index("COPY source/ /app/")


def test_without_an_install_command_manifests_are_not_copied() -> None:
    assert "manifests" not in static_dockerfile(_spec(install=None), manifests=True)


def test_a_build_command_is_run_each_time_and_an_install_command_by_its_inputs() -> None:
    lines = static_dockerfile(PLAIN).splitlines()
    stages = "\n".join(lines).split("FROM ")
    install = next(stage for stage in stages if stage.startswith("tools AS install"))
    build = next(stage for stage in stages if stage.startswith("install AS build"))
    assert "ARG ASTROCLOUD_INPUTS" in install
    assert "ARG ASTROCLOUD_STEP" not in install
    assert "ARG ASTROCLOUD_STEP" in build


def test_an_ignore_command_has_a_stage_that_the_last_one_does_not_need() -> None:
    text = static_dockerfile(_spec(ignore="git diff --quiet", root="apps/web"))
    assert "FROM tools AS ignore" in text
    assert ["/app/apps/web", "git diff --quiet"] in [words[-2:] for words in _commands(text)]
    assert "FROM ignore" not in text


def test_folders_are_seen_from_where_the_spec_says() -> None:
    spec = _spec(root="apps/web", install_directory="", output="../../public")
    install, build, output = _commands(static_dockerfile(spec))
    assert install[-2] == "/app"
    assert build[-2] == "/app/apps/web"
    assert output[-1] == "/app/public"


def test_the_whole_source_can_be_the_output() -> None:
    assert _commands(static_dockerfile(_spec(output=".")))[-1][-1] == "/app"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"package_manager": "pnpm", "package_manager_version": "9.15.9"}, "pnpm@9.15.9"),
        ({"package_manager": "pnpm"}, "pnpm@10"),
        ({"package_manager": "yarn"}, "yarn@1"),
        ({"package_manager": "yarn", "package_manager_version": "4"}, "@yarnpkg/cli-dist@4"),
        ({"package_manager": "bun", "package_manager_version": "1.2"}, "bun@1.2"),
        ({"package_manager": "npm", "package_manager_version": "11"}, "npm@11"),
        ({"node": None, "package_manager": "uv"}, "uv"),
        ({"node": None, "python": "3.11", "package_manager": "poetry"}, "poetry"),
    ],
)
def test_package_managers_are_installed_by_their_own_registry(
    values: dict[str, object], expected: str
) -> None:
    assert _commands(static_dockerfile(_spec(**values)))[0][-1] == expected


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"node": "24"}, "docker.io/library/node:24-slim"),
        ({"node": None, "package_manager": "pip", "python": "3.11"}, "python:3.11-slim"),
        ({"node": None, "package_manager": "pip"}, "python:3.13-slim"),
        ({"node": None, "package_manager": None}, "debian:bookworm-slim"),
    ],
)
def test_base_images_go_by_language_and_version(values: dict[str, object], image: str) -> None:
    assert f"{image} AS tools" in static_dockerfile(_spec(**values))


def test_caches_seen_from_the_source_are_for_the_build_command_alone() -> None:
    caches = [CacheFolder("p1-npm", "/cache/npm"), CacheFolder("p1-next", ".next/cache")]
    install, build = (
        line for line in static_dockerfile(PLAIN, caches=caches).splitlines() if "secret" in line
    )
    assert "id=p1-npm,target=/cache/npm" in install
    assert "p1-next" not in install
    assert "id=p1-next,target=/app/.next/cache" in build


@pytest.mark.parametrize(
    "values",
    [
        {"node": "22\nRUN id"},
        {"node": "22-slim@sha256:x"},
        {"node": None, "python": "3.11 AS x"},
        {"package_manager": "pnpm", "package_manager_version": "10 && id"},
        {"package_manager": "cargo"},
        {"kind": "dynamic"},
        {"output": None},
        {"output": "../out"},
        {"root": "../up"},
        {"build": "a\0b"},
        {"build": "\ud800"},
    ],
)
def test_what_fits_into_no_dockerfile_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(SpecNotSupported, match=r"Next|out of the source"):
        static_dockerfile(PLAIN.model_copy(update=values))


def test_a_cache_with_a_name_of_its_own_making_is_refused() -> None:
    with pytest.raises(SpecNotSupported, match="cannot be mounted"):
        static_dockerfile(PLAIN, caches=[CacheFolder("a,target=/etc", "/cache")])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_commands_stay_words(text: str) -> None:
    _check(text, text)


@given(
    command=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    folder=st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1),
)
def test_any_command_and_folder_stays_a_word(command: str, folder: str) -> None:
    _check(command, "." if folder in {".", ".."} else folder)


def _check(command: str, folder: str) -> None:
    spec = _spec(install=command, build=command, ignore=command, root=folder, output=folder)
    text = static_dockerfile(spec)
    plain = static_dockerfile(_spec(install="x", build="x", ignore="x", root="x", output="x"))
    # Instruction by instruction as of a harmless spec; nothing continues, begins or directs.
    shapes = [[line.split("[")[0] for line in made.split("\n")] for made in (text, plain)]
    assert shapes[0] == shapes[1]
    assert text.isascii()
    assert not set(text) & {"\r", "\t", "`", "\x0b", "\x0c"}
    assert not any(line.endswith("\\") or "<" in line for line in text.split("\n"))
    commands = _commands(text)[:3]
    assert [words[-1] for words in commands] == [command] * 3
    assert _commands(text)[0][-2].rstrip("/") in {f"/app/{folder}".rstrip("/"), "/app"}
