"""Objects for tests, each with defaults that a real cluster could show."""

from __future__ import annotations

import base64
from typing import Any

from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    REPLICA_SET,
    SECRET,
    Resource,
)
from mattermost_migrate.domain.objects import Existing, JsonObject, labels_of, owner_reference
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.testing.simulation import Simulation

__all__ = ["cluster_installation", "installed", "mattermost", "migration", "secret"]


def secret(name: str, namespace: str = "ns", **data: str) -> dict[str, Any]:
    """A Secret with these keys; ``__`` in a key stands for a dash."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return _manifest(SECRET, name, namespace, data=encoded)


def database_secret(name: str = "db", namespace: str = "ns") -> dict[str, Any]:
    """The Secret of an external PostgreSQL."""
    url = "postgres://mm:secret@db.example.com:5432/mm"
    return secret(name, namespace, DB_CONNECTION_STRING=url, DB_CONNECTION_CHECK_URL=url)


def file_secret(name: str = "files", namespace: str = "ns") -> dict[str, Any]:
    """The Secret of an external file store."""
    return secret(name, namespace, accesskey="key", secretkey="secret")


def cluster_installation(name: str = "acme", namespace: str = "ns", **spec: Any) -> dict[str, Any]:
    """An ordinary ClusterInstallation: external database and file store, two replicas."""
    ordinary = {
        "version": "7.8.15",
        "replicas": 2,
        "ingressName": f"{name}.example.com",
        "database": {"secret": "db"},
        "minio": {
            "externalURL": "s3.example.com",
            "externalBucket": "bucket",
            "secret": "files",
        },
    }
    return _manifest(CLUSTER_INSTALLATION, name, namespace, spec=ordinary | spec)


def mattermost(name: str = "acme", namespace: str = "ns", **spec: Any) -> dict[str, Any]:
    """The Mattermost that corresponds to it."""
    ordinary = {
        "version": "7.8.15",
        "replicas": 2,
        "ingress": {"enabled": True, "host": f"{name}.example.com"},
        "database": {"external": {"secret": "db"}},
        "fileStore": {"external": {"url": "s3.example.com", "bucket": "bucket", "secret": "files"}},
    }
    return _manifest(MATTERMOST, name, namespace, spec=ordinary | spec)


def migration(name: str = "acme", namespace: str = "ns", **spec: Any) -> dict[str, Any]:
    """An InstallationMigration to a Mattermost."""
    ordinary = {"desiredKind": "Mattermost", "pinPodTemplate": True}
    return _manifest(INSTALLATION_MIGRATION, name, namespace, spec=ordinary | spec)


def _manifest(resource: Resource, name: str, namespace: str, **rest: Any) -> dict[str, Any]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace},
        **rest,
    }


def installed(installation: JsonObject | None = None, **spec: Any) -> Simulation:
    """A simulated cluster in which a ClusterInstallation is stable and its migration is asked for.

    Args:
        installation: the ClusterInstallation; an ordinary one if not given.
        spec: of the InstallationMigration.
    """
    cluster = Simulation()
    given = installation or cluster_installation()
    name = given["metadata"]["name"]
    secrets = [database_secret(), file_secret()]
    for each in secrets:
        cluster.put(SECRET, each)
    stored = default_cluster_installation(given)
    stored = cluster.put(CLUSTER_INSTALLATION, {**stored, "status": {"state": "stable"}})
    rendered = render_cluster_installation(
        stored, Existing.of(secrets), generate=lambda _, length: "x" * length
    )
    if rendered.error:
        raise ValueError(rendered.error)
    for child in rendered.children:
        cluster.put(_resource(child), child)
    _run(cluster, name)
    cluster.put(INSTALLATION_MIGRATION, migration(name, **spec))
    cluster.settle()
    cluster.watch_anew()
    return cluster


def _run(cluster: Simulation, name: str) -> None:
    """The Deployment's ReplicaSet, as its controller would have made it from a stored template."""
    deployment = cluster.find(DEPLOYMENT, name)
    if deployment is None:
        return
    deployment["spec"]["template"] = defaulted(deployment["spec"]["template"])
    template = deployment["spec"]["template"]
    labels = {**labels_of(template), "pod-template-hash": "5d9f"}
    cluster.put(
        REPLICA_SET,
        {
            "metadata": {
                "name": f"{name}-5d9f",
                "labels": labels,
                "ownerReferences": [owner_reference(deployment, DEPLOYMENT)],
            },
            "spec": {
                "replicas": deployment["spec"]["replicas"],
                "selector": {"matchLabels": labels},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        },
    )


def _resource(child: JsonObject) -> Resource:
    group, _, version = str(child["apiVersion"]).rpartition("/")
    return Resource(group, version, str(child["kind"]), f"{str(child['kind']).lower()}s")
