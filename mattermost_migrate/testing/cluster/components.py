"""The programs of a local cluster and their flags. Nothing is started here.

Every component is itself: its own client certificate, TLS both ways, RBAC for all. Else locks,
rights and the audit log would prove nothing about a real cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.testing.cluster.certificates import Pair

__all__ = [
    "AUDIT_LOG",
    "COMPONENTS",
    "KWOK_RIGHTS",
    "RAISED",
    "STOCK",
    "AuditLevel",
    "Pace",
    "Site",
    "audit_policy",
    "command",
    "node",
]

#: In the order of starting.
COMPONENTS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
)

AUDIT_LOG: Final = "audit.log"
#: The annotation by which kwok knows its nodes.
_FAKE: Final = "kwok.x-k8s.io/node=fake"


class AuditLevel(StrEnum):
    """How much of each request the audit log keeps."""

    METADATA = "Metadata"
    REQUEST = "Request"
    REQUEST_RESPONSE = "RequestResponse"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast kube-controller-manager may go.

    Attributes:
        qps: requests a second of each of its clients.
        burst: requests at once before that limit holds.
        syncs: objects of a kind it works on at once.
    """

    qps: int
    burst: int
    syncs: int


#: What a controller-manager does when nobody tells it anything.
STOCK: Final = Pace(qps=20, burst=30, syncs=5)
#: So that tests wait for what is being tested.
RAISED: Final = Pace(qps=1000, burst=2000, syncs=20)


@dataclass(frozen=True, slots=True)
class Site:
    """All that the flags depend on.

    Attributes:
        folder: the cluster's folder; sockets, logs and keys lie in it.
        authority: the file with the CA certificate.
        serving: the certificate of etcd and of the API server.
        etcd_client: the certificate by which the API server reads etcd.
        api_port, etcd_port, peer_port: reserved loopback ports.
        stages: kwok's stage file.
        audit: the audit level, or None for no audit log.
        pace: the speed of the controller-manager.
    """

    folder: Path
    authority: Path
    serving: Pair
    etcd_client: Pair
    api_port: int
    etcd_port: int
    peer_port: int
    stages: Path
    audit: AuditLevel | None
    pace: Pace

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://127.0.0.1:{self.api_port}"

    def kubeconfig(self, component: str) -> Path:
        """The kubeconfig of a component."""
        return self.folder / f"{component}.kubeconfig"


def command(name: str, site: Site) -> list[str]:
    """The arguments of one component."""
    return _ARGUMENTS[name](site)


def _etcd(site: Site) -> list[str]:
    client, peer = (f"https://127.0.0.1:{port}" for port in (site.etcd_port, site.peer_port))
    return [
        f"--data-dir={site.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--trusted-ca-file={site.authority}",
        f"--cert-file={site.serving.certificate}",
        f"--key-file={site.serving.key}",
        "--client-cert-auth",
        f"--peer-trusted-ca-file={site.authority}",
        f"--peer-cert-file={site.serving.certificate}",
        f"--peer-key-file={site.serving.key}",
        "--peer-client-cert-auth",
        "--socket-reuse-port",  # see ports.py
        "--unsafe-no-fsync",  # nothing here outlives the cluster
        "--log-level=warn",
    ]


def _api_server(site: Site) -> list[str]:
    audit = (
        [
            f"--audit-policy-file={site.folder / 'audit-policy.json'}",
            f"--audit-log-path={site.folder / AUDIT_LOG}",
        ]
        if site.audit
        else []
    )
    return [
        f"--etcd-servers=https://127.0.0.1:{site.etcd_port}",
        f"--etcd-cafile={site.authority}",
        f"--etcd-certfile={site.etcd_client.certificate}",
        f"--etcd-keyfile={site.etcd_client.key}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={site.api_port}",
        "--permit-port-sharing",  # see ports.py
        "--endpoint-reconciler-type=none",  # EndpointSlices may not hold a loopback address
        f"--tls-cert-file={site.serving.certificate}",
        f"--tls-private-key-file={site.serving.key}",
        f"--client-ca-file={site.authority}",
        "--authorization-mode=RBAC",
        "--anonymous-auth=false",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={site.folder / 'service-accounts.key'}",
        f"--service-account-key-file={site.folder / 'service-accounts.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged",
        # Two cores share all of this; the limits of a small server would be what we measure.
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
        "--shutdown-delay-duration=0s",
        *audit,
    ]


def _controller_manager(site: Site) -> list[str]:
    kubeconfig = site.kubeconfig("kube-controller-manager")
    return [
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={site.folder / 'service-accounts.key'}",
        f"--root-ca-file={site.authority}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--secure-port=0",
        "--controllers=*,-node-ipam-controller",
        # kwok says once that a pod is ready, no kubelet says so again: a node whose heartbeat was
        # late, on a machine that stood still for a moment, would never serve again.
        "--node-monitor-grace-period=1h",
        f"--kube-api-qps={site.pace.qps}",
        f"--kube-api-burst={site.pace.burst}",
        f"--concurrent-deployment-syncs={site.pace.syncs}",
        f"--concurrent-replicaset-syncs={site.pace.syncs}",
    ]


def _scheduler(site: Site) -> list[str]:
    return [
        f"--kubeconfig={site.kubeconfig('kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--kube-api-qps={RAISED.qps}",
        f"--kube-api-burst={RAISED.burst}",
    ]


def _kwok(site: Site) -> list[str]:
    return [
        f"--kubeconfig={site.kubeconfig('kwok')}",
        f"--config={site.stages}",
        # Others may play the kubelet of nodes of their own.
        "--manage-all-nodes=false",
        f"--manage-nodes-with-annotation-selector={_FAKE}",
        "--server-address=127.0.0.1:0",
    ]


_ARGUMENTS: Final = {
    "etcd": _etcd,
    "kube-apiserver": _api_server,
    "kube-controller-manager": _controller_manager,
    "kube-scheduler": _scheduler,
    "kwok": _kwok,
}


def audit_policy(level: AuditLevel) -> dict[str, Any]:
    """Each request once, when it is answered; for a watch, when it begins."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": str(level)}],
    }


def node(number: int) -> dict[str, Any]:
    """A node on which kwok plays the kubelet; nothing runs there."""
    room = {"cpu": "100000", "memory": "100Ti", "pods": "100000"}
    name = f"kwok-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": dict([_FAKE.split("=")]),
            "labels": {"kubernetes.io/hostname": name},
        },
        "status": {"allocatable": room, "capacity": room},
    }


_KWOK_RULES: Final = [
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
    {
        "apiGroups": [""],
        "resources": ["pods"],
        "verbs": ["get", "list", "watch", "patch", "update", "delete"],
    },
    {
        "apiGroups": [""],
        "resources": ["nodes/status", "pods/status"],
        "verbs": ["patch", "update"],
    },
    {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "list", "watch", "create", "patch", "update"],
    },
]

#: What kwok may do here: a kubelet's work on every node, and no more.
KWOK_RIGHTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "kwok"},
        "rules": _KWOK_RULES,
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "kwok"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "kwok",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "kwok"}],
    },
)
