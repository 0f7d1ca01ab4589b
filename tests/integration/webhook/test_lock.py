"""The edit lock through the real API server: once by the webhook alone, once by policy alone.

Its table is read from the document (``edit_lock_table``): each cell is tried at each step of the
lock. What the document says of who is exempt has tests of its own, which are named at the end.
"""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    REPLICA_SET,
    SECRET,
    V1ALPHA1,
    Lock,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import MERGE, ApiError, Client, Cluster
from mattermost_migrate.testing.policies import until_accepted
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook

from .edit_lock_table import (
    NOT_CALLED,
    PASSES,
    REFUSED,
    Write,
    during_the_lock,
    rows,
)
from .locked import (
    NEW_SPEC,
    OLD_SPEC,
    OWNER,
    SAYS,
    Locked,
    deployment,
    edit,
    installation,
    migration,
    until_refused,
)

FREEZE = {"migrate": True, "canary": {"enable": True, "deployment": {"version": ""}}}
WRITES = list(during_the_lock())


@pytest.fixture(scope="module")
def controller(cluster: Cluster, webhook: RunningWebhook) -> Iterator[Client]:
    credentials = cluster.service_account(NAMESPACE, "mattermost-migrate-controller")
    with Client(credentials) as client:
        yield client


@pytest.fixture(scope="module", params=list(Lock))
def step(request: pytest.FixtureRequest) -> Lock:
    """How far the migration has come."""
    return Lock(request.param)


@pytest.fixture(scope="module")
def locked(lock: str, step: Lock, cluster: Cluster, controller: Client) -> Iterator[Locked]:
    """A ClusterInstallation on its way to a Mattermost, with all its children."""
    with _scene(cluster, controller) as here:
        for resource, body in installation():
            here.admin.create(resource, here.namespace, body)
            if resource is REPLICA_SET:  # once it is known, no Deployment makes another for it
                here.admin.until(resource, here.namespace, "chat-1", _observed)
        _begin(here, MATTERMOST.kind, step)
        controller.patch(CLUSTER_INSTALLATION, here.namespace, "chat", {"spec": FREEZE})
        _until_locked(here, CLUSTER_INSTALLATION, by=lock)
        yield here


@pytest.fixture(scope="module")
def returning(lock: str, step: Lock, cluster: Cluster, controller: Client) -> Iterator[Locked]:
    """A Mattermost on its way back, and no Deployment for the moment."""
    with _scene(cluster, controller) as here:
        body = {"metadata": {"name": "chat"}, "spec": NEW_SPEC}
        here.admin.create(MATTERMOST, here.namespace, body)
        _begin(here, CLUSTER_INSTALLATION.kind, step)
        controller.patch(MATTERMOST, here.namespace, "chat", {"spec": {"ingress": {"host": ""}}})
        _until_locked(here, MATTERMOST, by=lock)
        yield here


@contextmanager
def _scene(cluster: Cluster, controller: Client) -> Iterator[Locked]:
    with cluster.namespace() as namespace:
        here = Locked(cluster.admin, controller, namespace)
        yield here
        free = {"metadata": {"labels": {LOCK_LABEL: None}}}
        controller.patch(INSTALLATION_MIGRATION, namespace, "chat", free)


def _begin(here: Locked, kind: str, step: Lock) -> None:
    here.controller.create(INSTALLATION_MIGRATION, here.namespace, migration(kind, lock=step))


def _until_locked(here: Locked, resource: Resource, *, by: str) -> None:
    assert "locked by" in until_refused(lambda: here.patch(resource, edit()), by=by)


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[Client]:
    """The Go operator's ServiceAccount, with rights to everything."""
    name = {"name": "mattermost-operator"}
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": name}])
    cluster.give_every_right("mattermost-operator", "mattermost-operator")
    with Client(cluster.service_account("mattermost-operator", "mattermost-operator")) as client:
        yield client


def _observed(obj: JsonObject) -> bool:
    """Whether its controller has seen it as it is."""
    seen = (obj.get("status") or {}).get("observedGeneration")
    return bool(seen == obj["metadata"]["generation"])


