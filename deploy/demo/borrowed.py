"""Where the demo takes place: a cluster that someone else runs.

It is used as one guest among others. Nothing that is there is written to, all that is made carries
the demo's label, and all of that is removed in the end. The builtin operator reconciles *every*
installation of a cluster, so one that holds any is refused.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from deploy.demo.fleet import DEMO_LABEL, NAMESPACES
from deploy.demo.place import CRDS, Place
from deploy.demo.product import HOME
from deploy.demo.programs import BrokenError
from deploy.demo.screen import Screen
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CRD,
    FLEET_MIGRATION,
    MATTERMOST,
    MYSQL_CLUSTER,
    NAMESPACE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, name_of, namespace_of
from mattermost_migrate.testing.cluster import (
    ApiError,
    Client,
    Cluster,
    components,
    established,
    manifests,
    stand_ins,
)
from mattermost_migrate.testing.tools import Toolbox

__all__ = ["borrowed", "plays_itself"]

_NODE: Final = Resource("", "v1", "Node", "nodes", namespaced=False)
_RBAC: Final = "rbac.authorization.k8s.io"
_ROLE: Final = Resource(_RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False)
_BINDING: Final = Resource(
    _RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
_OURS: Final = {DEMO_LABEL: "true"}
_KWOK: Final = "mattermost-migrate-demo"
_GONE_SECONDS: Final = 120


@contextmanager
def borrowed(path: Path, tools: Toolbox, screen: Screen, *, yes: bool) -> Iterator[Place]:
    """An existing cluster, left as it was found.

    Args:
        path: its kubeconfig.
        tools: kwok is taken from here.
        screen: to say what is done, and to ask.
        yes: do not ask.

    Raises:
        BrokenError: it holds what the demo would touch, or the person said no.
    """
    if not path.is_file():
        raise BrokenError(f"no such kubeconfig: {path}")
    with Cluster.existing(path.absolute()) as cluster:
        client = cluster.admin
        found = {name_of(crd) for crd in client.list(CRD)}
        missing = [crd for crd in manifests(CRDS) if name_of(crd) not in found]
        _refuse_others(client, found)
        played = plays_itself(client.list(_NODE))
        _agree(cluster, missing, played=played, yes=yes, screen=screen)
        try:
            with screen.doing("namespace and CRDs, with the demo's label"):
                _lay_out(cluster, missing)
            with screen.doing("the garbage collector knows the new kinds"):
                _until_collected(client)
            if f"{MYSQL_CLUSTER.plural}.{MYSQL_CLUSTER.group}" not in found:
                stand_ins.start(cluster)  # else the operators themselves are there
            spec = {} if played else _play(cluster, tools)
            yield Place(cluster, host=_our_address(cluster.server), spec=spec)
        finally:
            with screen.doing("everything with the demo's label removed again"):
                _remove(cluster, missing)


def plays_itself(nodes: list[dict[str, Any]]) -> bool:
    """Whether kwok plays every node there is, so that pods get ready without running."""
    return bool(nodes) and all("kwok.x-k8s.io/node" in annotations_of(node) for node in nodes)


def _refuse_others(client: Client, crds: set[str]) -> None:
    """Make sure that nobody else's installation is within our reach."""
    for resource in (CLUSTER_INSTALLATION, MATTERMOST, FLEET_MIGRATION):
        if f"{resource.plural}.{resource.group}" not in crds:
            continue
        if others := client.list(resource):
            raise BrokenError(
                f"this cluster has a {resource} already ({namespace_of(others[0])}/"
                f"{name_of(others[0])}): the demo would migrate it, so it does not begin"
            )
    taken = [name for name in (HOME, *NAMESPACES) if client.find(NAMESPACE, None, name)]
    if taken:
        raise BrokenError(
            f"these namespaces exist already: {', '.join(taken)}; if an earlier demo left them, "
            f"run: kubectl delete namespace -l {DEMO_LABEL}=true"
        )


