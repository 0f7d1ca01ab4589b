"""A migration that cannot go on goes back by itself, on a real control plane.

What stops it is the API server: a policy that lets a Mattermost be rehearsed but not created, so
that the refusal comes when the Deployment is exchanged already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.conditions import condition_status
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, uid_of
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    migration,
)
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster

POLICY = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    namespaced=False,
)
BINDING = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)


@pytest.fixture
def refusal(admin: Client, namespace: str) -> Iterator[None]:
    """No Mattermost can be created in the namespace, though the dry run says it can."""
    name = f"no-mattermosts-{namespace}"
    rule = {
        "apiGroups": [MATTERMOST.group],
        "apiVersions": ["*"],
        "operations": ["CREATE"],
        "resources": [MATTERMOST.plural],
    }
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "request.dryRun", "message": "not in this test"}],
    }
    place = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": place},
    }
    admin.create(POLICY, None, {"metadata": {"name": name}, "spec": spec})
    admin.create(BINDING, None, {"metadata": {"name": name}, "spec": binding})
    _until_in_force(admin, namespace)
    yield
    for resource in (BINDING, POLICY):
        if admin.find(resource, None, name):
            admin.delete(resource, None, name)


def _until_in_force(admin: Client, namespace: str) -> None:
    """The API server takes a policy up a moment after it is stored, and says so nowhere."""
    probe = {"metadata": {"name": "probe"}, "spec": {}}
    for _ in range(200):
        try:
            admin.create(MATTERMOST, namespace, probe)
        except ApiError:
            return
        admin.delete(MATTERMOST, namespace, "probe")
    pytest.fail("the policy never came into force")


@pytest.fixture
def installation(cluster: Cluster, admin: Client, namespace: str) -> Iterator[dict[str, Any]]:
    """A stable ClusterInstallation, kept by the controller as it ships."""
    for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
        admin.create(SECRET, namespace, secret)
    process = cluster.run(
        "controller",
        [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", namespace],
        KUBECONFIG=str(cluster.kubeconfig),
    )
    admin.create(CLUSTER_INSTALLATION, namespace, cluster_installation(namespace=namespace))
    yield admin.until(
        CLUSTER_INSTALLATION,
        namespace,
        "acme",
        lambda ci: (ci.get("status") or {}).get("state") == "stable",
    )
    process.check()
    process.stop()


def ended(imig: dict[str, Any]) -> bool:
    summary = condition_status(imig, "Succeeded")
    generation = imig["metadata"]["generation"]
    return (
        summary is not None
        and summary["status"] != "Unknown"
        and summary["observedGeneration"] == generation
        and LOCK_LABEL not in labels_of(imig)
    )


def uids(admin: Client, namespace: str, resource: Resource) -> set[str]:
    return {uid_of(each) for each in admin.list(resource, namespace)}


def test_a_refusal_in_the_middle_leads_back_to_what_was(
    admin: Client, namespace: str, installation: dict[str, Any], refusal: None
) -> None:
    pods, sets = uids(admin, namespace, POD), uids(admin, namespace, REPLICA_SET)
    admin.create(INSTALLATION_MIGRATION, namespace, migration(namespace=namespace))

    imig = admin.until(INSTALLATION_MIGRATION, namespace, "acme", ended)

    summary = condition_status(imig, "Succeeded")
    assert summary is not None
    assert summary["reason"] == "RolledBack"
    assert "not in this test" in summary["message"]
    assert "retryGeneration" in imig["status"]["nextCommand"]
    assert admin.find(MATTERMOST, namespace, "acme") is None
    after = admin.get(CLUSTER_INSTALLATION, namespace, "acme")
    assert uid_of(after) == uid_of(installation)
    assert after["spec"] == installation["spec"]
    assert after["status"]["state"] == "stable"
    deployment = admin.get(DEPLOYMENT, namespace, "acme")
    assert (controller_of(deployment) or {})["uid"] == uid_of(installation)
    assert uids(admin, namespace, POD) == pods
    assert uids(admin, namespace, REPLICA_SET) == sets
    for each in (*admin.list(POD, namespace), *admin.list(REPLICA_SET, namespace)):
        assert not V1BETA1.of("acme").keys() & labels_of(each).keys()


def test_it_is_tried_again_when_asked_to(
    admin: Client, namespace: str, installation: dict[str, Any], refusal: None
) -> None:
    pods = uids(admin, namespace, POD)
    admin.create(INSTALLATION_MIGRATION, namespace, migration(namespace=namespace))
    admin.until(INSTALLATION_MIGRATION, namespace, "acme", ended)
    admin.delete(BINDING, None, f"no-mattermosts-{namespace}")

    def succeeded(imig: dict[str, Any]) -> bool:
        """The API server may hold on to the policy for a moment: then it goes back once more."""
        if not ended(imig):
            return False
        summary = condition_status(imig, "Succeeded") or {}
        if summary["status"] == "True":
            return True
        again = {"spec": {"retryGeneration": imig["spec"].get("retryGeneration", 0) + 1}}
        admin.patch(INSTALLATION_MIGRATION, namespace, "acme", again)
        return False

    admin.patch(INSTALLATION_MIGRATION, namespace, "acme", {"spec": {"retryGeneration": 1}})
    admin.until(INSTALLATION_MIGRATION, namespace, "acme", succeeded)

    assert admin.find(CLUSTER_INSTALLATION, namespace, "acme") is None
    assert uids(admin, namespace, POD) == pods


def test_asked_to_hold_it_stays_for_a_look(
    admin: Client, namespace: str, installation: dict[str, Any], refusal: None
) -> None:
    wanted = migration(namespace=namespace, onFailure="Hold")
    admin.create(INSTALLATION_MIGRATION, namespace, wanted)

    imig = admin.until(
        INSTALLATION_MIGRATION,
        namespace,
        "acme",
        lambda each: (condition_status(each, "Stalled") or {}).get("status") == "True",
    )

    assert LOCK_LABEL in labels_of(imig)
    summary = condition_status(imig, "Succeeded") or {}
    assert summary["reason"] == "Rejected"
    back = {"spec": {"desiredKind": "ClusterInstallation"}}
    admin.patch(INSTALLATION_MIGRATION, namespace, "acme", back)
    admin.until(INSTALLATION_MIGRATION, namespace, "acme", ended)
    assert admin.get(CLUSTER_INSTALLATION, namespace, "acme")["spec"] == installation["spec"]
