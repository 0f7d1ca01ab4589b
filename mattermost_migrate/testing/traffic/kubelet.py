"""A kubelet's work on one node: a real process per pod, probed, reported, and ended.

What it does not do: init containers, volumes, restarts. A server that dies stays dead, so that a
test sees it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mattermost_migrate.domain.conditions import micro_timestamp, timestamp
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.names import LEASE, POD, Resource
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, uid_of
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.testing.traffic import PORT, loopback

__all__ = ["CONTAINER_SCHEME", "Kubelet", "Temper"]

#: How ``containerID`` says which process a container is.
CONTAINER_SCHEME: Final = "process://"
_NODE: Final = Resource("", "v1", "Node", "nodes", namespaced=False)
_LEASES: Final = "kube-node-lease"
_BEAT_SECONDS: Final = 10
_PROBE_SECONDS: Final = 0.2
_PROBE_TIMEOUT_SECONDS: Final = 5
_FAILURE_THRESHOLD: Final = 6
_HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Temper:
    """How a server behaves: seconds until it listens, and that it goes on after SIGTERM."""

    start_seconds: float = 1.0
    stop_seconds: float = 1.0


@dataclass(slots=True)
class _Running:
    """One pod of ours."""

    ending: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Kubelet:
    """Plays the kubelet of a node of its own.

    Args:
        client: with a kubelet's rights, or more.
        node: the name of its node.
        network: the second part of its pods' addresses; one node a number.
        temper: of the servers.
    """

    def __init__(
        self, client: Client, node: str, *, network: int, temper: Temper | None = None
    ) -> None:
        self._client = client
        self._node = node
        self._temper = temper or Temper()
        self._addresses = (f"10.{network}.{n // 250}.{n % 250 + 1}" for n in itertools.count())
        self._pods: dict[str, _Running] = {}
        self._informer = Informer(client, POD, field_selector=f"spec.nodeName={node}")

    async def run(self) -> None:
        """Until cancelled; then every server is ended."""
        await self._register()
        async with asyncio.TaskGroup() as group:

            def changed(_before: JsonObject | None, after: JsonObject | None) -> None:
                if after is not None:
                    self._note(after, group.create_task)

            self._informer.subscribe(changed)
            group.create_task(self._informer.run())
            group.create_task(self._beat())

    def _note(self, pod: JsonObject, start: Callable[[Any], asyncio.Task[None]]) -> None:
        uid = uid_of(pod)
        if uid not in self._pods:
            self._pods[uid] = _Running()
            self._pods[uid].task = start(self._run(pod, self._pods[uid]))
        if pod["metadata"].get("deletionTimestamp"):
            self._pods[uid].ending.set()

    async def _register(self) -> None:
        room = {"cpu": "1000", "memory": "1Ti", "pods": "1000"}
        labels = {"kubernetes.io/hostname": self._node}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self._node, "labels": labels},
            "status": {"allocatable": room, "capacity": room},
        }
        await self._client.create(_NODE, node)
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": timestamp(datetime.now(UTC)),
        }
        status = {"status": {"conditions": [ready]}}
        await self._client.patch(_NODE, None, self._node, status, subresource="status")

    async def _beat(self) -> None:
        """Without a heartbeat the node would be called lost, and its pods evicted."""
        spec = {"holderIdentity": self._node, "leaseDurationSeconds": 40}
        lease = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._node, "namespace": _LEASES},
            "spec": {**spec, "renewTime": micro_timestamp(datetime.now(UTC))},
        }
        await self._client.create(LEASE, lease)
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            renewed = {"spec": {"renewTime": micro_timestamp(datetime.now(UTC))}}
            with contextlib.suppress(MigrateError):
                await self._client.patch(LEASE, _LEASES, self._node, renewed)

    async def _run(self, pod: JsonObject, running: _Running) -> None:
        """One pod from its first sight to its end."""
        address = next(self._addresses)
        temper = self._temper
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "mattermost_migrate.testing.traffic.server"),
            *("--name", name_of(pod), "--host", loopback(address)),
            *("--start-seconds", str(temper.start_seconds)),
            *("--stop-seconds", str(temper.stop_seconds)),
        )
        try:
            await self._attend(pod, running, address, process.pid)
            process.terminate()
            await asyncio.wait_for(process.wait(), _grace(pod))
        except (TimeoutError, ProcessLookupError):
            pass
        finally:
            if process.returncode is None:
                process.kill()
        await self._remove(pod)

    async def _attend(self, pod: JsonObject, running: _Running, address: str, process: int) -> None:
        """Report what probes find until the pod is told to end."""
        reported: bool | None = None
        failed = 0
        while not running.ending.is_set():
            failed = 0 if await _answers(loopback(address)) else failed + 1
            # As in the pod's spec: one that was ready has to fail some times in a row.
            ready = not failed or (bool(reported) and failed < _FAILURE_THRESHOLD)
            if ready != reported and await self._report(
                pod, _status(pod, address, process, ready=ready)
            ):
                reported = ready
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.ending.wait(), _PROBE_SECONDS)

    async def _report(self, pod: JsonObject, status: Mapping[str, Any]) -> bool:
        """Whether it was written; if not, the next probe brings it up again."""
        body = {"metadata": {"uid": uid_of(pod)}, "status": status}
        try:
            await self._client.patch(
                POD, namespace_of(pod), name_of(pod), body, subresource="status"
            )
        except MigrateError:
            return False
        return True

    async def _remove(self, pod: JsonObject) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid_of(pod)}}
        with contextlib.suppress(MigrateError):
            await self._client.raw(
                "DELETE", POD.path(namespace_of(pod), name_of(pod)), body=options
            )


def _grace(pod: JsonObject) -> float:
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30))


def _status(pod: JsonObject, address: str, process: int, *, ready: bool) -> dict[str, Any]:
    now, word = timestamp(datetime.now(UTC)), "True" if ready else "False"
    spec = pod["spec"]["containers"][0]
    kinds = {
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": word,
        "Ready": word,
    }
    container = {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": spec["image"],
        "containerID": f"{CONTAINER_SCHEME}{process}",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }
    return {
        "phase": "Running",
        "hostIP": _HOST,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": now}
            for kind, status in kinds.items()
        ],
        "containerStatuses": [container],
    }


async def _answers(host: str) -> bool:
    """The readiness probe: an HTTP GET that must be answered with 200."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, PORT)
            writer.write(b"GET /api/v4/system/ping HTTP/1.0\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line
