"""A real Kubernetes control plane for tests and the demo: there in seconds, gone without trace.

from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.tools import ready

with LocalCluster(ready()) as cluster:
    cluster.admin.list(POD)
    cluster.processes["kube-controller-manager"].pause()
"""

from mattermost_migrate.testing.cluster.base import Cluster, established, manifests
from mattermost_migrate.testing.cluster.client import (
    APPLY,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    ApiError,
    Client,
    Credentials,
)
from mattermost_migrate.testing.cluster.components import RAISED, STOCK, AuditLevel, Pace
from mattermost_migrate.testing.cluster.control_plane import LocalCluster, Options
from mattermost_migrate.testing.cluster.process import Process, ProcessError

__all__ = [
    "APPLY",
    "JSON_PATCH",
    "MERGE",
    "RAISED",
    "STOCK",
    "STRATEGIC",
    "ApiError",
    "AuditLevel",
    "Client",
    "Cluster",
    "Credentials",
    "LocalCluster",
    "Options",
    "Pace",
    "Process",
    "ProcessError",
    "established",
    "manifests",
]