def _agree(
    cluster: Cluster, missing: list[JsonObject], *, played: bool, yes: bool, screen: Screen
) -> None:
    screen.text(f"The API server is {cluster.server}. The demo makes there, and removes again:")
    node = "" if played else f"\n  - the node {_KWOK}, played by kwok, on which its pods are"
    screen.text(
        f"  - the namespaces {', '.join((HOME, *NAMESPACES))}\n"
        f"  - {len(missing)} CustomResourceDefinitions that are not there yet\n"
        f"  - admission policies, a webhook configuration and cluster roles, by the chart{node}"
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise BrokenError("nobody is there to agree: repeat the command with YES=1")
    if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise BrokenError("nothing was written")


def _lay_out(cluster: Cluster, missing: list[JsonObject]) -> None:
    cluster.admin.create(NAMESPACE, None, _labelled({"metadata": {"name": HOME}}))
    for crd in missing:
        cluster.admin.create(CRD, None, _labelled(crd))
    for crd in missing:
        cluster.admin.until(CRD, None, name_of(crd), established)


def _until_collected(client: Client) -> None:
    """Wait until the garbage collector, which looks for new kinds twice a minute, has seen them.

    Until then nothing that is deleted with propagation Orphan goes; a ClusterInstallation is.
    """
    probe = {"metadata": {"name": "probe"}, "spec": {"ingressName": "probe.example.com"}}
    client.create(CLUSTER_INSTALLATION, HOME, probe)
    client.delete(CLUSTER_INSTALLATION, HOME, "probe", propagation="Orphan")
    client.until_gone(CLUSTER_INSTALLATION, HOME, "probe")


def _labelled(obj: JsonObject) -> JsonObject:
    labels = {**(obj["metadata"].get("labels") or {}), **_OURS}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _our_address(server: str) -> str:
    """What the API server can call us by: our end of the road to it."""
    there = urlsplit(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((there.hostname, there.port or 443))  # sends nothing
        address = str(probe.getsockname()[0])
    return "localhost" if address.startswith("127.") else address


def _play(cluster: Cluster, tools: Toolbox) -> Mapping[str, Any]:
    """Have kwok play one node for our pods; returns what sends installations there."""
    metadata = {"name": _KWOK, "labels": _OURS}
    subject = {"kind": SERVICE_ACCOUNT.kind, "name": _KWOK, "namespace": HOME}
    role = {"apiGroup": _RBAC, "kind": _ROLE.kind, "name": _KWOK}
    cluster.admin.create(
        _ROLE, None, {"metadata": metadata, "rules": components.KWOK_RIGHTS[0]["rules"]}
    )
    cluster.admin.create(
        _BINDING, None, {"metadata": metadata, "roleRef": role, "subjects": [subject]}
    )
    made = components.node(0)
    # Others' pods keep away as long as they have another node.
    taint = {"key": DEMO_LABEL, "value": "true", "effect": "PreferNoSchedule"}
    labels = {**_OURS, "kubernetes.io/hostname": _KWOK}
    annotations = made["metadata"]["annotations"]
    cluster.admin.create(
        _NODE,
        None,
        {
            "metadata": {"name": _KWOK, "labels": labels, "annotations": annotations},
            "spec": {"taints": [taint]},
            "status": made["status"],
        },
    )
    kubeconfig = cluster.service_account_kubeconfig(HOME, _KWOK, cluster.folder / "kwok.kubeconfig")
    cluster.run(
        "kwok",
        [
            tools["kwok"],
            f"--kubeconfig={kubeconfig}",
            f"--config={tools.stages}",
            f"--manage-single-node={_KWOK}",
            "--server-address=127.0.0.1:0",
        ],
    )
    return {"nodeSelector": _OURS}


def _remove(cluster: Cluster, missing: list[JsonObject]) -> None:
    """Take away what was made: what lives in namespaces first, then the kinds and the node."""
    client = cluster.admin
    spaces = [name_of(obj) for obj in client.list(NAMESPACE, labels=_OURS)]
    for name in spaces:
        _delete(client, NAMESPACE, name)
    for name in spaces:
        client.until_gone(NAMESPACE, None, name, seconds=_GONE_SECONDS)
    kinds = [name_of(crd) for crd in missing]
    if f"{FLEET_MIGRATION.plural}.{FLEET_MIGRATION.group}" not in kinds:
        for obj in client.list(FLEET_MIGRATION):  # there was none before
            _delete(client, FLEET_MIGRATION, name_of(obj))
    for name in kinds:
        _delete(client, CRD, name)
    for name in kinds:
        client.until_gone(CRD, None, name, seconds=_GONE_SECONDS)
    for resource in (_BINDING, _ROLE, _NODE):
        _delete(client, resource, _KWOK)
    if f"{MYSQL_CLUSTER.plural}.{MYSQL_CLUSTER.group}" in kinds:
        stand_ins.remove(cluster)


def _delete(client: Client, resource: Resource, name: str) -> None:
    try:
        client.delete(resource, None, name)
    except ApiError as problem:
        if problem.status != requests.codes.not_found:
            raise