@pytest.mark.parametrize("write", WRITES, ids=[each.what for each in WRITES])
def test_every_cell_of_the_table(
    write: Write, lock: str, locked: Locked, returning: Locked
) -> None:
    here = locked if write.scene == CLUSTER_INSTALLATION.kind else returning
    outcome = write.outcome[lock]
    if outcome != REFUSED:
        assert outcome in {PASSES, NOT_CALLED}
        write.do(here)
        return

    with pytest.raises(ApiError) as refused:
        write.do(here)

    assert refused.value.status in {403, 422}
    assert SAYS[lock] in str(refused.value)
    if write.outcome["webhook"] != REFUSED:
        assert "locked by InstallationMigration" in str(refused.value)


def test_every_row_is_read() -> None:
    table = rows("During the lock")
    assert {outcome for *_, webhook, policy in table for outcome in (webhook, policy)} == {
        REFUSED,
        PASSES,
        NOT_CALLED,
    }
    assert len({write.what for write in WRITES}) == len(WRITES)


def test_a_refusal_says_who_and_what_to_run(locked: Locked) -> None:
    with pytest.raises(ApiError) as refused:
        locked.patch(CLUSTER_INSTALLATION, edit())

    for part in (
        f"locked by InstallationMigration {locked.namespace}/chat",
        "(fleet nightly)",
        f"helm mattermost-migrate status chat -n {locked.namespace}",
        f"helm mattermost-migrate revert chat -n {locked.namespace}",
    ):
        assert part in str(refused.value)


def test_an_annotation_of_ours_is_refused_by_its_path(locked: Locked, lock: str) -> None:
    if lock == "policy":
        return  # it lets that pass
    ours = {"metadata": {"annotations": {"migration.mattermost.com/anything": "x"}}}
    with pytest.raises(ApiError, match=r"metadata\.annotations\[migration.*locked by"):
        locked.patch(CLUSTER_INSTALLATION, ours)


def test_a_second_deployment_is_refused_before_the_first_is_looked_at(
    locked: Locked, lock: str
) -> None:
    with pytest.raises(ApiError) as refused:
        locked.create(DEPLOYMENT, deployment())

    if lock == "policy":
        assert "locked by InstallationMigration" in str(refused.value)
    else:  # which is never called for it
        assert refused.value.reason == "AlreadyExists"


def test_nobody_else_hands_the_children_over(locked: Locked, step: Lock) -> None:
    other = next(each for each in Lock if each is not step)
    with pytest.raises(ApiError) as refused:
        locked.patch(INSTALLATION_MIGRATION, {"metadata": {"labels": {LOCK_LABEL: other}}})

    assert refused.value.status in {403, 422}


def test_others_are_nobody_s_business(locked: Locked) -> None:
    locked.patch(SECRET, {"stringData": {"a": "b"}}, "unrelated")
    locked.create(CLUSTER_INSTALLATION, {"metadata": {"name": "other"}, "spec": OLD_SPEC})


def test_our_controller_is_exempt_from_everything(locked: Locked) -> None:
    ours = Locked(locked.controller, locked.controller, locked.namespace)
    ours.patch(CLUSTER_INSTALLATION, edit())
    ours.patch(DEPLOYMENT, {"spec": {"replicas": 1}})
    ours.patch(INSTALLATION_MIGRATION, {"metadata": {"labels": {LOCK_LABEL: "handover"}}})
    ours.create(MATTERMOST, {"metadata": {"name": "chat"}, "spec": NEW_SPEC})
    ours.delete(CLUSTER_INSTALLATION)
    ours.delete(SECRET, "chat-migration-backup")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param((), id="client-side, as kubectl and Argo CD do"),
        pytest.param(("--server-side", "--field-manager=argocd-controller"), id="as Argo CD does"),
        pytest.param(
            ("--server-side", "--field-manager=kustomize-controller", "--force-conflicts"),
            id="as Flux does",
        ),
    ],
)
def test_a_gitops_tool_applies_what_is_there_again_and_again(
    locked: Locked, cluster: Cluster, tools: Toolbox, tmp_path: Path, how: tuple[str, ...]
) -> None:
    """With kubectl, for good: it stores what it applied."""
    manifest = tmp_path / "chat.json"
    wanted = {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": {"name": "chat", "labels": {"synced": "again"}},
        "spec": {"ingressName": "chat.example.com"},
    }
    manifest.write_text(json.dumps(wanted))
    command = [str(tools["kubectl"]), "--kubeconfig", str(cluster.kubeconfig)]
    command += ["--namespace", locked.namespace, "apply", "-f", str(manifest), *how]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own kubectl

    frozen = locked.get(CLUSTER_INSTALLATION)["spec"]
    assert frozen["migrate"] is True
    wanted["spec"] = {"ingressName": "chat.example.com", "replicas": 7}
    manifest.write_text(json.dumps(wanted))
    refused = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    assert refused.returncode
    assert "locked by InstallationMigration" in refused.stderr


