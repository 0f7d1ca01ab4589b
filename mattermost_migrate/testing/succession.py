"""What must be true at every moment while new pods replace old ones, asked of all a witness saw.

The rules beside those of ``chronicle`` that hold for any migration: as many pods serve as are
wanted, no request reaches a pod before it is ready, none a pod that was told to end, and there are
never more pods than the surge allows. They know nothing of how it is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mattermost_migrate.domain.names import ENDPOINT_SLICE, POD, SERVICE_NAME_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.testing.chronicle import Chronicle, Rule, is_ready
from mattermost_migrate.testing.witness import Entry

__all__ = ["Succession"]

#: Rules that Recreate breaks on purpose: it makes pods, ends pods, and so changes addresses.
_MEANT: Final = frozenset({Rule.MADE, Rule.LOST, Rule.ADDRESS_LOST})


@dataclass(slots=True)
class Succession:
    """What became of the pods of the one installation of a namespace.

    Attributes:
        chronicle: what happened.
        name: of the installation.
        wanted: how many pods it has.
        surge: how many more there may be.
        most: the most pods there ever were.
        fewest_serving: the least ready pods the Service ever had.
    """

    chronicle: Chronicle
    name: str
    wanted: int
    surge: int
    most: int = 0
    fewest_serving: int | None = None
    _state: dict[str, JsonObject] = field(default_factory=dict)

    def harms(self) -> tuple[str, ...]:
        """Every rule that was broken, in order; empty when nobody can have noticed anything."""
        self._state = dict(self.chronicle.before)
        broken = [str(harm) for harm in self.chronicle.harms() if harm.rule not in _MEANT]
        for entry in self.chronicle.entries:
            if entry.gone:
                self._state.pop(uid_of(entry.obj), None)
            else:
                self._state[uid_of(entry.obj)] = entry.obj
            if entry.resource in (POD, ENDPOINT_SLICE):
                broken += [f"{what} (at {entry.version})" for what in self._broken(entry)]
        return tuple(broken)

    def _broken(self, entry: Entry) -> Iterator[str]:
        pods = [each for each in self._state.values() if each["kind"] == POD.kind]
        named = self._named()
        served = [pod for pod in pods if uid_of(pod) in named]
        serving = sum(is_ready(pod) and not _is_ending(pod) for pod in served)
        self.most = max(self.most, len(pods))
        least = serving if self.fewest_serving is None else min(self.fewest_serving, serving)
        self.fewest_serving = least
        if serving < self.wanted:
            yield f"only {serving} of {self.wanted} pods serve"
        if len(pods) > self.wanted + self.surge:
            yield f"there are {len(pods)} pods"
        if entry.resource is POD and _is_ending(entry.obj) and uid_of(entry.obj) in named:
            yield f"Pod {name_of(entry.obj)} ends and is still in service"
        for pod in served:
            if not is_ready(pod) and not _is_ending(pod):
                yield f"Pod {name_of(pod)} is in service and not ready"

    def _named(self) -> set[str]:
        """UIDs of the pods that the Service's EndpointSlices name."""
        return {
            endpoint["targetRef"]["uid"]
            for each in self._state.values()
            if each["kind"] == ENDPOINT_SLICE.kind
            and labels_of(each).get(SERVICE_NAME_LABEL) == self.name
            for endpoint in each.get("endpoints") or ()
        }


def _is_ending(pod: JsonObject) -> bool:
    return "deletionTimestamp" in pod["metadata"]
