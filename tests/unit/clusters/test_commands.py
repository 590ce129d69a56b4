"""A command line as the words that a container starts with."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clusters.kubernetes.commands import words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("node server.js", ["node", "server.js"]),
        ("node 'my server.js'", ["node", "my server.js"]),
        ("gunicorn -b 0.0.0.0:80 app:app", ["gunicorn", "-b", "0.0.0.0:80", "app:app"]),
        ("serve --port $PORT", ["/bin/sh", "-c", "exec serve --port $$PORT"]),
        ("migrate && serve", ["/bin/sh", "-c", "migrate && serve"]),
        ("A=1 serve", ["/bin/sh", "-c", "A=1 serve"]),
        ("cd app", ["/bin/sh", "-c", "cd app"]),
        ("echo $(date) $$", ["/bin/sh", "-c", "echo $$(date) $$$$"]),
        ("echo 'not closed", ["/bin/sh", "-c", "exec echo 'not closed"]),
        ("serve > /dev/null", ["/bin/sh", "-c", "exec serve > /dev/null"]),
    ],
)
def test_a_command_is_started_itself_or_by_the_shell(command: str, expected: list[str]) -> None:
    assert words(command) == expected


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)))
def test_no_word_is_changed_on_its_way(parts: list[str]) -> None:
    """What Kubernetes makes of the words is what the person wrote."""
    command = shlex.join(["run", *parts])
    seen = [word.replace("$$", "$") for word in words(command)]
    if seen[:2] == ["/bin/sh", "-c"]:
        assert seen[2].removeprefix("exec ") == command
    else:
        assert seen == ["run", *parts]
