"""What must be true at every moment of a migration, asked of all that a witness saw.

The rules know nothing of how a migration works: no pod or ReplicaSet is made or lost, no pod is
without an owner, nothing has two or names one that does not exist, as many pods are ready as were
wanted, and no address leaves a Service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    POD,
    REPLICA_SET,
    SERVICE_NAME_LABEL,
    V1ALPHA1,
    V1BETA1,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    labels_of,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
)
from mattermost_migrate.testing.witness import WATCHED, Entry, Witness

__all__ = ["Chronicle", "Harm", "Rule", "is_ready"]

_WATCHED_KINDS: Final = frozenset(resource.kind for resource in WATCHED)
#: Namespace and name.
_Key = tuple[str, str]


class Rule(StrEnum):
    """What was broken."""

    MADE = "made"
    LOST = "lost"
    NO_OWNER = "has no controller"
    TWO_OWNERS = "has two controllers"
    OWNER_UNKNOWN = "names an owner that does not exist"
    TOO_FEW_READY = "has fewer ready pods than wanted"
    ADDRESS_LOST = "lost an address"


@dataclass(frozen=True, slots=True)
class Harm:
    """A rule that was broken, when, and by what."""

    rule: Rule
    version: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} {self.rule} (at {self.version})"


@dataclass(frozen=True, slots=True)
class Chronicle:
    """A stretch of time in a namespace, or in all.

    Attributes:
        before: the objects as it began, by UID.
        entries: what happened, in order.
    """

    before: Mapping[str, JsonObject]
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, witness: Witness, *, since: int, namespace: str | None = None) -> Self:
        """All that happened after the revision ``since``, up to now."""
        before: dict[str, JsonObject] = {}
        entries = witness.journal(namespace)
        for entry in entries:
            if entry.version <= since:
                _apply(before, entry)
        return cls(before, tuple(entry for entry in entries if entry.version > since))

    def harms(self) -> tuple[Harm, ...]:
        """Every rule that was broken, in order; empty when nobody can have noticed anything."""
        return tuple(_Examination(dict(self.before), self.entries).harms())


def _apply(state: dict[str, JsonObject], entry: Entry) -> None:
    if entry.gone:
        state.pop(uid_of(entry.obj), None)
    else:
        state[uid_of(entry.obj)] = entry.obj


@dataclass(slots=True)
class _Examination:
    """Replays a chronicle and asks after each entry."""

    state: dict[str, JsonObject]
    entries: Sequence[Entry]
    wanted: Mapping[_Key, int] = field(init=False)
    addresses: Mapping[_Key, frozenset[str]] = field(init=False)
    #: After which revision each was made that is known from a list only.
    perhaps: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.wanted = _wanted(self.state.values())
        self.addresses = _addresses(self.state.values())
        self.perhaps = {
            uid_of(each.obj): each.listed_after
            for each in reversed(self.entries)
            if each.listed_after is not None and not each.gone
        }

    def harms(self) -> Iterator[Harm]:
        for entry in self.entries:
            known = uid_of(entry.obj) in self.state
            _apply(self.state, entry)
            for rule, what in self._broken(entry, known=known):
                yield Harm(rule, entry.version, what)

    def _broken(self, entry: Entry, *, known: bool) -> Iterator[tuple[Rule, str]]:
        if entry.resource in (POD, REPLICA_SET):
            yield from self._kept(entry, known=known)
        yield from self._owned(entry)
        if entry.resource is POD:
            yield from self._ready(entry.obj)
        if entry.resource is ENDPOINT_SLICE:
            yield from self._served(entry.obj)

    def _kept(self, entry: Entry, *, known: bool) -> Iterator[tuple[Rule, str]]:
        if not known:
            yield Rule.MADE, _named(entry.obj)
        if entry.gone:
            yield Rule.LOST, _named(entry.obj)

    def _owned(self, entry: Entry) -> Iterator[tuple[Rule, str]]:
        if entry.gone:
            uid = uid_of(entry.obj)
            for other in self.state.values():
                if any(owner["uid"] == uid for owner in owners_of(other)):
                    yield Rule.OWNER_UNKNOWN, _named(other)
            return
        owners = owners_of(entry.obj)
        controllers = [owner for owner in owners if owner.get("controller")]
        if entry.resource is POD and not controllers:
            yield Rule.NO_OWNER, _named(entry.obj)
        if len(controllers) > 1:
            yield Rule.TWO_OWNERS, _named(entry.obj)
        for owner in owners:
            if owner["kind"] in _WATCHED_KINDS and not self._exists(owner["uid"], entry.version):
                yield Rule.OWNER_UNKNOWN, f"{_named(entry.obj)} ({owner['kind']})"

    def _exists(self, uid: str, version: int) -> bool:
        """Whether it does, or may: when it was made is not known of what was only listed later."""
        return uid in self.state or self.perhaps.get(uid, version) < version

    def _ready(self, pod: JsonObject) -> Iterator[tuple[Rule, str]]:
        key = _installation(pod)
        if key in self.wanted:
            ready = sum(
                each["kind"] == POD.kind and _installation(each) == key and is_ready(each)
                for each in self.state.values()
            )
            if ready < self.wanted[key]:
                yield Rule.TOO_FEW_READY, "/".join(key)

    def _served(self, changed: JsonObject) -> Iterator[tuple[Rule, str]]:
        key = _service(changed)
        lost = self.addresses.get(key, frozenset()) - _addresses(self.state.values())[key]
        for address in sorted(lost):
            yield Rule.ADDRESS_LOST, f"Service {'/'.join(key)}: {address}"


def _wanted(objects: Iterable[JsonObject]) -> dict[_Key, int]:
    """How many pods each installation runs: those ready, but no more than it asks for."""
    everything = list(objects)
    ready: dict[_Key, int] = defaultdict(int)
    for pod in everything:
        if pod["kind"] == POD.kind and is_ready(pod):
            ready[_installation(pod)] += 1
    return {
        (namespace_of(each), name_of(each)): min(
            each["spec"]["replicas"], ready[namespace_of(each), name_of(each)]
        )
        for each in everything
        if each["kind"] == DEPLOYMENT.kind
    }


def _addresses(objects: Iterable[JsonObject]) -> dict[_Key, frozenset[str]]:
    """The addresses that serve each Service."""
    found: dict[_Key, frozenset[str]] = defaultdict(frozenset)
    for each in objects:
        if each["kind"] == ENDPOINT_SLICE.kind:
            found[_service(each)] |= {
                address
                for endpoint in each.get("endpoints") or ()
                if (endpoint.get("conditions") or {}).get("ready") is not False
                for address in endpoint["addresses"]
            }
    return found


def _installation(pod: JsonObject) -> _Key:
    labels = labels_of(pod)
    name = labels.get(V1ALPHA1.installation) or labels.get(V1BETA1.installation) or ""
    return namespace_of(pod), name


def _service(endpoint_slice: JsonObject) -> _Key:
    return namespace_of(endpoint_slice), labels_of(endpoint_slice).get(SERVICE_NAME_LABEL, "")


def is_ready(pod: JsonObject) -> bool:
    """Whether its kubelet says so."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _named(obj: JsonObject) -> str:
    return f"{obj['kind']} {namespace_of(obj)}/{name_of(obj)}"
