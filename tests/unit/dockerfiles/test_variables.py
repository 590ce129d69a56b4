"""Every value of a variable reaches a command as it is."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.builders.dockerfiles import SpecNotSupported, variables_file

NAMES = st.from_regex(r"\AV_[A-Za-z0-9_]{0,20}\Z")
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)
TELL = (
    "import os, sys;"
    "sys.stdout.buffer.write(b'\\0'.join(os.environb[n.encode()] for n in sys.argv[1:]))"
)


def _told(variables: dict[str, str]) -> dict[str, str]:
    """What a command of a shell that has read the file sees."""
    script = b'. /dev/stdin; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-c", TELL, *variables],
        input=variables_file(variables),
        capture_output=True,
        check=True,
        timeout=20,
        env={"PATH": "/usr/bin:/bin"},
    )
    values = done.stdout.decode().split("\0") if variables else []
    return dict(zip(variables, values, strict=True))


@given(st.dictionaries(NAMES, VALUES, max_size=5))
@settings(max_examples=25, deadline=None)
def test_any_value_comes_out_as_it_went_in(variables: dict[str, str]) -> None:
    assert _told(variables) == variables


def test_marks_of_the_shell_are_only_text() -> None:
    hostile = {
        "V_1": "'; touch /owned; '",
        "V_2": "$(id) `id` ${HOME} \\ \\' \"\n#x\n",
        "V_3": "\n\n",
        "V_4": "ends in \\",
        "V_5": "",
    }
    assert _told(hostile) == hostile


def test_a_variable_that_would_stop_the_shell_is_left_out() -> None:
    assert variables_file({"OPTIND": "x"}) == b""


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A\nB", "A=B", "Ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SpecNotSupported, match="no name of a variable"):
        variables_file({name: "x"})


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_that_no_variable_can_have_is_refused_without_telling_it(value: str) -> None:
    with pytest.raises(SpecNotSupported, match="The value of A holds") as refused:
        variables_file({"A": value})
    assert value not in refused.value.detail
