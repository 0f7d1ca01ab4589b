"""A real control plane on loopback: etcd, API server, controller-manager, scheduler and kwok."""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TextIO

import requests

from mattermost_migrate.testing.cluster import components, kubeconfig
from mattermost_migrate.testing.cluster.asked import keep
from mattermost_migrate.testing.cluster.base import Cluster
from mattermost_migrate.testing.cluster.certificates import Authority, write_signing_key
from mattermost_migrate.testing.cluster.client import ApiError, Credentials
from mattermost_migrate.testing.cluster.components import AuditLevel, Pace, Site
from mattermost_migrate.testing.cluster.ports import Port
from mattermost_migrate.testing.cluster.process import Process, ProcessError, stop_all
from mattermost_migrate.testing.tools import Toolbox, cache_folder

__all__ = ["LocalCluster", "Options"]

#: Who each client certificate says it is. The first three names are those of any cluster.
_IDENTITIES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "admin": ("admin", ("system:masters",)),
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kwok": ("kwok", ()),
}

_START_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may differ from cluster to cluster.

    Attributes:
        nodes: how many kwok nodes.
        audit: what the audit log keeps of each request; None: no log.
        pace: the speed of kube-controller-manager.
        crds: files or folders of CustomResourceDefinitions that are there before the
            controller-manager starts: its garbage collector looks for new kinds every 30 s only,
            and until then it deletes nothing of what they own.
    """

    nodes: int = 1
    audit: AuditLevel | None = AuditLevel.METADATA
    pace: Pace = components.RAISED
    crds: Sequence[Path] = ()


class LocalCluster(Cluster):
    """A cluster of our own, thrown away in the end; a context manager that starts and stops it.

    Attributes:
        processes: its components by name, to be paused, killed and started again.
        authority: signs its certificates, and those of servers that it should trust.
    """

    processes: Mapping[str, Process]

    def __init__(self, tools: Toolbox, options: Options | None = None) -> None:
        self.options = options or Options()
        self.tools = tools
        self._lock, folder = _new_folder()
        self._ports = [Port.reserve() for _ in range(3)]
        self.authority = Authority.create(folder)
        self._site, admin = _lay_out(self.authority, self._ports, tools.stages, self.options)
        self.processes = {
            name: Process(
                name,
                [tools[name], *components.command(name, self._site)],
                log=folder / f"{name}.log",
            )
            for name in components.COMPONENTS
        }
        super().__init__(self._site.kubeconfig("admin"), folder, admin)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until a pod would run.

        Raises:
            ProcessError: a component ended or does not come up; the message shows its log.
        """
        self.processes["etcd"].start()
        self.processes["kube-apiserver"].start()
        self.until_api_server_ready()
        self.install_crds(*self.options.crds)
        for name in components.COMPONENTS[2:]:
            self.processes[name].start()
        self.apply(components.KWOK_RIGHTS)
        for number in range(self.options.nodes):
            self.admin.apply(components.node(number))
        node = self.admin.resource("v1", "Node")
        for number in range(self.options.nodes):
            self.admin.until(node, None, f"kwok-{number}", _schedulable, seconds=_START_SECONDS)

    def until_api_server_ready(self, seconds: float = _START_SECONDS) -> None:
        """Wait for ``/readyz``, as long as etcd and the API server live.

        Raises:
            ProcessError: one of them ended, or it did not get ready in that time.
        """
        server = self.processes["kube-apiserver"]
        deadline = time.monotonic() + seconds
        while True:
            self.processes["etcd"].check()
            server.check()
            with suppress(ApiError, requests.ConnectionError, requests.Timeout):
                self.admin.text("/readyz")
                return
            if time.monotonic() > deadline:
                raise ProcessError(f"kube-apiserver is not ready:\n{server.tail()}")
            time.sleep(0.05)  # no other sign to wait for: it does not listen yet

    def audit(self) -> Iterator[dict[str, Any]]:
        """The audit events so far, in the order they were written."""
        # The API server turns to a new file every 100 MB; an older one's name has its time in it.
        older = sorted(self.folder.glob(components.AUDIT_LOG.replace(".", "-*.")))
        for file in (*older, self.folder / components.AUDIT_LOG):
            with file.open() as log:
                for line in log:
                    yield json.loads(line)

    def stop(self) -> None:
        """End every process, release the ports, remove the folder. May be called twice."""
        self.close()
        stop_all(reversed(tuple(self.processes.values())))
        if self.options.audit and (self.folder / components.AUDIT_LOG).exists():
            keep(self.audit)
        for port in self._ports:
            port.release()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _schedulable(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not node["spec"].get("taints")


def _lay_out(
    authority: Authority, ports: Sequence[Port], stages: Path, options: Options
) -> tuple[Site, Credentials]:
    """Write what the flags name; returns it all, and the administrator's credentials."""
    folder = authority.folder
    write_signing_key(folder / "service-accounts.key")
    hosts = ("127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    api, etcd, peer = (port.number for port in ports)
    site = Site(
        folder=folder,
        authority=authority.bundle,
        serving=authority.issue("serving", hosts=hosts),
        etcd_client=authority.issue("etcd-client"),
        api_port=api,
        etcd_port=etcd,
        peer_port=peer,
        stages=stages,
        audit=options.audit,
        pace=options.pace,
    )
    known: dict[str, Credentials] = {}
    for identity, (user, groups) in _IDENTITIES.items():
        pair = authority.issue(user, groups=groups)
        credentials = Credentials(site.server, authority.bundle, (pair.certificate, pair.key))
        kubeconfig.write(site.kubeconfig(identity), credentials, user=user)
        known[identity] = credentials
    if options.audit:
        policy = components.audit_policy(options.audit)
        (folder / "audit-policy.json").write_text(json.dumps(policy))
    return site, known["admin"]


def _new_folder() -> tuple[TextIO, Path]:
    """A folder for one cluster, locked while we live; what dead ones left behind is removed."""
    parent = cache_folder() / "clusters"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / ".gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # else another could sweep away what is not yet locked
        for left in parent.glob("[!.]*"):
            _remove_if_dead(left)
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock, folder


def _remove_if_dead(folder: Path) -> None:
    with suppress(OSError), (folder / "lock").open("a") as lock:  # cannot be locked: alive
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
