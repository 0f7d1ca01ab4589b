"""Looking at one installation: informers say what there was a moment ago, live reads what is.

Snapshots come from memory; what costs a read (the backup, Secrets, children) is taken when the
ladder asks for it. What a write of ours left behind is noted at once, so the next look sees it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from controller.heard import HANDED, Heard
from mattermost_migrate.domain.backup import Backup, backup_name
from mattermost_migrate.domain.errors import NotFoundError, NotServedError
from mattermost_migrate.domain.inventory import LABELLED, UPDATE_JOB, children, dependents
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INGRESS,
    JOB,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_NAME_LABEL,
    SERVING_LABEL,
    V1ALPHA1,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    controller_of,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    typed,
    uid_of,
)
from mattermost_migrate.domain.originals import deployment_role, former_owners, read_to_plan
from mattermost_migrate.domain.references import of_mattermost
from mattermost_migrate.domain.reported import failure_of
from mattermost_migrate.domain.sides import NEW, OLD, Side, other, side
from mattermost_migrate.domain.snapshot import Snapshot, Traffic
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.kube.owners import living

__all__ = ["BY_INSTALLATION", "Informers", "Observer", "direction", "installations_of"]

#: One informer a resource, shared by everyone in the process.
Informers = Mapping[Resource, Informer]

#: An object of the installation's namespace.
Named: TypeAlias = tuple[Resource, str]
#: The index of ReplicaSets by ``namespace/name`` of their installation, in either vocabulary.
BY_INSTALLATION: Final = "installation"
#: Kinds of which the informers hold every object, whatever its labels.
_IN_MEMORY: Final = frozenset({CLUSTER_INSTALLATION, MATTERMOST})
#: Kinds of which nothing is planned by the one of the installation's name; it is read to be saved.
_ONLY_SAVED: Final = frozenset({SERVICE, INGRESS})
#: Seconds for which it counts what there was not when the originals were saved.
_WITHOUT_SECONDS: Final = 120.0
#: Seconds for which a kind that is not served is not asked for again: without their operators
#: neither MysqlClusters nor MinIOInstances are, and each migration looks for them twice.
_UNSERVED_SECONDS: Final = 10.0


def installations_of(obj: JsonObject) -> Iterator[str]:
    """The installations, as ``namespace/name``, that an object's labels say it belongs to."""
    labels = labels_of(obj)
    names = {labels.get(V1ALPHA1.installation), labels.get(V1BETA1.installation)} - {None}
    return (f"{namespace_of(obj)}/{name}" for name in names)


def direction(migration: JsonObject) -> Side:
    """The kind to go to: the one that is wanted, or back when that was given up."""
    wanted = side(migration["spec"]["desiredKind"])
    return other(wanted) if failure_of(migration) else wanted


@dataclasses.dataclass(frozen=True, slots=True)
class _Without:
    """Children that an installation did not have, by its UID and the time of the look."""

    source: str
    at: float
    names: frozenset[Named]


