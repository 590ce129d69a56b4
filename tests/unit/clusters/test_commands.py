"""A command line as the words that a container starts with."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.builders.dockerfiles.start import launch
from shared.clusters.kubernetes.commands import words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node server.js", ["node", "server.js"]),
        ("node 'my server.js'", ["node", "my server.js"]),
        ("gunicorn -b 0.0.0.0:80 app:app", ["gunicorn", "-b", "0.0.0.0:80", "app:app"]),
    ],
)
def test_a_plain_command_needs_no_shell(command: str, expected: list[str]) -> None:
    assert words(command) == expected


@pytest.mark.parametrize(
    "command",
    [
        "serve --port $PORT",
        "migrate && serve",
        "A=1 serve",
        "cd app",
        "echo $(date) $$",
        "echo 'not closed",
        "serve > /dev/null",
    ],
)
def test_all_others_are_started_as_in_our_images(command: str) -> None:
    assert [word.replace("$$", "$") for word in words(command)] == launch(command)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)))
def test_no_word_is_changed_on_its_way(parts: list[str]) -> None:
    """What Kubernetes makes of the words is what the person wrote."""
    command = shlex.join(["run", *parts])
    seen = [word.replace("$$", "$") for word in words(command)]
    assert seen in (["run", *parts], launch(command))
