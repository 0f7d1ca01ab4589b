"""Where the demo takes place: a control plane of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.demo.screen import Screen
from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options, stand_ins
from mattermost_migrate.testing.tools import Toolbox

__all__ = ["CRDS", "GivenUp", "Place", "own"]

CRDS: Final = Path(__file__).parents[1] / "crds"
#: As the API server says that it goes on without a webhook's answer.
_GIVEN_UP: Final = "failing open "


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster, and what has to be known to use it.

    Attributes:
        cluster: the cluster.
        host: what its API server calls this machine.
        spec: what every installation needs there.
    """

    cluster: Cluster
    host: str = "localhost"
    spec: Mapping[str, Any] = field(default_factory=dict)

    def given_up(self) -> Callable[[], str]:
        """What tells, each time, which calls of a webhook the API server has given up since then.

        Only the log of our own API server can be read; of another nothing is told.
        """
        if not isinstance(self.cluster, LocalCluster):
            return lambda: ""
        return GivenUp(self.cluster.processes["kube-apiserver"].log)


class GivenUp:
    """Reads in an API server's log which calls of a webhook it has given up, each once.

    Args:
        log: the file; what is in it already is not told.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size

    def __call__(self) -> str:
        """Those since the last time, in its words; empty when there are none."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            fresh = log.read()
        self._read += len(fresh)
        lines = fresh.decode(errors="replace").splitlines()
        return "; ".join(filter(None, (line.partition(_GIVEN_UP)[2].strip() for line in lines)))


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
