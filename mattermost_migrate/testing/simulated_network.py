"""The network of a simulated cluster: its EndpointSlice controller, and what requests meet.

The controller goes by two caches, of Services and of pods, and each lags by itself; that is the
race a migration has to win. The cache of pods is the one that ReplicaSets are counted by. As the
operator's Service publishes addresses that are not ready, whatever the selector matches is named.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from mattermost_migrate.domain.names import (
    ENDPOINT_SLICE,
    POD,
    SERVICE,
    SERVICE_NAME_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.domain.snapshot import pod_ready

if TYPE_CHECKING:
    from mattermost_migrate.testing.simulation import Simulation

__all__ = ["Network"]

_KNOWN: Final = (SERVICE, POD)
#: How old the cache of pods gets.
_MOST_LAG: Final = timedelta(seconds=3)


class Network:
    """EndpointSlices of every Service, and what nobody may notice of them.

    Attributes:
        fewest_serving: the least ready pods that requests ever reached.
        unready: pods that requests reached before they were ready.
        cut_off: pods that were told to end while requests reached them.
    """

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._known: dict[Resource, dict[str, dict[str, Any]]] = {each: {} for each in _KNOWN}
        self._informed = cluster.now
        self.forget()

    def forget(self) -> None:
        """Begin to watch anew."""
        self.fewest_serving: int | None = None
        self.unready: set[str] = set()
        self.cut_off: set[str] = set()

    def inform_services(self) -> bool:
        """The cache of Services catches up; until then it lags."""
        return self._inform(SERVICE)

    def inform_pods(self) -> bool:
        """The cache of pods catches up; until then it lags."""
        self._informed = self._cluster.now
        return self._inform(POD)

    def pass_time(self) -> None:
        """No watch lags for ever: as much is taken for granted of pods that never served."""
        if self._cluster.now - self._informed >= _MOST_LAG:
            self.inform_pods()

    def known_pod(self, pod: JsonObject) -> JsonObject:
        """The pod as the cache holds it; nothing is known of one it has not seen."""
        known = self._known[POD].get(name_of(pod))
        return known if known and uid_of(known) == uid_of(pod) else {}

    def _inform(self, resource: Resource) -> bool:
        known = self._known[resource]
        fresh = {name_of(each): each for each in self._cluster.all(resource)}
        if fresh == known:
            return False
        self._known[resource] = copy.deepcopy(fresh)
        return True

    def run(self) -> bool:
        """The EndpointSlice controller: one slice a Service, with the labels of it."""
        moved = False
        for service in self._known[SERVICE].values():
            selector = service["spec"].get("selector") or {}
            endpoints = [
                {
                    "addresses": [name_of(pod)],
                    "targetRef": {"kind": "Pod", "name": name_of(pod), "uid": uid_of(pod)},
                }
                for pod in self._known[POD].values()
                if selector and selector.items() <= labels_of(pod).items()
            ]
            labels = {**labels_of(service), SERVICE_NAME_LABEL: name_of(service)}
            moved |= self._store(f"{name_of(service)}-slice", labels, endpoints)
        return moved

    def _store(self, name: str, labels: dict[str, str], endpoints: list[dict[str, Any]]) -> bool:
        before = self._cluster.find(ENDPOINT_SLICE, name)
        if before and (before["endpoints"], labels_of(before)) == (endpoints, labels):
            return False
        metadata = {"name": name, "labels": labels}
        self._cluster.put(ENDPOINT_SLICE, {"metadata": metadata, "endpoints": endpoints})
        return True

    def slices(self, service: str) -> tuple[JsonObject, ...]:
        """The EndpointSlices of a Service."""
        return tuple(
            each
            for each in self._cluster.all(ENDPOINT_SLICE)
            if labels_of(each).get(SERVICE_NAME_LABEL) == service
        )

    def reached(self) -> set[str]:
        """UIDs of the pods that requests reach."""
        return {
            endpoint["targetRef"]["uid"]
            for each in self._cluster.all(ENDPOINT_SLICE)
            for endpoint in each["endpoints"]
        }

    def watch(self) -> None:
        """See what requests meet now."""
        if not any(True for _ in self._cluster.all(ENDPOINT_SLICE)):
            return
        reached = self.reached()
        pods = [pod for pod in self._cluster.all(POD) if uid_of(pod) in reached]
        serving = sum(map(pod_ready, pods))
        least = serving if self.fewest_serving is None else min(self.fewest_serving, serving)
        self.fewest_serving = least
        ending = {name_of(pod) for pod in pods if pod["metadata"].get("deletionTimestamp")}
        self.cut_off |= ending
        self.unready |= {name_of(pod) for pod in pods if not pod_ready(pod)} - ending