def test_garbage_is_collected_during_the_lock(locked: Locked) -> None:
    admin, namespace = locked.admin, locked.namespace
    owner = admin.create(CONFIG_MAP, namespace, {"metadata": {"name": "owner"}})
    reference = {**OWNER, "uid": owner["metadata"]["uid"]}
    labels = V1ALPHA1.selector("chat")
    metadata = {"name": "garbage", "labels": labels, "ownerReferences": [reference]}
    admin.create(SECRET, namespace, {"metadata": metadata})

    admin.delete(CONFIG_MAP, namespace, "owner")

    admin.until_gone(SECRET, namespace, "garbage")


def test_the_operator_writes_again_once_children_are_handed_over(
    locked: Locked, lock: str, step: Lock, operator: Client
) -> None:
    path = DEPLOYMENT.path(locked.namespace, "chat")

    def write() -> None:
        operator.request(
            "PATCH", path, {"spec": {"replicas": 1}}, params={"dryRun": "All"}, content_type=MERGE
        )

    if lock == "policy" and step is Lock.FROZEN:
        with pytest.raises(ApiError, match="locked by"):
            write()
    else:
        until_accepted(write)


def test_kubernetes_goes_on_with_its_work_on_children(locked: Locked) -> None:
    """Its Deployment controller adopts and scales a ReplicaSet that nobody else may touch."""
    locked.controller.patch(DEPLOYMENT, locked.namespace, "chat", {"spec": {"replicas": 1}})

    locked.admin.until(
        REPLICA_SET, locked.namespace, "chat-1", lambda it: it["spec"]["replicas"] == 1
    )


def test_a_namespace_under_migration_can_be_deleted(
    lock: str, cluster: Cluster, controller: Client
) -> None:
    with cluster.namespace() as namespace:
        here = Locked(cluster.admin, controller, namespace)
        for resource, body in installation():
            cluster.admin.create(resource, namespace, copy.deepcopy(body))
        _begin(here, MATTERMOST.kind, Lock.FROZEN)
        _until_locked(here, CLUSTER_INSTALLATION, by=lock)

    cluster.admin.until_gone(CLUSTER_INSTALLATION, namespace, "chat")
    cluster.admin.until_gone(INSTALLATION_MIGRATION, namespace, "chat")


def test_the_api_server_finds_no_fault_in_the_policies(lock: str, admin: Client) -> None:
    if lock == "webhook":
        return  # there are none
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    ends = time.monotonic() + 60
    while True:
        found = [
            policy
            for policy in admin.request("GET", path)["items"]
            if policy["metadata"]["name"].startswith("mattermost-migrate")
        ]
        if all("observedGeneration" in (policy.get("status") or {}) for policy in found):
            break
        assert time.monotonic() < ends, "nobody has checked their types"
        time.sleep(0.2)

    assert len(found) == 4
    for policy in found:
        assert not policy["status"].get("typeChecking", {}).get("expressionWarnings"), policy


#: By the first column of the table: the tests of what the row says.
EXEMPT = {
    "our controller, by its ServiceAccount": {test_our_controller_is_exempt_from_everything},
    "the namespace controller, the garbage collector, the controller-manager": {
        test_a_namespace_under_migration_can_be_deleted,
        test_garbage_is_collected_during_the_lock,
    },
    "the other controllers of Kubernetes (`kube-system/…-controller`)": {
        test_kubernetes_goes_on_with_its_work_on_children
    },
    "the Go operator, by the username given": {
        test_the_operator_writes_again_once_children_are_handed_over
    },
}


def test_everybody_who_is_exempt_is_tried() -> None:
    assert [who for who, _ in rows("Who is exempt")] == list(EXEMPT)
