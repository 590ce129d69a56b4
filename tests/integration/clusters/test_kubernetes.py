"""What is made in a real cluster: objects, rights and bounds that the port does not show."""

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from shared.clusters.errors import ClusterRefused
from shared.clusters.kubernetes import KubernetesCluster
from shared.clusters.port import PullSecret, Workload
from shared.detection.run_settings import HealthCheck, Scaling, Schedule, Worker
from tests.contract.clusters import kubernetes_place
from tests.contract.clusters.places import App, Bench

SECRET = "s3cret-value-of-a-release"
KINDS = "deployments,services,secrets,poddisruptionbudgets,hpa,cronjobs,jobs,pods"


def _kubectl(*words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    command = ["kubectl", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def kubectl(*words: str, given: str = "") -> Any:
    """Ask the cluster past the adapter."""
    done = _kubectl(*words, "--output=json", given=given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(manifest: dict[str, Any]) -> str:
    """What the cluster says to an object that it does not take."""
    done = _kubectl("create", "-f", "-", given=json.dumps(manifest))
    assert done.returncode != 0
    return done.stderr


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    if reason := kubernetes_place.unavailable():
        pytest.skip(reason)
    async with kubernetes_place.opened() as place:
        made = Bench(place)
        yield made
        await made.close()


def _kubeconfig(bench: Bench) -> str:
    """The platform's own."""
    assert isinstance(bench.place, kubernetes_place.KubernetesPlace)
    return bench.place.kubeconfig


def _with_token(token: str) -> KubernetesCluster:
    """The cluster with another identity."""

    def load() -> Any:
        from kubernetes.client import Configuration
        from kubernetes.config import load_kube_config_from_dict

        config = Configuration()
        load_kube_config_from_dict(
            kubernetes_place.kubeconfig_with(token), client_configuration=config
        )
        return config

    return KubernetesCluster(load, drain_seconds=1)


async def _whole(bench: Bench) -> Workload:
    """A workload with everything that there can be."""
    return await bench.workload(
        secrets={"KEY": SECRET},
        pull_secret=PullSecret(registry="127.0.0.1:1", username="me", password=SECRET),
        workers={"mail": Worker(command="python3 server.py worker")},
        schedules={"clean-up": Schedule(cron="0 3 * * *", command="echo clean")},
        scaling=Scaling(minimum=1, maximum=2, cpu_percent=60),
        liveness=HealthCheck(path="/health"),
    )


async def test_a_project_is_closed_before_anything_runs_in_it(bench: Bench) -> None:
    await bench.up()
    space = f"project-{bench.project}"
    labels = kubectl("get", "namespace", space)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bad", "namespace": space},
        "spec": {"hostNetwork": True, "containers": [{"name": "a", "image": "a"}]},
    }
    assert "violates PodSecurity" in refused(pod)
    (policy,) = kubectl("get", "networkpolicy", "-n", space)["items"]
    spec = policy["spec"]
    assert (spec["podSelector"], spec["policyTypes"]) == ({}, ["Ingress", "Egress"])
    gateway = {"namespaceSelector": {"matchLabels": {"astrocloud.dev/gateway": "true"}}}
    assert spec["ingress"] == [{"from": [gateway]}]
    dns, internet = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    closed = internet["to"][0]["ipBlock"]["except"]
    assert {"169.254.0.0/16", "168.63.129.16/32", "10.0.0.0/8"} <= set(closed)
    account = kubectl("get", "serviceaccount", "app", "-n", space)
    assert account["automountServiceAccountToken"] is False
    assert kubectl("get", "resourcequota,limitrange", "-n", space)["items"]


async def test_pods_have_no_rights(bench: Bench) -> None:
    workload = await bench.up()
    (pod,) = kubectl("get", "pods", "-n", f"project-{bench.project}")["items"]
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["serviceAccountName"] == "app"
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"] == {
        "cpu": "100m",
        "memory": str(96 * 1024 * 1024),
        "ephemeral-storage": str(64 * 1024 * 1024),
    }
    assert pod["metadata"]["labels"]["astrocloud.dev/release"] == str(workload.release)
    assert pod["metadata"]["labels"]["astrocloud.dev/account"] == str(workload.account)


async def test_secrets_stand_in_no_specification(bench: Bench) -> None:
    workload = (await _whole(bench)).model_copy(update={"pull_secret": None})
    await bench.cluster.apply(workload, 1)
    await bench.cluster.start_task("task", workload, "echo $KEY", 60)
    await bench.ended(workload.ref, "task")
    space = f"project-{bench.project}"
    seen = kubectl("get", "deployments,pods,jobs,cronjobs,replicasets,events", "-n", space)
    assert len(seen["items"]) > 5
    assert SECRET not in json.dumps(seen)
    assert base64.b64encode(SECRET.encode()).decode() not in json.dumps(seen)
    assert await bench.lines(workload.ref, "task") == [SECRET]
    await bench.cluster.delete_task(workload.ref, "task")
    left = kubectl("get", "secrets", "-n", space)["items"]
    assert [one["metadata"]["name"] for one in left] == [f"variables-{workload.release}"]


async def test_applying_again_changes_no_object(bench: Bench) -> None:
    workload = await _whole(bench)
    space = f"project-{bench.project}"

    def generations() -> dict[str, Any]:
        kinds = "deployments,services,secrets,poddisruptionbudgets,cronjobs,networkpolicies"
        found = kubectl("get", kinds, "-n", space)["items"]
        return {
            f"{one['kind']}/{one['metadata']['name']}": one["metadata"].get(
                "generation", one["metadata"]["resourceVersion"]
            )
            for one in found
        }

    await bench.cluster.apply(workload, 1)
    before = generations()
    await bench.cluster.apply(workload, 1)
    assert generations() == before
    assert len(before) >= 8
    managers = {
        one["manager"]
        for one in kubectl(
            "get", "deployment", f"web-{workload.release}", "-n", space, "--show-managed-fields"
        )["metadata"]["managedFields"]
        if one["operation"] == "Apply"
    }
    assert managers == {"astrocloud"}


async def test_workers_and_schedules_that_are_gone_are_deleted(bench: Bench) -> None:
    workload = await _whole(bench)
    await bench.cluster.apply(workload, 0)
    bare = workload.model_copy(update={"workers": {}, "schedules": {}, "scaling": Scaling()})
    await bench.cluster.apply(bare, 0)
    space = f"project-{bench.project}"
    left = kubectl("get", "deployments,cronjobs,hpa", "-n", space)["items"]
    assert [one["metadata"]["name"] for one in left] == [f"web-{workload.release}"]


async def test_a_deleted_release_leaves_nothing(bench: Bench) -> None:
    workload = await _whole(bench)
    await bench.cluster.apply(workload, 1)
    await bench.cluster.start_task("task", workload, "echo", 60)
    await bench.cluster.cancel_task(workload.ref, "never")
    await bench.cluster.delete(workload.ref)
    deadline = asyncio.get_running_loop().time() + 60
    space = f"project-{bench.project}"
    while left := kubectl("get", KINDS, "-n", space)["items"]:
        assert asyncio.get_running_loop().time() < deadline, left
        await asyncio.sleep(0.3)


async def test_a_quota_that_is_used_up_is_told(bench: Bench) -> None:
    tight = KubernetesCluster.from_kubeconfig(
        _kubeconfig(bench), quota={"pods": "1"}, drain_seconds=1
    )
    workload = await bench.workload()
    await tight.apply(workload, 1)
    await bench.ready(workload.ref)
    await tight.scale(workload.ref, 2)
    status = await bench.until(workload.ref, lambda status: status.problem is not None)
    assert status.problem is not None
    assert status.problem.reason == "no_room"
    assert "exceeded quota" in status.problem.detail
    assert status.ready == 1
    # A task that the quota has no place for waits, and says why.
    await tight.start_task("task", workload, "echo", 60)
    deadline = asyncio.get_running_loop().time() + 30
    while "quota" not in (task := await bench.task(workload.ref, "task")).detail:
        assert asyncio.get_running_loop().time() < deadline, task
        await asyncio.sleep(0.3)
    assert task.state == "running"
    await tight.close()


async def test_a_runtime_class_that_is_not_there_is_told(bench: Bench) -> None:
    cluster = KubernetesCluster.from_kubeconfig(
        _kubeconfig(bench), runtime_class="kata-vm-isolation", drain_seconds=1
    )
    workload = await bench.workload()
    await cluster.apply(workload, 1)
    status = await bench.until(workload.ref, lambda status: status.problem is not None)
    assert status.problem is not None
    assert status.problem.reason == "start_failed"
    assert "kata-vm-isolation" in status.problem.detail
    await cluster.close()


async def test_what_the_api_server_finds_invalid_is_refused(bench: Bench) -> None:
    workload = await bench.workload(environment={"NOT A NAME": "x"})
    with pytest.raises(ClusterRefused, match="NOT A NAME"):
        await bench.cluster.apply(workload, 0)


async def test_a_shell_that_the_image_lacks_is_told(bench: Bench) -> None:
    workload = await bench.workload(start="/bin/no-shell -c $PORT")
    await bench.cluster.apply(workload, 1)
    status = await bench.until(workload.ref, lambda status: status.problem is not None)
    assert status.problem is not None
    assert status.problem.reason == "start_failed"


async def test_an_identity_without_rights_is_told_what_it_lacks(bench: Bench) -> None:
    account = f"nobody-{uuid4().hex[:8]}"
    kubectl("create", "serviceaccount", account, "-n", "default")
    token = kubectl("create", "token", account, "-n", "default")["status"]["token"]
    cluster = _with_token(token)
    try:
        with pytest.raises(ClusterRefused, match='cannot patch resource "namespaces"'):
            await cluster.apply(await bench.workload(), 1)
    finally:
        _kubectl("delete", "serviceaccount", account, "-n", "default")
        await cluster.close()


async def test_the_rights_of_the_platform_are_enough(bench: Bench) -> None:
    """Each call of the port; the tests of the port have these rights, too."""
    workload = await _whole(bench)
    await bench.cluster.apply(workload, 1)
    await _everything(bench.cluster, bench, workload)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("get secrets --all-namespaces", "cannot list resource"),
        ("exec web-1 -n {project} -- id", "cannot get resource"),
        ("get namespace {project}", "cannot get resource"),
        ("create clusterrolebinding x --clusterrole=cluster-admin --user=x", "cannot create"),
        ("create rolebinding x -n {project} --clusterrole=admin --user=x", "cannot create"),
        ("create secret generic x -n kube-system", "'kube-system' is none"),
        ("create deployment x -n default --image=x", "'default' is none"),
        ("create namespace other", "'other' is none"),
        ("create namespace {project}-open", 'pod security "restricted" only'),
        ("delete namespace astrocloud-gateway", "'astrocloud-gateway' is none"),
        ("delete namespace astrocloud", "'astrocloud' is none"),
    ],
)
async def test_the_platform_has_no_other_rights(bench: Bench, words: str, why: str) -> None:
    await bench.cluster.apply(await bench.workload(), 0)
    asked = words.format(project=f"project-{bench.project}").split()
    done = _kubectl("--kubeconfig", _kubeconfig(bench), *asked)
    assert done.returncode != 0, done.stdout
    assert "forbidden" in done.stderr.lower()
    assert why in done.stderr


