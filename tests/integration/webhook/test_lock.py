"""The edit lock through the real API server: once by the webhook alone, once by policy alone."""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    V1ALPHA1,
    Resource,
)
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook, install_chart

LOCK = "migration.mattermost.com/lock"
FREEZE = {"migrate": True, "canary": {"enable": True, "deployment": {"version": ""}}}
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Locked:
    """An installation in the middle of its migration."""

    admin: Client
    controller: Client
    namespace: str

    def send(
        self, method: str, path: str, body: object = None, *, content_type: str = MERGE
    ) -> dict[str, Any]:
        """A dry run: admission judges it like the real thing, and nothing is stored."""
        params = {"dryRun": "All", "fieldManager": "gitops"}
        if content_type == APPLY:
            params["force"] = "true"
        return self.admin.request(method, path, body, params=params, content_type=content_type)

    def patch(
        self, resource: Resource, patch: object, name: str = "chat", *, content_type: str = MERGE
    ) -> object:
        path = resource.path(self.namespace, name)
        return self.send("PATCH", path, patch, content_type=content_type)

    def status(self, resource: Resource, name: str = "chat") -> object:
        """A change of the status by its subresource."""
        path = f"{resource.path(self.namespace, name)}/status"
        return self.send("PATCH", path, {"status": {}, "metadata": {"annotations": {"a": "b"}}})

    def scale(self, resource: Resource, name: str) -> object:
        path = f"{resource.path(self.namespace, name)}/scale"
        return self.send("PATCH", path, {"spec": {"replicas": 1}})

    def delete(self, resource: Resource, name: str = "chat") -> object:
        return self.send("DELETE", resource.path(self.namespace, name))

    def delete_all(self, resource: Resource, name: str = "chat") -> object:
        """In one request that names none, as client libraries can; what is of this name alone."""
        params = {"dryRun": "All", "fieldSelector": f"metadata.name={name}"}
        return self.admin.request("DELETE", resource.path(self.namespace), params=params)

    def create(self, resource: Resource, body: dict[str, Any]) -> object:
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        path = resource.path(self.namespace)
        return self.send("POST", path, whole, content_type="application/json")

    def get(self, resource: Resource, name: str = "chat") -> dict[str, Any]:
        return self.admin.get(resource, self.namespace, name)


@pytest.fixture(scope="module", params=["webhook", "policy"])
def lock(
    request: pytest.FixtureRequest, webhook: RunningWebhook, cluster: Cluster, tools: Toolbox
) -> Iterator[str]:
    """Which of the two locks is there; the other one is not."""
    values = {"webhook.externalName": "localhost", "webhook.port": str(webhook.port)}
    if request.param == "webhook":
        install_chart(cluster, tools["helm3"], {**values, "policy.enabled": "false"})
    else:
        install_chart(cluster, tools["helm3"], values)
        webhook.process.stop()
    yield request.param
    install_chart(cluster, tools["helm3"], values)
    webhook.process.start()
    webhook.until_ready()


@pytest.fixture(scope="module")
def controller(cluster: Cluster, webhook: RunningWebhook) -> Iterator[Client]:
    credentials = cluster.service_account(NAMESPACE, "mattermost-migrate-controller")
    with Client(credentials) as client:
        yield client


@pytest.fixture(scope="module")
def locked(lock: str, cluster: Cluster, controller: Client) -> Iterator[Locked]:
    with cluster.namespace() as namespace:
        admin = cluster.admin
        for resource, body in _installation():
            admin.create(resource, namespace, body)
            if resource is REPLICA_SET:  # once it is known, no Deployment makes another for it
                admin.until(resource, namespace, "chat-1", _observed)
        controller.create(INSTALLATION_MIGRATION, namespace, _migration())
        controller.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": FREEZE})
        installation = Locked(admin, controller, namespace)
        _until_refused(lambda: installation.patch(CLUSTER_INSTALLATION, _edit()), by=lock)
        yield installation
        controller.patch(
            INSTALLATION_MIGRATION, namespace, "chat", {"metadata": {"labels": {LOCK: None}}}
        )


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[Client]:
    """The Go operator's ServiceAccount, with rights to everything."""
    cluster.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "mattermost-operator"},
            },
        ]
    )
    cluster.give_every_right("mattermost-operator", "mattermost-operator")
    with Client(cluster.service_account("mattermost-operator", "mattermost-operator")) as client:
        yield client


