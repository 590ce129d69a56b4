"""What a variable may be called and hold."""

import pytest

from shared.variables.names import MOST_BYTES, name_problem, value_problem


@pytest.mark.parametrize(
    "name", ["A", "_a1", "NODE_OPTIONS", "CI", "PYTHONPATH", "npm_config_registry", "A" * 128]
)
def test_usual_names_are_taken(name: str) -> None:
    """What builds are commonly told is allowed."""
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "Ä", "A=B", "A\n", "A" * 129, "A\0"])
def test_other_characters_are_refused_without_repeating_them(name: str) -> None:
    """The rule is told; what was sent may be a piece of a secret."""
    problem = name_problem(name)
    assert problem is not None
    assert problem.startswith("the name must have letters, digits and underscores only")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("PATH", "the platform sets it"),
        ("path", "the platform sets it"),
        ("HOME", "the platform sets it"),
        ("LD_PRELOAD", "which code a program loads"),
        ("DYLD_INSERT_LIBRARIES", "which code a program loads"),
        ("BASH_ENV", "run it as code"),
        ("BASH_FUNC_ls", "run it as code"),
        ("IFS", "the shell itself"),
        ("ASTROCLOUD_URL", "set by the platform"),
        ("astrocloud_x", "set by the platform"),
    ],
)
def test_reserved_names_are_refused_with_the_reason(name: str, reason: str) -> None:
    """In any case: some systems do not tell cases apart."""
    assert reason in (name_problem(name) or "")


def test_values_are_bounded_in_bytes() -> None:
    """A text of two-byte letters counts twice."""
    assert value_problem("x" * MOST_BYTES) is None
    assert f"at most {MOST_BYTES}" in (value_problem("ü" * (MOST_BYTES // 2 + 1)) or "")


@pytest.mark.parametrize("value", ["secret\0secret", "secret\ud800"])
def test_values_that_no_process_can_have_are_refused(value: str) -> None:
    """And never repeated."""
    problem = value_problem(value)
    assert problem is not None
    assert "secret" not in problem
