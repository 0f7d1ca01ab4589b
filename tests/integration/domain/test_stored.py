"""What the pure core believes of the API server, asked of a real one, by dry run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mattermost_migrate.domain.conversion import convert
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import DEPLOYMENT, MATTERMOST
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.domain.pin import pin
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.testing import golden
from mattermost_migrate.testing.cluster import ApiError, Client

#: What the recording made of fields that no API server takes.
INVALID = 422


def deployments() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every recorded Deployment, of either kind."""
    for case in golden.cases():
        for key in ("childrenV1alpha1", "childrenV1beta1"):
            for entry in case.output.get(key, ()):
                if entry["object"]["kind"] == DEPLOYMENT.kind:
                    yield f"{case.name} {key}", entry["object"]


def without_place(obj: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The object for another namespace, owned by nobody there."""
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in ("ownerReferences", "uid", "namespace")
    }
    return {**obj, "metadata": {**metadata, "namespace": namespace}}


def test_templates_are_stored_with_the_defaults_we_know(admin: Client, namespace: str) -> None:
    wrong, stored = [], 0
    for name, deployment in deployments():
        try:
            made = admin.create(
                DEPLOYMENT, namespace, without_place(deployment, namespace), dry_run=True
            )
        except ApiError as refused:
            if refused.status != INVALID:
                raise
            continue
        stored += 1
        if defaulted(deployment["spec"]["template"]) != defaulted_by_server(made):
            wrong.append(name)

    assert stored > 300
    assert wrong == []


def defaulted_by_server(made: dict[str, Any]) -> dict[str, Any]:
    """The stored template; an empty creationTimestamp is all that Go adds of its own."""
    template: dict[str, Any] = made["spec"]["template"]
    template["metadata"].pop("creationTimestamp", None)
    return template


def test_converted_and_pinned_mattermosts_are_stored_as_they_are(
    admin: Client, namespace: str
) -> None:
    stored = 0
    for case in golden.cases():
        mattermost = pinned(case)
        if mattermost is None:
            continue
        made = admin.create(
            MATTERMOST, namespace, without_place(mattermost, namespace), dry_run=True
        )
        stored += 1
        assert made["spec"] == mattermost["spec"], case.name
        assert made["metadata"]["annotations"] == mattermost["metadata"]["annotations"], case.name

    assert stored > 90


def pinned(case: golden.Case) -> dict[str, Any] | None:
    """The Mattermost that a migration of this case would create; None when it would not."""
    if "defaulted" not in case.output:
        return None
    ci = {**case.input["clusterInstallation"], "spec": case.output["defaulted"]}
    children = golden.recorded(case.output["childrenV1alpha1"])
    deployment = children.get(f"Deployment/{ci['metadata']['name']}")
    existing = Existing.of([*case.world, *(entry["object"] for entry in children.values())])
    try:
        mattermost = convert(ci, existing).mattermost
    except RefusedError:
        return None
    if deployment is None:
        return None
    return pin(mattermost, deployment["object"]["spec"]["template"], existing)


EVERYTHING = {
    "serviceAccount": "old",
    "initContainers": [{"name": "i", "image": "reg:5000/i", "restartPolicy": "Always"}],
    "containers": [
        {
            "name": "c",
            "image": "mm@sha256:" + "0a" * 32,
            "ports": [{"containerPort": 1}],
            "env": [
                {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            ],
            "lifecycle": {
                "preStop": {"httpGet": {"port": 1}},
                "postStart": {"exec": {"command": ["x"]}},
            },
            "livenessProbe": {"httpGet": {"port": 1}},
            "readinessProbe": {"grpc": {"port": 1}},
            "startupProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 3},
            "volumeMounts": [{"name": "empty", "mountPath": "/empty"}],
        },
        {"name": "d", "image": "mm"},
        {"name": "e", "image": "reg/mm:latest"},
    ],
    "volumes": [
        {"name": "empty"},
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "map", "configMap": {"name": "m", "defaultMode": 256}},
        {
            "name": "down",
            "downwardAPI": {
                "items": [
                    {"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}},
                    {
                        "path": "b",
                        "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"},
                    },
                ]
            },
        },
        {
            "name": "all",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "t"}},
                    {"secret": {"name": "s"}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]
                        }
                    },
                ]
            },
        },
        {"name": "claim", "persistentVolumeClaim": {"claimName": "p"}},
    ],
}


def test_a_template_with_everything_is_stored_with_the_defaults_we_know(
    admin: Client, namespace: str
) -> None:
    labels = {"app": "acme"}
    template = {"metadata": {"labels": labels}, "spec": EVERYTHING}
    spec = {"selector": {"matchLabels": labels}, "template": template}

    made = admin.create(
        DEPLOYMENT, namespace, {"metadata": {"name": "acme"}, "spec": spec}, dry_run=True
    )

    assert defaulted(template) == defaulted_by_server(made)