def _observed(obj: dict[str, Any]) -> bool:
    """Whether its controller has seen it as it is."""
    seen = (obj.get("status") or {}).get("observedGeneration")
    return bool(seen == obj["metadata"]["generation"])


def _installation() -> Iterator[tuple[Resource, dict[str, Any]]]:
    labels = V1ALPHA1.selector("chat")
    metadata = {"name": "chat", "labels": labels}
    container = {"name": "mattermost", "image": "mattermost:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"ingressName": "chat.example.com", "resources": {"limits": {"cpu": "2"}}}
    yield CLUSTER_INSTALLATION, {"metadata": {"name": "chat"}, "spec": spec}
    yield (
        REPLICA_SET,
        {
            "metadata": {"name": "chat-1", "labels": labels},
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        },
    )
    yield (
        DEPLOYMENT,
        {
            "metadata": metadata,
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        },
    )
    yield SERVICE, {"metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 8065}]}}
    backend = {"service": {"name": "chat", "port": {"number": 8065}}}
    yield INGRESS, {"metadata": metadata, "spec": {"defaultBackend": backend}}
    yield (
        SECRET,
        {
            "metadata": {
                "name": "chat-migration-backup",
                "labels": {"migration.mattermost.com/backup": "chat"},
            }
        },
    )
    yield SECRET, {"metadata": {"name": "chat-mysql-root-password"}}
    yield SECRET, {"metadata": {"name": "labelled", "labels": labels}}
    # Not by all labels of the ReplicaSet, which would end it: it wants none.
    pod = {"name": "chat-1-abcde", "labels": V1ALPHA1.of("chat")}
    yield POD, {"metadata": pod, "spec": template["spec"]}
    yield SECRET, {"metadata": {"name": "unrelated"}}
    yield SERVICE_ACCOUNT, {"metadata": {"name": "chat"}}


#: What may be changed of an object besides what it is for.
OWNER = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "name": "owner",
    "uid": "cb2ee0a5-5f1c-4a1c-8c5e-4bb7b6d1a0b9",
}
LABELS = {"metadata": {"labels": {"team": "a"}}}
OWNERS = {"metadata": {"ownerReferences": [OWNER]}}
ANNOTATIONS = {"metadata": {"annotations": {"note": "x"}}}
FINALIZERS = {"metadata": {"finalizers": ["example.com/a"]}}
OURS = {"metadata": {"annotations": {"migration.mattermost.com/anything": "x"}}}


def _patched(resource: Resource, patch: object, name: str = "chat") -> Callable[[Locked], object]:
    return lambda it: it.patch(resource, patch, name)


def _migration(*, lock: bool = True) -> dict[str, Any]:
    labels = {"migration.mattermost.com/fleet": "nightly", **({LOCK: "frozen"} if lock else {})}
    return {
        "metadata": {"name": "chat", "labels": labels},
        "spec": {"desiredKind": "Mattermost"},
    }


def _edit() -> dict[str, Any]:
    return {"spec": {"version": f"10.{time.monotonic_ns() % 1000}.0"}}


def _applied(**spec: Any) -> dict[str, Any]:
    """What a GitOps tool sends again and again."""
    return {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": {"name": "chat", "labels": {"synced": "again"}},
        "spec": {"ingressName": "chat.example.com", **spec},
    }


#: How the API server says who refused.
SAYS = {"webhook": "admission webhook", "policy": "ValidatingAdmissionPolicy"}


def _until_refused(write: Callable[[], object], *, by: str, seconds: float = 60.0) -> None:
    """Webhook and policy know of a lock a moment after it is set, and go a moment later too."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            write()
        except ApiError as error:
            if "locked by" in str(error) and SAYS[by] in str(error):
                return
        time.sleep(0.1)
    pytest.fail(f"still not refused after {seconds} s")


def _until_passed(write: Callable[[], object], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            write()
        except ApiError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
        else:
            return


REFUSED_BY_BOTH = [
    pytest.param(lambda it: it.patch(CLUSTER_INSTALLATION, _edit()), id="an edit of the spec"),
    pytest.param(
        lambda it: it.patch(CLUSTER_INSTALLATION, {"spec": {"migrate": False}}),
        id="migrate taken away",
    ),
    pytest.param(
        lambda it: it.patch(CLUSTER_INSTALLATION, {"spec": {"canary": None}}),
        id="the second lock taken away",
    ),
    pytest.param(
        lambda it: it.patch(CLUSTER_INSTALLATION, _applied(migrate=False), content_type=APPLY),
        id="a forced server-side apply that clears the freeze",
    ),
    pytest.param(lambda it: it.delete(CLUSTER_INSTALLATION), id="deletion"),
    pytest.param(lambda it: it.delete_all(CLUSTER_INSTALLATION), id="deletion of all"),
    pytest.param(lambda it: it.delete_all(INSTALLATION_MIGRATION), id="deletion of all migrations"),
    pytest.param(
        lambda it: it.create(
            MATTERMOST,
            {
                "metadata": {"name": "chat"},
                "spec": {"ingress": {"enabled": True, "host": "chat.example.com"}},
            },
        ),
        id="a Mattermost of that name",
    ),
    pytest.param(
        lambda it: it.patch(INSTALLATION_MIGRATION, {"metadata": {"labels": {LOCK: None}}}),
        id="the lock mark taken away",
    ),
    pytest.param(lambda it: it.delete(INSTALLATION_MIGRATION), id="deletion of the migration"),
    pytest.param(
        _patched(INSTALLATION_MIGRATION, {"metadata": {"labels": {LOCK: "handover"}}}),
        id="the lock mark changed",
    ),
    pytest.param(
        lambda it: it.create(
            INSTALLATION_MIGRATION,
            {
                "metadata": {"name": "new", "labels": {LOCK: "frozen"}},
                "spec": {"desiredKind": "Mattermost"},
            },
        ),
        id="the lock mark set on a new one",
    ),
]

REFUSED_BY_POLICY = [
    pytest.param(
        lambda it: it.patch(DEPLOYMENT, {"spec": {"replicas": 1}}), id="an edit of the Deployment"
    ),
    pytest.param(
        lambda it: it.send(
            "PATCH", f"{DEPLOYMENT.path(it.namespace, 'chat')}/scale", {"spec": {"replicas": 1}}
        ),
        id="scaling the Deployment",
    ),
    pytest.param(lambda it: it.delete(DEPLOYMENT), id="deletion of the Deployment"),
    pytest.param(
        lambda it: it.patch(SERVICE, {"spec": {"selector": {"app": "other"}}}),
        id="the Service's selector",
    ),
    pytest.param(lambda it: it.delete(SERVICE), id="deletion of the Service"),
    pytest.param(
        lambda it: it.patch(INGRESS, {"metadata": {"ownerReferences": None, "labels": {"a": "b"}}}),
        id="the Ingress's labels",
    ),
    pytest.param(lambda it: it.delete(INGRESS), id="deletion of the Ingress"),
    pytest.param(
        lambda it: it.patch(REPLICA_SET, {"metadata": {"labels": {"app": None}}}, "chat-1"),
        id="the ReplicaSet's labels",
    ),
    pytest.param(lambda it: it.delete(REPLICA_SET, "chat-1"), id="deletion of the ReplicaSet"),
    pytest.param(lambda it: it.delete(SECRET, "chat-migration-backup"), id="the backup"),
    pytest.param(
        lambda it: it.patch(SECRET, {"stringData": {"USER": "x"}}, "chat-mysql-root-password"),
        id="a generated Secret",
    ),
    pytest.param(lambda it: it.delete(SERVICE_ACCOUNT), id="deletion of the ServiceAccount"),
    *(
        pytest.param(
            lambda it, resource=resource, name=name: it.delete_all(resource, name),
            id=f"deletion of every {resource}",
        )
        for resource, name in (
            (DEPLOYMENT, "chat"),
            (SERVICE, "chat"),
            (INGRESS, "chat"),
            (SERVICE_ACCOUNT, "chat"),
            (REPLICA_SET, "chat-1"),
            (SECRET, "chat-mysql-root-password"),
        )
    ),
    pytest.param(
        lambda it: it.patch(
            CLUSTER_INSTALLATION, {"spec": {"resources": {"limits": {"cpu": "2000m"}}}}
        ),
        id="the same quantity spelled otherwise",
    ),
    *(
        pytest.param(_patched(resource, patch), id=f"{what} of the {resource}")
        for resource in (DEPLOYMENT, SERVICE, INGRESS, SERVICE_ACCOUNT)
        for what, patch in (("labels", LABELS), ("owners", OWNERS))
    ),
    pytest.param(
        _patched(INGRESS, {"spec": {"ingressClassName": "x"}}), id="an edit of the Ingress"
    ),
    pytest.param(lambda it: it.scale(REPLICA_SET, "chat-1"), id="scaling the ReplicaSet"),
    pytest.param(_patched(REPLICA_SET, ANNOTATIONS, "chat-1"), id="a note on the ReplicaSet"),
    pytest.param(_patched(SECRET, LABELS, "chat-migration-backup"), id="an edit of the backup"),
    pytest.param(lambda it: it.delete(SECRET, "labelled"), id="a Secret with its labels"),
    pytest.param(
        lambda it: it.delete(SECRET, "chat-mysql-root-password"), id="deletion of a generated one"
    ),
    pytest.param(
        lambda it: it.create(DEPLOYMENT, _deployment_again(it)), id="creation of the Deployment"
    ),
]


def _deployment_again(it: Locked) -> dict[str, Any]:
    """It is there already, which is asked only after admission has let the creation pass."""
    return {"metadata": {"name": "chat"}, "spec": it.get(DEPLOYMENT)["spec"]}


@pytest.mark.parametrize("write", REFUSED_BY_BOTH)
def test_unsafe_writes_are_refused(locked: Locked, write: Callable[[Locked], object]) -> None:
    with pytest.raises(ApiError) as refused:
        write(locked)

    assert refused.value.status in {403, 422}


@pytest.mark.parametrize("write", REFUSED_BY_POLICY)
def test_children_are_locked_by_policy(
    locked: Locked, lock: str, write: Callable[[Locked], object]
) -> None:
    if lock == "webhook":  # which is never called for children, and compares as the operator does
        try:
            write(locked)
        except ApiError as error:
            assert error.reason == "AlreadyExists"  # noqa: PT017 - no admission refused it
        return

    with pytest.raises(ApiError, match="locked by InstallationMigration"):
        write(locked)


def test_a_refusal_says_who_and_what_to_run(locked: Locked) -> None:
    with pytest.raises(ApiError) as refused:
        locked.patch(CLUSTER_INSTALLATION, _edit())

    for part in (
        f"locked by InstallationMigration {locked.namespace}/chat",
        "(fleet nightly)",
        f"helm mattermost-migrate status chat -n {locked.namespace}",
        f"helm mattermost-migrate revert chat -n {locked.namespace}",
    ):
        assert part in str(refused.value)


PASSING = [
    pytest.param(
        lambda it: it.admin.replace(CLUSTER_INSTALLATION, it.get(CLUSTER_INSTALLATION)),
        id="an identical replace",
    ),
    pytest.param(
        lambda it: it.patch(CLUSTER_INSTALLATION, _applied(), content_type=APPLY),
        id="an identical server-side apply",
    ),
    pytest.param(
        lambda it: it.patch(
            CLUSTER_INSTALLATION,
            {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}},
        ),
        id="an annotation",
    ),
    pytest.param(
        lambda it: it.patch(CLUSTER_INSTALLATION, {"metadata": {"finalizers": ["example.com/a"]}}),
        id="a finalizer",
    ),
    pytest.param(
        lambda it: it.admin.patch(
            CLUSTER_INSTALLATION,
            it.namespace,
            "chat",
            {"status": {"state": "reconciling"}},
            subresource="status",
        ),
        id="status",
    ),
    pytest.param(
        lambda it: it.patch(DEPLOYMENT, {"metadata": {"annotations": {"note": "x"}}}),
        id="an annotation of the Deployment",
    ),
    pytest.param(
        lambda it: it.patch(SECRET, {"stringData": {"a": "b"}}, "unrelated"),
        id="a Secret that has nothing to do with it",
    ),
    pytest.param(
        lambda it: it.create(
            CLUSTER_INSTALLATION,
            {"metadata": {"name": "other"}, "spec": {"ingressName": "other.example.com"}},
        ),
        id="another installation",
    ),
    pytest.param(
        lambda it: it.controller.patch(
            CLUSTER_INSTALLATION, it.namespace, "chat", {"spec": {"version": "10.9.0"}}
        ),
        id="the controller itself",
    ),
    pytest.param(
        lambda it: it.patch(
            INSTALLATION_MIGRATION, {"spec": {"desiredKind": "ClusterInstallation"}}
        ),
        id="turning round in flight",
    ),
    pytest.param(_patched(INSTALLATION_MIGRATION, {"spec": {"paused": True}}), id="a pause"),
    pytest.param(_patched(CLUSTER_INSTALLATION, LABELS), id="a label"),
    pytest.param(_patched(CLUSTER_INSTALLATION, OWNERS), id="an owner"),
    *(
        pytest.param(_patched(resource, patch), id=f"{what} of the {resource}")
        for resource in (DEPLOYMENT, SERVICE, INGRESS, SERVICE_ACCOUNT)
        for what, patch in (("annotations", ANNOTATIONS), ("finalizers", FINALIZERS))
    ),
    *(
        pytest.param(lambda it, r=resource: it.status(r), id=f"status of the {resource}")
        for resource in (DEPLOYMENT, SERVICE, INGRESS)
    ),
    pytest.param(lambda it: it.status(REPLICA_SET, "chat-1"), id="status of the ReplicaSet"),
    pytest.param(_patched(POD, LABELS, "chat-1-abcde"), id="a pod's labels"),
    pytest.param(lambda it: it.delete(POD, "chat-1-abcde"), id="a pod's end"),
]


@pytest.mark.parametrize("write", PASSING)
def test_harmless_writes_pass(locked: Locked, write: Callable[[Locked], object]) -> None:
    write(locked)


def test_an_annotation_of_ours_is_refused_by_the_webhook_alone(locked: Locked, lock: str) -> None:
    if lock == "policy":
        locked.patch(CLUSTER_INSTALLATION, OURS)
        return
    with pytest.raises(ApiError, match=r"metadata\.annotations\[migration.*locked by"):
        locked.patch(CLUSTER_INSTALLATION, OURS)


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
    manifest = tmp_path / "chat.json"
    manifest.write_text(json.dumps(_applied()))
    command = [str(tools["kubectl"]), "--kubeconfig", str(cluster.kubeconfig)]
    command += ["--namespace", locked.namespace, "apply", "-f", str(manifest), *how]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own kubectl

    frozen = locked.get(CLUSTER_INSTALLATION)["spec"]
    assert frozen["migrate"] is True
    manifest.write_text(json.dumps(_applied(replicas=7)))
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
    locked: Locked, lock: str, operator: Client
) -> None:
    path = DEPLOYMENT.path(locked.namespace, "chat")

    def write() -> None:
        operator.request(
            "PATCH", path, {"spec": {"replicas": 1}}, params={"dryRun": "All"}, content_type=MERGE
        )

    if lock == "policy":
        with pytest.raises(ApiError, match="locked by"):
            write()
    locked.controller.patch(
        INSTALLATION_MIGRATION,
        locked.namespace,
        "chat",
        {"metadata": {"labels": {LOCK: "handover"}}},
    )
    _until_passed(write)
    with pytest.raises(ApiError):
        locked.patch(CLUSTER_INSTALLATION, _edit())


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
        for resource, body in _installation():
            cluster.admin.create(resource, namespace, copy.deepcopy(body))
        controller.create(INSTALLATION_MIGRATION, namespace, _migration())
        _until_refused(
            lambda: cluster.admin.patch(CLUSTER_INSTALLATION, namespace, "chat", _edit()), by=lock
        )

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


NEW_SPEC = {"ingress": {"enabled": True, "host": "chat.example.com"}}


@pytest.fixture(scope="module")
def returning(lock: str, cluster: Cluster, controller: Client) -> Iterator[Locked]:
    """A Mattermost on its way back, and no Deployment for the moment."""
    with cluster.namespace() as namespace:
        cluster.admin.create(
            MATTERMOST, namespace, {"metadata": {"name": "chat"}, "spec": NEW_SPEC}
        )
        body = {**_migration(), "spec": {"desiredKind": "ClusterInstallation"}}
        controller.create(INSTALLATION_MIGRATION, namespace, body)
        controller.patch(MATTERMOST, namespace, "chat", {"spec": {"ingress": {"host": ""}}})
        installation = Locked(cluster.admin, controller, namespace)
        _until_refused(lambda: installation.patch(MATTERMOST, _edit()), by=lock)
        yield installation
        controller.patch(
            INSTALLATION_MIGRATION, namespace, "chat", {"metadata": {"labels": {LOCK: None}}}
        )


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(_patched(MATTERMOST, {"spec": {"replicas": 7}}), id="an edit of the spec"),
        pytest.param(_patched(MATTERMOST, {"spec": NEW_SPEC}), id="the freeze cleared"),
        pytest.param(lambda it: it.delete(MATTERMOST), id="deletion"),
        pytest.param(
            lambda it: it.create(
                CLUSTER_INSTALLATION,
                {"metadata": {"name": "chat"}, "spec": {"ingressName": "chat.example.com"}},
            ),
            id="a ClusterInstallation of that name",
        ),
    ],
)
def test_unsafe_writes_of_a_mattermost_are_refused(
    returning: Locked, write: Callable[[Locked], object]
) -> None:
    with pytest.raises(ApiError) as refused:
        write(returning)

    assert refused.value.status in {403, 422}


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(
            lambda it: it.admin.replace(MATTERMOST, it.get(MATTERMOST)), id="an identical replace"
        ),
        pytest.param(_patched(MATTERMOST, LABELS), id="a label"),
        pytest.param(_patched(MATTERMOST, ANNOTATIONS), id="an annotation"),
        pytest.param(_patched(MATTERMOST, FINALIZERS), id="a finalizer"),
        pytest.param(_patched(MATTERMOST, OWNERS), id="an owner"),
        pytest.param(lambda it: it.status(MATTERMOST), id="status"),
    ],
)
def test_harmless_writes_of_a_mattermost_pass(
    returning: Locked, write: Callable[[Locked], object]
) -> None:
    write(returning)


def test_a_deployment_of_the_name_is_not_created(returning: Locked, lock: str) -> None:
    labels = V1ALPHA1.selector("chat")
    containers = [{"name": "mattermost", "image": "mattermost:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    body = {"metadata": {"name": "chat"}, "spec": spec}
    if lock == "webhook":
        returning.create(DEPLOYMENT, body)
        return

    with pytest.raises(ApiError, match="locked by InstallationMigration"):
        returning.create(DEPLOYMENT, body)
