"""The manifest that gives the platform its rights in a cluster, seen beside what the adapter does.

That the rights are enough, and no more, is shown on a real cluster.
"""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from shared.clusters.kubernetes import names
from shared.clusters.kubernetes.api import _PLACES

MANIFEST = Path(__file__).parents[3] / "infrastructure/kubernetes/access.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))


def the(kind: str) -> dict[str, Any]:
    """The only object of a kind."""
    (found,) = (one for one in OBJECTS if one["kind"] == kind)
    return found


def rights() -> dict[tuple[str, str], set[str]]:
    """What may be done with each resource, by its group and name."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in the("ClusterRole")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.mark.parametrize("kind", _PLACES)
def test_each_kind_that_the_adapter_knows_has_its_rule(kind: str) -> None:
    _, top, *rest = _PLACES[kind].split("/")
    group = "" if top == "api" else rest[0]
    assert (group, rest[-1]) in rights()


def test_no_secret_can_be_read_and_nothing_is_granted_by_a_star() -> None:
    assert rights()["", "secrets"].isdisjoint({"get", "list", "watch", "update"})
    told = [word for key, verbs in rights().items() for word in (*key, *verbs)]
    assert "*" not in told
    assert {"escalate", "bind", "impersonate"}.isdisjoint(told)
    assert ("", "pods/exec") not in rights()


def test_the_binding_the_policy_and_the_account_are_of_one_identity() -> None:
    account = the("ServiceAccount")["metadata"]
    assert the("ServiceAccount")["automountServiceAccountToken"] is False
    (subject,) = the("ClusterRoleBinding")["subjects"]
    assert (subject["namespace"], subject["name"]) == (account["namespace"], account["name"])
    (condition,) = the("ValidatingAdmissionPolicy")["spec"]["matchConditions"]
    user = f"'system:serviceaccount:{account['namespace']}:{account['name']}'"
    assert condition["expression"].endswith(user)
    binding = the("ValidatingAdmissionPolicyBinding")["spec"]
    assert binding["policyName"] == the("ValidatingAdmissionPolicy")["metadata"]["name"]
    assert binding["validationActions"] == ["Deny"]


def test_names_and_labels_are_those_of_the_adapter() -> None:
    (first, _) = the("ValidatingAdmissionPolicy")["spec"]["validations"]
    prefix = first["expression"].partition("startsWith('")[2].removesuffix("')")
    assert names.namespace(uuid4()).startswith(prefix)
    labelled = [one for one in OBJECTS if names.GATEWAY_LABEL in one["metadata"].get("labels", {})]
    assert [one["kind"] for one in labelled] == ["Namespace"]
    assert labelled[0]["metadata"]["labels"][names.GATEWAY_LABEL] == "true"
