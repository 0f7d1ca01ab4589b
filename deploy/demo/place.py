"""Where the demo takes place: a control plane of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.demo.screen import Screen
from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options, stand_ins
from mattermost_migrate.testing.tools import Toolbox

__all__ = ["CRDS", "Place", "own"]

CRDS: Final = Path(__file__).parents[1] / "crds"


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, and what has to be known to use it.

    Attributes:
        cluster: the cluster.
        host: what its API server calls this machine.
        samples: whether somebody makes operator-managed databases and file stores there.
        spec: what every installation needs there.
    """

    cluster: Cluster
    host: str = "localhost"
    samples: bool = True
    spec: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def own(tools: Toolbox, screen: Screen) -> Iterator[Place]:
    """A throw-away control plane on this machine; nothing of it is left in the end."""
    with ExitStack() as stack:
        with screen.doing("etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok"):
            cluster = stack.enter_context(LocalCluster(tools, Options(crds=(CRDS,))))
        stand_ins.start(cluster)
        screen.done("CRDs of both kinds; stand-ins for the MySQL and MinIO operators")
        screen.done(f"logs, audit log and all else: {cluster.folder}")
        yield Place(cluster)
