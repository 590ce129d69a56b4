"""A user's own Dockerfile is understood, and what must not be built is refused with its line."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.builders.dockerfiles import DockerfileRefused, read_dockerfile

FULL = """# syntax=docker/dockerfile:1
# a remark
ARG VERSION=22
FROM --platform=$BUILDPLATFORM node:${VERSION}-slim AS Base
WORKDIR /app
RUN --mount=type=secret,id=TOKEN \\
    --mount=type=cache,target=/cache/npm \\
    # in between

    npm ci && \\
    echo FROM here
COPY <<EOF /etc/motd
NOT an instruction
EOF
from base as build
ARG MODE
COPY --from=busybox:1 /bin/true /true
FROM scratch
COPY --from=build /app /app
COPY --from=0 /x /y
CMD ["/true"]
"""


def test_images_stages_and_arguments_are_found() -> None:
    found = read_dockerfile(FULL, "Dockerfile", target="build")
    assert found.images == ("node:22-slim", "busybox:1")
    assert found.stages == ("base", "build", "")
    assert found.arguments == {"VERSION", "MODE"}
    assert found.has_caches


def test_a_variable_of_the_build_chooses_the_base_image() -> None:
    found = read_dockerfile(FULL, "Dockerfile", arguments={"VERSION": "24"})
    assert found.images[0] == "node:24-slim"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("ARG A\nFROM x:${A:-1}", "x:1"),
        ("ARG A=2\nFROM x:${A:-1}", "x:2"),
        ("ARG A=2\nFROM x${A:+:3}", "x:3"),
        ('ARG A="x:4"\nARG B=$A\nFROM $B', "x:4"),
        ("FROM ghcr.io/a/b:1@sha256:" + "0" * 64, "ghcr.io/a/b:1@sha256:" + "0" * 64),
        ("# escape=`\nFROM `\n x", "x"),
        ("FROM\tx", "x"),
        ("FROM x\r\nRUN y\r\n", "x"),
        ("FROM x AS a\nRUN --mount=type=bind,from=a,target=/y z", "x"),
    ],
)
def test_how_a_base_image_is_written(text: str, image: str) -> None:
    assert read_dockerfile(text, "Dockerfile").images == (image,)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no FROM"),
        ("# nothing\n\n", 1, "no FROM"),
        ("RUN x", 1, "before FROM"),
        ("FROM x\nINSTALL y", 2, "no instruction"),
        ("FROM x\n\nFRMO y", 3, "FRMO"),
        ("FROM", 1, "says nothing"),
        ("FROM x y", 1, "AS NAME"),
        ("FROM x as 1", 1, "no name of a stage"),
        ("FROM x as a\nFROM y as A", 2, "already"),
        ("FROM $NONE", 1, "has no value"),
        ("FROM http://x", 1, "no image"),
        ("FROM x\nRUN", 2, "says nothing|no command"),
        ("FROM x\nRUN --network=host y", 2, "beyond the build"),
        ("FROM x\nRUN --security=insecure y", 2, "beyond the build"),
        ("FROM x\nRUN --mount=type=ssh y", 2, "not offered"),
        ("FROM x\nRUN --mount=type=bind,source=../.. y", 2, "leads up"),
        ("FROM x\nRUN \\\n --network=host \\\n y", 2, "beyond the build"),
        ("FROM x\nONBUILD RUN --network=host y", 2, "beyond the build"),
        ("FROM x\nONBUILD FROM y", 2, "ONBUILD"),
        ("FROM x\nCOPY --from=$A b c", 2, "variable"),
        ("FROM x\nRUN <<END\nabc", 2, "no end"),
        ("# syntax=example.com/evil\nFROM x", 1, "syntax"),
        ("#syntax = example.com/evil\nFROM x", 1, "syntax"),
        ("# escape=x\nFROM x", 1, "escape"),
        ("FROM x\nARG 1=2", 2, "no ARG"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(DockerfileRefused, match=words) as refused:
        read_dockerfile(text, "docker/Dockerfile")
    assert f"docker/Dockerfile, line {line}:" in str(refused.value)


@pytest.mark.parametrize("target", ["release", "2", "from"])
def test_a_target_that_is_missing_names_the_stages(target: str) -> None:
    with pytest.raises(DockerfileRefused, match="its stages: a, b"):
        read_dockerfile("FROM x AS a\nFROM y AS b", "Dockerfile", target=target)


@given(st.text(st.sampled_from("FROMARUNn x\n\\$#<=E{}-:@`\"'\t\r&"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DockerfileRefused):
        assert read_dockerfile(text, "Dockerfile").stages
