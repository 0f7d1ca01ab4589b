"""Stand-ins for what a real cluster has and a local one lacks: storage operators, load balancers.

An installation with operator-managed storage gets stable when the Services of the MySQL and MinIO
operators are there, one with a Service of type LoadBalancer when that has an address (operator
facts 0.2, 0.8, 2.1). This process gives them both, with what else hangs on a MysqlCluster and a
MinIOInstance in a real cluster: pods, a Secret, a status. It acts by a ServiceAccount of its own.
Nothing stores or serves a byte: the StatefulSets have no volumes, and kwok plays their pods.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Final

import requests

from mattermost_migrate.domain.names import (
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, owner_reference
from mattermost_migrate.testing.cluster import kubeconfig
from mattermost_migrate.testing.cluster.base import Cluster
from mattermost_migrate.testing.cluster.client import ApiError, Client
from mattermost_migrate.testing.cluster.process import Process

__all__ = ["minio_children", "mysql_children", "remove", "start"]

_NAME: Final = "stand-ins"
_NAMESPACE: Final = "kube-system"
_DAY_SECONDS: Final = 86_400
_RETRY_SECONDS: Final = 0.5

_RBAC: Final = "rbac.authorization.k8s.io"
_RIGHTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _NAME},
        "rules": [
            {
                "apiGroups": [MYSQL_CLUSTER.group, MINIO_INSTANCE.group],
                "resources": ["*"],
                "verbs": ["get", "list", "watch", "patch", "update"],
            },
            {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
            {"apiGroups": [""], "resources": ["services/status"], "verbs": ["patch"]},
            {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["create"]},
        ],
    },
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _NAME},
        "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": _NAMESPACE}],
    },
)


def start(cluster: Cluster) -> Process:
    """Run the stand-ins beside a cluster that has the two kinds; they end with the cluster."""
    cluster.apply(_RIGHTS)
    file = cluster.folder / f"{_NAME}.kubeconfig"
    cluster.service_account_kubeconfig(_NAMESPACE, _NAME, file, seconds=_DAY_SECONDS)
    return cluster.run(_NAME, [sys.executable, "-m", __name__, "--kubeconfig", file])


def remove(cluster: Cluster) -> None:
    """Take away what `start` wrote to a cluster that lives on."""
    for right in _RIGHTS:
        resource = cluster.admin.resource(right["apiVersion"], right["kind"])
        _delete(cluster.admin, resource, None)
    _delete(cluster.admin, SERVICE_ACCOUNT, _NAMESPACE)


def _delete(client: Client, resource: Resource, namespace: str | None) -> None:
    try:
        client.delete(resource, namespace, _NAME)
    except ApiError as problem:
        if problem.status != requests.codes.not_found:
            raise


def mysql_children(cluster: JsonObject) -> tuple[JsonObject, ...]:
    """What the MySQL operator makes of a MysqlCluster, in so far as anyone here can see it."""
    name, port = f"{name_of(cluster)}-mysql", 3306
    labels = {"mysql.presslabs.org/cluster": name_of(cluster)}
    first = {"statefulset.kubernetes.io/pod-name": f"{name}-0"}
    return (
        _child(
            cluster, "v1", "Secret", f"{name}-operated", {"stringData": {"OPERATOR_USER": "op"}}
        ),
        _service(cluster, name, labels, port, "mysql"),
        _service(cluster, f"{name}-master", labels | first, port, "mysql"),
        _stateful_set(cluster, name, labels, service=name),
    )


def minio_children(instance: JsonObject) -> tuple[JsonObject, ...]:
    """What the MinIO operator makes of a MinIOInstance."""
    name, labels = name_of(instance), {"v1beta1.min.io/instance": name_of(instance)}
    service = _service(instance, f"{name}-hl-svc", labels, 9000, "minio", headless=True)
    return (service, _stateful_set(instance, name, labels, service=f"{name}-hl-svc"))


def _replicas(owner: JsonObject) -> int:
    return int((owner.get("spec") or {}).get("replicas") or 1)


def _mysql_status(cluster: JsonObject) -> Mapping[str, Any]:
    return {"readyNodes": _replicas(cluster)}


def _minio_status(instance: JsonObject) -> Mapping[str, Any]:
    return {"availableReplicas": _replicas(instance), "currentState": "Ready"}


def _nothing(_service: JsonObject) -> tuple[JsonObject, ...]:
    return ()


def _address(service: JsonObject) -> Mapping[str, Any]:
    if service["spec"].get("type") != "LoadBalancer":
        return {}
    hostname = f"{name_of(service)}.{namespace_of(service)}.lb.example.com"
    return {"loadBalancer": {"ingress": [{"hostname": hostname}]}}


@dataclass(frozen=True, slots=True)
class _StandIn:
    """One of them: its kind, what it makes, what it reports, and where status is written."""

    resource: Resource
    children: Callable[[JsonObject], tuple[JsonObject, ...]]
    status: Callable[[JsonObject], Mapping[str, Any]]
    subresource: str

    def run(self, client: Client) -> None:
        """Serve every object there is and every one that comes, for good."""
        while True:
            try:
                for kind, owner in client.watch(self.resource):
                    if kind != "DELETED" and "deletionTimestamp" not in owner["metadata"]:
                        self._serve(client, owner)
            except (ApiError, requests.RequestException) as problem:
                sys.stderr.write(f"{self.resource}: {problem}\n")
                time.sleep(_RETRY_SECONDS)  # the API server is away, or its watch expired

    def _serve(self, client: Client, owner: JsonObject) -> None:
        namespace, name = namespace_of(owner), name_of(owner)
        wanted = self.status(owner)
        try:
            for child in self.children(owner):
                _create(client, namespace, child)
            if {**(owner.get("status") or {}), **wanted} != owner.get("status"):
                patch = {"status": wanted}
                client.patch(self.resource, namespace, name, patch, subresource=self.subresource)
        except ApiError as problem:  # such as a namespace on its way out: the others go on
            sys.stderr.write(f"{self.resource} {namespace}/{name}: {problem}\n")


_ALL: Final = (
    _StandIn(MYSQL_CLUSTER, mysql_children, _mysql_status, "status"),
    _StandIn(MINIO_INSTANCE, minio_children, _minio_status, ""),
    _StandIn(SERVICE, _nothing, _address, "status"),
)


def _create(client: Client, namespace: str, child: JsonObject) -> None:
    try:
        client.create(client.resource(child["apiVersion"], child["kind"]), namespace, child)
    except ApiError as problem:
        if problem.reason != "AlreadyExists":
            raise


def _child(
    owner: JsonObject, api_version: str, kind: str, name: str, content: JsonObject
) -> JsonObject:
    resource = next(o.resource for o in _ALL if o.resource.kind == owner["kind"])
    references = [owner_reference(owner, resource)]
    metadata = {"name": name, "ownerReferences": references}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def _service(
    owner: JsonObject,
    name: str,
    selector: Mapping[str, str],
    port: int,
    port_name: str,
    *,
    headless: bool = False,
) -> JsonObject:
    spec = {"selector": selector, "ports": [{"name": port_name, "port": port}]}
    address = {"clusterIP": "None", "publishNotReadyAddresses": True} if headless else {}
    return _child(owner, "v1", "Service", name, {"spec": spec | address})


def _stateful_set(
    owner: JsonObject, name: str, labels: Mapping[str, str], *, service: str
) -> JsonObject:
    containers = [{"name": "main", "image": "example/storage:1"}]
    spec = {
        "replicas": _replicas(owner),
        "podManagementPolicy": "Parallel",
        "serviceName": service,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }
    return _child(owner, "apps/v1", "StatefulSet", name, {"spec": spec})


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    with Client(kubeconfig.read(parser.parse_args().kubeconfig)) as client:
        threads = [Thread(target=o.run, args=(client,), daemon=True) for o in _ALL]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
