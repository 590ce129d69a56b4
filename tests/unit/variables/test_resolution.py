"""Which of several values counts, and what snapshots tell."""

from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from shared.crypto import Crypto, Unreadable
from shared.logs.lines import Line
from shared.logs.masking import Masker
from shared.variables.models import ResolvedVariable, VariableScope
from shared.variables.resolution import (
    fingerprint,
    open_snapshot,
    seal_snapshot,
    secret_values,
    strongest,
    system_variables,
)

PROJECT = uuid4()
CRYPTO = Crypto([Fernet.generate_key().decode()])
LAYERS: list[dict[str, Any]] = [
    {"name": "A", "project_id": None, "branch": None, "is": "account"},
    {"name": "A", "project_id": None, "branch": "b", "is": "account's branch"},
    {"name": "A", "project_id": PROJECT, "branch": None, "is": "project"},
    {"name": "A", "project_id": PROJECT, "branch": "b", "is": "project's branch"},
]


def plain(value: str, scope: VariableScope = "all") -> ResolvedVariable:
    """A variable that anyone may see."""
    return ResolvedVariable(value, secret=False, scope=scope)


def secret(value: str, scope: VariableScope = "all") -> ResolvedVariable:
    """A variable that nobody may see."""
    return ResolvedVariable(value, secret=True, scope=scope)


@pytest.mark.parametrize("mask", range(1, 16))
def test_the_strongest_layer_that_is_there_counts(mask: int) -> None:
    """Project's branch, project, account's branch, account: in any combination and order."""
    there = [layer for index, layer in enumerate(LAYERS) if mask & 1 << index]

    assert strongest(there)[0]["is"] == there[-1]["is"]
    assert strongest(reversed(there)) == strongest(there)


def test_only_known_system_variables_are_set() -> None:
    """What is not known is absent, not empty."""
    found = system_variables(
        url="http://x.test", environment="preview", git_sha=None, git_branch=""
    )

    assert {name: v.value for name, v in found.items()} == {
        "ASTROCLOUD_URL": "http://x.test",
        "ASTROCLOUD_ENVIRONMENT": "preview",
    }


def test_a_snapshot_belongs_to_its_deployment() -> None:
    """It opens there and nowhere else, and shows nothing as it stands."""
    deployment, variables = uuid4(), {"A": plain("one-value"), "B": secret("two-value", "build")}
    snapshot = seal_snapshot(CRYPTO, deployment, variables)

    assert open_snapshot(CRYPTO, deployment, snapshot.sealed) == variables
    assert open_snapshot(CRYPTO, deployment, None) == {}
    assert "value" not in snapshot.sealed + snapshot.fingerprint + repr(variables)
    with pytest.raises(Unreadable):
        open_snapshot(CRYPTO, uuid4(), snapshot.sealed)


def test_equal_sets_have_equal_fingerprints_in_any_order() -> None:
    """And nothing of the one deployment counts: its release, its commit."""
    one = {"A": plain("1"), "B": secret("2"), **system_variables(git_sha="a", release_id="x")}
    two = {**system_variables(git_sha="b", release_id="y"), "B": secret("2"), "A": plain("1")}

    assert fingerprint(CRYPTO, one) == fingerprint(CRYPTO, two)


@pytest.mark.parametrize(
    "other",
    [
        {"A": plain("2")},
        {"B": plain("1")},
        {"A": secret("1")},
        {"A": plain("1", "build")},
        {"A": plain("1"), "B": plain("")},
        {"A": plain("1"), "B": secret("x", "run")},
        {"A": plain("1"), **system_variables(git_branch="b")},
    ],
)
def test_other_sets_have_other_fingerprints(other: dict[str, ResolvedVariable]) -> None:
    """Value, name, scope and secrecy all change what a build does or what is searched for."""
    assert fingerprint(CRYPTO, other) != fingerprint(CRYPTO, {"A": plain("1")})


def test_what_only_runs_does_not_change_a_build() -> None:
    """A plain variable of the scope run is seen by no build."""
    known = {"A": plain("1")}
    assert fingerprint(CRYPTO, {**known, "B": plain("x", "run")}) == fingerprint(CRYPTO, known)


def test_secret_values_are_masked_in_logs() -> None:
    """Of every scope; plain ones stay readable."""
    variables = {"A": plain("public-value"), "B": secret("first-secret", "run"), "C": secret("")}
    masker = Masker(secret_values(variables))
    line = Line(
        source="build",
        stream="stdout",
        time="2026-01-01T00:00:00Z",
        text="public-value first-secret Zmlyc3Qtc2VjcmV0",
    )
    masked, _ = masker.mask([line], {})

    assert masked[0].text == "public-value *** ***"
