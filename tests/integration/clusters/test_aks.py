"""Access to AKS with the real SDKs: against a server true to the specifications, and through it
to a real API server where there is one."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError

from shared.clusters import cluster_of
from shared.clusters.aks import AksAccess
from shared.clusters.errors import ClusterRefused
from shared.clusters.kubernetes import KubernetesCluster
from shared.clusters.port import WorkloadRef
from shared.config import MissingSetting, Settings
from shared.errors import AstroCloudError, Unavailable
from tests.fakes.azure.aks import (
    CLUSTER,
    GROUP,
    SUBSCRIPTION,
    Answer,
    FakeAks,
    StubCredential,
    arm_error,
    kubeconfig_of,
    running,
    status,
)

REF = WorkloadRef(project=uuid4(), release=uuid4())
ARM, API = "/subscriptions", "/api"


@pytest.fixture
def aks(tmp_path: Path) -> Iterator[FakeAks]:
    with running(tmp_path) as fake:
        yield fake


def _cluster(aks: FakeAks, *credentials: Any) -> KubernetesCluster:
    given = list(credentials or [StubCredential()])
    return KubernetesCluster(
        AksAccess(
            SUBSCRIPTION,
            GROUP,
            CLUSTER,
            aks.url,
            lambda: given.pop(0) if len(given) > 1 else given[0],
            connection_verify=str(aks.certificates),
        )
    )


async def test_a_token_takes_the_place_of_the_program_that_signs_in(aks: FakeAks) -> None:
    credential = StubCredential()
    cluster = _cluster(aks, credential)
    assert await cluster.status(REF) is None
    assert credential.scopes == [
        f"{aks.url}/.default",
        "6dae42f8-4368-4678-94ff-3960e28e3630/.default",
    ]
    assert aks.tokens(ARM) == ["Bearer token-1"]
    assert set(aks.tokens(API)) == {"Bearer token-2"}
    await cluster.close()


async def test_a_token_is_kept_while_it_is_good_and_replaced_before_it_ends(aks: FakeAks) -> None:
    lasting, short = StubCredential(), StubCredential(lifetime=200)
    for credential, is_kept in ((lasting, True), (short, False)):
        cluster = _cluster(aks, credential)
        await cluster.status(REF)
        before = len(credential.scopes)
        await cluster.status(REF)
        assert (len(credential.scopes) == before) is is_kept
        await cluster.close()


async def test_a_cluster_with_local_accounts_gets_no_token_of_ours(aks: FakeAks) -> None:
    aks.kubeconfig = aks.access()
    aks.kubeconfig["users"] = [{"name": "clusterUser", "user": {"token": "local"}}]
    cluster = _cluster(aks)
    await cluster.status(REF)
    assert set(aks.tokens(API)) == {"Bearer local"}
    await cluster.close()


async def test_a_refused_token_is_replaced_once(aks: FakeAks) -> None:
    old, new = StubCredential(fixed="revoked"), StubCredential(fixed="fresh")
    cluster = _cluster(aks, old, new)
    aks.api = [status(401, "Unauthorized", "Unauthorized")]
    await cluster.delete_project(REF.project)
    assert aks.tokens(API) == ["Bearer revoked", "Bearer fresh"]
    await cluster.close()


async def test_reads_that_are_refused_together_read_the_access_once(aks: FakeAks) -> None:
    cluster = _cluster(aks, StubCredential(fixed="revoked"), StubCredential(fixed="fresh"))
    assert await cluster.status(REF) is None
    aks.revoked = "revoked"
    assert await cluster.status(REF) is None
    assert len(aks.tokens(ARM)) == 2
    assert len(aks.tokens(API)) > 8
    await cluster.close()


async def test_a_token_that_is_never_accepted_is_told(aks: FakeAks) -> None:
    cluster = _cluster(aks)
    aks.api = [status(401, "Unauthorized", "Unauthorized")] * 2
    with pytest.raises(Unavailable, match="does not accept our credentials"):
        await cluster.delete_project(REF.project)
    await cluster.close()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (arm_error(401, "InvalidAuthenticationToken"), Unavailable, "no token"),
        (arm_error(403, "AuthorizationFailed"), ClusterRefused, "Cluster User"),
        (arm_error(404, "ResourceNotFound"), ClusterRefused, "AKS_CLUSTER"),
        (arm_error(409, "OperationNotAllowed"), Unavailable, "409"),
        (arm_error(429, "TooManyRequests", Retry_After="17"), Unavailable, "429"),
        (arm_error(500, "InternalServerError"), Unavailable, "500"),
        (arm_error(503, "ServerBusy", Retry_After="5"), Unavailable, "503"),
        (arm_error(400, "InvalidApiVersionParameter"), ClusterRefused, "AZURE_MANAGEMENT_URL"),
        (Answer(200, {"kubeconfigs": []}), Unavailable, "no access"),
    ],
)
async def test_what_azure_answers_is_told_with_what_to_do(
    aks: FakeAks, answer: Answer, kind: type[AstroCloudError], words: str
) -> None:
    aks.arm = [answer]
    cluster = _cluster(aks)
    with pytest.raises(kind, match=words) as refused:
        await cluster.status(REF)
    assert refused.value.headers == {
        key: value for key, value in answer.headers.items() if key == "Retry-After"
    }
    # It holds nothing against the cluster: the next call asks anew.
    assert await cluster.status(REF) is None
    await cluster.close()


@pytest.mark.parametrize("content", ["a: [", "words", "users: 1", "users: [1]", "{}", ""])
async def test_an_access_that_cannot_be_read_is_told_without_what_it_holds(
    aks: FakeAks, content: str
) -> None:
    value = base64.b64encode(content.encode()).decode()
    aks.arm = [Answer(200, {"kubeconfigs": [{"name": "clusterUser", "value": value}]})]
    cluster = _cluster(aks)
    with pytest.raises(Unavailable, match=r"cannot be read .* the cluster apps"):
        await cluster.status(REF)
    assert await cluster.status(REF) is None
    await cluster.close()


@pytest.mark.parametrize("content", [None, "a: [token-of-somebody", "{}", "clusters: 1"])
async def test_a_kubeconfig_that_cannot_be_read_is_told_by_its_name(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    cluster = KubernetesCluster.from_kubeconfig(str(path))
    with pytest.raises(Unavailable, match="KUBECONFIG") as told:
        await cluster.status(REF)
    assert str(path) in told.value.detail
    assert "token-of-somebody" not in told.value.detail


async def test_azure_out_of_reach_is_unavailable(aks: FakeAks) -> None:
    cluster = _cluster(aks)
    aks.close()
    with pytest.raises(Unavailable, match="Resource Manager"):
        await cluster.status(REF)
    aks.__init__(aks.certificates.parent)  # type: ignore[misc]


async def test_an_identity_that_is_not_there_is_told(aks: FakeAks) -> None:
    class NoIdentity(StubCredential):
        def get_token(self, *scopes: str, **options: Any) -> Any:
            raise ClientAuthenticationError("no managed identity")

    cluster = _cluster(aks, NoIdentity())
    with pytest.raises(Unavailable, match="az login"):
        await cluster.status(REF)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            status(
                403, "Forbidden", 'namespaces "x" is forbidden: User "p" cannot delete resource'
            ),
            ClusterRefused,
            "cannot delete resource",
        ),
        (status(429, "TooManyRequests", "too many"), Unavailable, "429"),
        (status(500, "InternalError", "etcd"), Unavailable, "500"),
        (status(504, "Timeout", "late"), Unavailable, "504"),
        (status(422, "Invalid", "spec is wrong"), ClusterRefused, "spec is wrong"),
        (Answer(502), Unavailable, "502"),
    ],
)
async def test_what_the_api_server_answers_is_told(
    aks: FakeAks, answer: Answer, kind: type[AstroCloudError], words: str
) -> None:
    aks.api = [Answer(answer.status, answer.body, {"Retry-After": "9"})]
    cluster = _cluster(aks)
    with pytest.raises(kind, match=words) as refused:
        await cluster.delete_project(REF.project)
    assert refused.value.headers == ({"Retry-After": "9"} if kind is Unavailable else {})
    assert len(aks.tokens(API)) == 1
    await cluster.close()


async def test_a_collision_is_tried_again(aks: FakeAks) -> None:
    cluster = _cluster(aks)
    aks.api = [status(409, "Conflict", "the object has been modified")] * 2
    await cluster.delete_project(REF.project)
    assert len(aks.tokens(API)) == 3
    await cluster.close()


async def test_what_is_not_there_is_deleted(aks: FakeAks) -> None:
    cluster = _cluster(aks)
    aks.api = [status(404, "NotFound", "namespaces not found")]
    await cluster.delete_project(REF.project)
    await cluster.close()


async def test_a_project_that_is_being_deleted_takes_nothing_yet(aks: FakeAks) -> None:
    cluster = _cluster(aks)
    cause = {"reason": "NamespaceTerminating", "message": "namespace x is being terminated"}
    aks.api = [status(403, "Forbidden", "unable to create new content", causes=[cause])]
    with pytest.raises(Unavailable, match="being deleted"):
        await cluster.cancel_task(REF, "task")
    await cluster.close()


async def test_the_metrics_server_may_be_away(aks: FakeAks) -> None:
    """Only what it measures is missing then; four reads of which the metrics fail."""
    cluster = _cluster(aks)
    assert await cluster._usage("project-x", {}) == {}
    aks.api = [status(503, "ServiceUnavailable", "no metrics")]
    assert await cluster._usage("project-x", {}) == {}
    await cluster.close()


async def test_through_aks_to_a_real_api_server(aks: FakeAks) -> None:
    if os.environ.get("ASTROCLOUD_TEST_CLUSTER") != "1" or not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG and ASTROCLOUD_TEST_CLUSTER=1 name no Kubernetes to test on")
    real = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    user = real["users"][0]["user"]
    if "token" not in user:
        pytest.skip("the kubeconfig has no token that could stand for one of Entra")
    aks.kubeconfig = kubeconfig_of(real["clusters"][0]["cluster"])
    wrong = StubCredential(fixed="wrong")
    with pytest.raises(Unavailable, match="does not accept our credentials"):
        await _cluster(aks, wrong).status(REF)
    cluster = _cluster(aks, wrong, StubCredential(fixed=user["token"]))
    await cluster.cancel_task(REF, "never")
    told = await cluster.task_status(REF, "never")
    assert told is not None
    assert json.loads(told.model_dump_json())["state"] == "canceled"
    await cluster.delete_project(REF.project)
    await cluster.close()


def test_settings_that_are_missing_are_named_together() -> None:
    values: dict[str, Any] = {
        "database_url": "",
        "redis_url": "",
        "storage": "",
        "kafka_brokers": "",
        "webpubsub": "",
        "platform_url": "",
        "sites_url": "",
        "signing_keys": (),
        "encryption_keys": (),
    }
    with pytest.raises(MissingSetting, match="AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, AKS_"):
        cluster_of(Settings(**values, cluster="aks"))
    with pytest.raises(MissingSetting, match="KUBECONFIG"):
        cluster_of(Settings(**values, cluster="kubernetes"))
    assert isinstance(
        cluster_of(Settings(**values, cluster="kubernetes", kubeconfig="file")), KubernetesCluster
    )