class Observer:
    """Takes snapshots.

    Args:
        client: for what must be read live.
        informers: by resource: both kinds, Deployments, ReplicaSets indexed by
            ``BY_INSTALLATION``, and pods.
        beside_operator: the Go operator runs in this cluster.
        heard: what the builtin operator says and hands over, if it runs in this process.
    """

    def __init__(
        self,
        client: Client,
        informers: Informers,
        *,
        beside_operator: bool,
        heard: Heard | None = None,
    ) -> None:
        self._client = client
        self._informers = informers
        self._beside_operator = beside_operator
        self._heard = heard or Heard()
        self._backups: dict[str, Backup] = {}
        self._unserved: dict[Resource, float] = {}
        self._doubted: dict[tuple[str, str], set[tuple[Resource, str]]] = {}
        #: By the migration's UID: which children its giving kind was frozen without.
        self._without: dict[str, _Without] = {}

    async def look(self, migration: JsonObject) -> Snapshot:
        """One look at the installation of this InstallationMigration.

        Once the migration is given up, the snapshot is taken for the way back.

        Raises:
            InvariantError: the backup Secret is not what was written.
        """
        namespace, name = key_of(migration)
        await self._read_doubted(namespace, name)
        taking = direction(migration)
        source = self._informers[other(taking).resource].get(namespace, name)
        seen = Snapshot(
            migration=migration,
            source=source,
            target=self._informers[taking.resource].get(namespace, name),
            deployment=self._informers[DEPLOYMENT].get(namespace, name),
            beside_operator=self._beside_operator,
            heard=self._heard.of(source),
            target_kind=taking.kind,
        )
        # Also at the end: its name and digest go into the status.
        backup = await self._backup(seen) if seen.lock or seen.arrived else None
        replica_sets = tuple(self._replica_sets(seen, backup))
        pods = self._informers[POD]
        return dataclasses.replace(
            seen,
            backup=backup,
            replica_sets=replica_sets,
            pods=tuple(pod for each in replica_sets for pod in pods.owned_by(uid_of(each))),
        )

    async def closer(self, seen: Snapshot, part: Part) -> Snapshot:
        """The same snapshot with one costly part, read live or known to be as fresh."""
        if part is Part.EXISTING:
            referred = _referred(seen)  # on the way back this plans the whole installation
            saved = {(each, seen.name) for each in _ONLY_SAVED}
            asked = tuple(
                each for each in referred if each[0] not in _IN_MEMORY and each not in saved
            )
            found = (*self._in_memory(seen, referred), *await self._read(seen, asked))
            return dataclasses.replace(seen, existing=Existing.of(found))
        if part is Part.TRAFFIC:
            return dataclasses.replace(seen, traffic=await self._traffic(seen))
        if part is Part.OWNERS:
            alive = await living(self._client, seen.namespace, former_owners(seen))
            return dataclasses.replace(seen, owners=alive)
        if part is Part.DEPENDENTS:
            return dataclasses.replace(seen, dependents=await self._dependents(seen))
        return dataclasses.replace(seen, children=await self._children(seen))

    async def _children(self, seen: Snapshot) -> tuple[JsonObject, ...]:
        """What is saved beside the Deployment, which every look shows."""
        wanted = tuple(each for each in children(seen.name) if each[0] is not DEPLOYMENT)
        held = {
            each: obj
            for each, memory in self._heard.memory.items()
            if (each, seen.name) in wanted and (obj := memory.get(seen.namespace, seen.name))
        }
        read = await self._read(seen, tuple(each for each in wanted if each[0] not in held))
        found = (*(typed(each, obj) for each, obj in held.items()), *read)
        if seen.source is not None:
            there = {(each["kind"], name_of(each)) for each in found}
            absent = frozenset(each for each in wanted if (each[0].kind, each[1]) not in there)
            without = _Without(uid_of(seen.source), time.monotonic(), absent)
            self._without[uid_of(seen.migration)] = without
        self._hand_over(read)
        return found

    def _hand_over(self, read: tuple[JsonObject, ...]) -> None:
        """Whoever makes the children of the taking kind asks for them next."""
        kinds = {} if self._beside_operator else {each.kind: each for each in HANDED}
        for each in read:
            if resource := kinds.get(each["kind"]):
                self._heard.read.put(resource, each)

    def _in_memory(self, seen: Snapshot, wanted: tuple[Named, ...]) -> Iterator[JsonObject]:
        """Of what is wanted, that of which every object there is, is in memory."""
        for resource, name in wanted:
            if resource in _IN_MEMORY and (
                obj := self._informers[resource].get(seen.namespace, name)
            ):
                yield typed(resource, obj)

    async def _dependents(self, seen: Snapshot) -> tuple[JsonObject, ...]:
        """What may name the giving kind as owner: by its name, or by the installation's label.

        On the way back both labels count: users go on marking their own by the first.
        """
        wanted = dependents(seen.source or {"metadata": {"name": seen.name}})
        keys = dict.fromkeys((seen.giving.labels.installation, V1ALPHA1.installation))
        listings = await asyncio.gather(
            *(
                self._client.list(resource, seen.namespace, label_selector=f"{key}={seen.name}")
                for resource in LABELLED
                for key in keys
            )
        )
        # What its new owner has written is known as that owner left it.
        known = {each: obj for each in HANDED if (obj := self._handed(seen, each))}
        if seen.deployment and seen.taken_over:
            known[DEPLOYMENT] = typed(DEPLOYMENT, seen.deployment)
        absent = self._absent(seen)
        asked = tuple(
            (resource, name)
            for resource, name in wanted
            if not (resource in known and name == seen.name) and (resource, name) not in absent
        )
        named = (*known.values(), *await self._read(seen, asked))
        uids = set(map(uid_of, named))
        found = {uid_of(each): each for listing in listings for each in listing.items}
        return (*named, *(each for uid, each in found.items() if uid not in uids))

    def _handed(self, seen: Snapshot, resource: Resource) -> JsonObject | None:
        """The child as the operator of the new owner has written it a moment ago."""
        obj = self._heard.written.take(resource, (seen.namespace, seen.name))
        if obj is None or seen.target is None:
            return None
        theirs = (controller_of(obj) or {}).get("uid") == uid_of(seen.target)
        return typed(resource, obj) if theirs else None

    def _absent(self, seen: Snapshot) -> frozenset[Named]:
        """What the giving kind did not have a moment ago, when it was frozen, it has not made."""
        without = self._without.get(uid_of(seen.migration))
        if without is None or seen.source is None or without.source != uid_of(seen.source):
            return frozenset()
        return without.names if time.monotonic() - without.at < _WITHOUT_SECONDS else frozenset()

    async def _traffic(self, seen: Snapshot) -> Traffic:
        """Read live: pods are taken out of service, and ended, on the strength of it."""
        service, slices, pods = await asyncio.gather(
            self._client.find(SERVICE, seen.namespace, seen.name),
            self._client.list(
                ENDPOINT_SLICE,
                seen.namespace,
                label_selector=f"{SERVICE_NAME_LABEL}={seen.name}",
            ),
            self._client.list(POD, seen.namespace, label_selector=f"{SERVING_LABEL}={seen.name}"),
        )
        return Traffic(service, tuple(slices.items), tuple(pods.items), datetime.now(UTC))

    def note(self, migration: JsonObject, write: Write, answer: JsonObject) -> None:
        """Take over what a write of ours, made for this migration, left behind."""
        if write.resource is SECRET:  # the backup, or a generated one that changes hands
            if name_of(answer) == backup_name(name_of(migration)):
                self._backups[uid_of(migration)] = Backup.read(answer)
            return
        informer = self._informers.get(write.resource)
        if informer is not None:
            informer.note(answer)

    def doubt(self, migration: JsonObject, writes: Iterable[Write]) -> None:
        """Have the next look read anew what these were meant for: not all of them went well.

        One may have been carried out unheard, and one was refused because what is in memory is
        old. Watches lag apart: of a ReplicaSet as it was before, and a Deployment that is gone
        already, the next step would conclude that nothing is left to be done for it.
        """
        key = key_of(migration)
        of_ours = {
            (each.resource, each.name) for each in writes if each.resource in self._informers
        }
        self._doubted.setdefault(key, set()).update(of_ours)

    async def _read_doubted(self, namespace: str, name: str) -> None:
        doubted = self._doubted.get((namespace, name), set())
        for resource, each in sorted(doubted, key=str):
            only = f"metadata.name={each}"  # what is watched may be listed; not all of it be got
            listing = await self._client.list(resource, namespace, field_selector=only)
            for found in listing.items:
                self._informers[resource].note(found)
        self._doubted.pop((namespace, name), None)

    def forget(self, migration: JsonObject) -> None:
        """Drop what is kept of a migration: it is over, or what is kept was stale."""
        self._backups.pop(uid_of(migration), None)
        self._without.pop(uid_of(migration), None)

    def gone(self, migration: JsonObject) -> None:
        """Drop all that is kept of one that was deleted."""
        self.forget(migration)
        self._doubted.pop(key_of(migration), None)

    async def _backup(self, seen: Snapshot) -> Backup | None:
        uid = uid_of(seen.migration)
        if uid not in self._backups:
            secret = await self._client.find(SECRET, seen.namespace, backup_name(seen.name))
            if secret is None:
                return None
            self._backups[uid] = Backup.read(secret)
        return self._backups[uid]

    def _replica_sets(self, seen: Snapshot, backup: Backup | None) -> Iterator[JsonObject]:
        """Those of the Deployment that is there, of those that were saved, and orphans by name.

        Saved ones count because informers race: one may have seen a Deployment's end before another
        saw its ReplicaSet orphaned.
        """
        owners = backup.uids(map(deployment_role, (OLD, NEW))) if backup else frozenset()
        if seen.deployment is not None:
            owners |= {uid_of(seen.deployment)}
        informer = self._informers[REPLICA_SET]
        for each in informer.by_index(BY_INSTALLATION, f"{seen.namespace}/{seen.name}"):
            controller = controller_of(each)
            if controller is None:
                if name_of(each).startswith(f"{seen.name}-"):
                    yield each
            elif controller.get("uid") in owners:
                yield each

    async def _read(self, seen: Snapshot, wanted: tuple[Named, ...]) -> tuple[JsonObject, ...]:
        found = await asyncio.gather(
            *(self._find(resource, seen.namespace, name) for resource, name in wanted)
        )
        return tuple(
            typed(resource, obj)
            for (resource, _), obj in zip(wanted, found, strict=True)
            if obj is not None
        )

    async def _find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object, read live; of a kind that was not served a moment ago there is none."""
        if time.monotonic() < self._unserved.get(resource, 0.0):
            return None
        if resource is JOB and name == UPDATE_JOB and JOB in self._heard.memory:
            return self._heard.memory[JOB].get(namespace, name)  # every one of that name is held
        try:
            return await self._client.get(resource, namespace, name)
        except NotServedError:
            self._unserved[resource] = time.monotonic() + _UNSERVED_SECONDS
        except NotFoundError:
            pass
        return None


def _referred(seen: Snapshot) -> tuple[tuple[Resource, str], ...]:
    """What has to be read to convert what there is, or to generate the pods of a Mattermost."""
    if seen.source is not None:
        return read_to_plan(seen)
    if seen.target is not None and seen.target["kind"] == MATTERMOST.kind:
        return tuple(of_mattermost(seen.target))
    return ()