async def test_a_project_cannot_be_opened_afterwards(bench: Bench) -> None:
    """A stolen token takes no pod security away."""
    await bench.cluster.apply(await bench.workload(), 0)
    named = {"name": f"project-{bench.project}", "labels": {}}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": named}
    cluster = bench.cluster
    assert isinstance(cluster, KubernetesCluster)
    with pytest.raises(ClusterRefused, match='pod security "restricted" only'):
        await cluster._api.apply(manifest)


async def _everything(cluster: KubernetesCluster, bench: Bench, workload: Workload) -> None:
    """Each call of the port, once, with problems to look into."""
    await bench.ready(workload.ref)
    broken = workload.model_copy(update={"environment": {"EXIT": "1"}, "release": uuid4()})
    await cluster.apply(broken, 1)
    deadline = asyncio.get_running_loop().time() + 60
    while not ((status := await cluster.status(broken.ref)) and status.problem):
        assert asyncio.get_running_loop().time() < deadline, status
        await asyncio.sleep(0.3)
    assert status.problem.last_lines
    rooted = await bench.workload(app=App(user=""), project=workload.project)
    await cluster.start_task("root", rooted, "echo as user", 60)
    while not ((task := await cluster.task_status(rooted.ref, "root")) and task.has_ended):
        assert asyncio.get_running_loop().time() < deadline, task
        await asyncio.sleep(0.3)
    assert task.state == "succeeded"
    assert await cluster.task_log(rooted.ref, "root", 0)
    await cluster.start_task("long", workload, "sleep 600", 600)
    await cluster.cancel_task(workload.ref, "long")
    await cluster.cancel_task(workload.ref, "never")
    await cluster.delete_task(workload.ref, "long")
    assert await cluster.scheduled_runs(workload.ref) == []
    await cluster.restart(workload.ref)
    await cluster.scale(workload.ref, 2)
    await cluster.scale(workload.ref, 0)
    bare = workload.model_copy(update={"workers": {}, "schedules": {}, "scaling": Scaling()})
    await cluster.apply(bare, 0)
    await cluster.delete(broken.ref)
    await cluster.delete_project(workload.project)
