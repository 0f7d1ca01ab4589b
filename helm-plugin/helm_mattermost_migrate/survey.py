"""Looking at many installations for ``plan``: read what their checks need, ask, write nothing.

What all of them need is listed once; what is each one's own (its Secrets) is read for each, many
at a time, and so is the rest where there are only a few.

The writes a migration would send are sent with ``dryRun=All``: the API server judges them, with its
admission, and stores nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from helm_mattermost_migrate.appraisal import Appraisal, Verdict, appraise, pretended, settled
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.inventory import Inventory, check_found, read_inventory
from helm_mattermost_migrate.library import Library
from helm_mattermost_migrate.members import Member
from helm_mattermost_migrate.neighbours import NEIGHBOURS, neighbours
from helm_mattermost_migrate.rehearsal import lets_pass
from helm_mattermost_migrate.selection import Key, Selection
from helm_mattermost_migrate.terminal import counting
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    InvariantError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
)
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
    V1ALPHA1,
    V1BETA1,
    Reason,
    Resource,
)
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    key_of,
    namespace_of,
    owners_of,
    typed,
    uid_of,
)
from mattermost_migrate.domain.originals import former_owners
from mattermost_migrate.domain.references import of_conversion
from mattermost_migrate.domain.sides import other, side
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Refuse
from mattermost_migrate.domain.writes import Verb, Write
from mattermost_migrate.kube.client import Client, Propagation
from mattermost_migrate.kube.owners import living

__all__ = ["appraise_all", "survey"]

#: Told how many of how many are through.
Tick = Callable[[int, int], None]
#: Names in one label selector; more make the URL too long, and then the namespace is listed.
_MOST_NAMED: Final = 40
#: Installations looked at at the same time.
_AT_ONCE: Final = 24
#: Of so many, what each names is asked for by name; for more, these kinds are listed instead.
_FEW: Final = 8
#: Secrets are not among them: nobody has to let us read those that we have no use for.
_NAMED: Final = (SERVICE, INGRESS, INGRESS_CLASS, DEPLOYMENT, CLUSTER_INSTALLATION, MATTERMOST)
#: By the kind that shall be: the label by which the other one marks what is its own.
_LABELS: Final = {
    MATTERMOST.kind: V1ALPHA1.installation,
    CLUSTER_INSTALLATION.kind: V1BETA1.installation,
}


@dataclass(frozen=True, slots=True)
class _Listed:
    """What was listed for all of them at once."""

    owned: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def owned_by(self, owner: JsonObject | None) -> tuple[JsonObject, ...]:
        return self.owned.get(uid_of(owner), ()) if owner is not None else ()


async def appraise_all(
    client: Client, selection: Selection, wishes: Wishes, *, rehearse: bool = True
) -> tuple[tuple[Appraisal, ...], Inventory]:
    """Find and appraise everything that is selected, with a count on the terminal meanwhile.

    Returns:
        The appraisals, and what was found.

    Raises:
        CommandError: nothing was found.
    """
    inventory = await read_inventory(client, selection)
    check_found(inventory, selection)
    with counting() as tick:
        appraisals = await survey(
            client, selection, inventory, wishes=wishes, rehearse=rehearse, tick=tick
        )
    return appraisals, inventory


async def survey(
    client: Client,
    selection: Selection,
    inventory: Inventory,
    *,
    wishes: Wishes,
    rehearse: bool = True,
    tick: Tick = lambda _done, _all: None,
) -> tuple[Appraisal, ...]:
    """Appraise every installation of an inventory.

    Args:
        client: an open client.
        selection: what was asked for, to list no more than that.
        inventory: what was found.
        wishes: what a run would be asked for.
        rehearse: ask the API server about each write.
        tick: told of each one that is through.
    """
    members = inventory.members
    abandoned = inventory.abandoned
    known = {
        member.key: None if member.key in abandoned else settled(member, wishes.desired)
        for member in members
    }
    number_open = sum(verdict is None for verdict in known.values())
    library = Library(client, selection.searched)
    listed = _Listed()
    if number_open:
        listed = await _list(library, selection, _LABELS[wishes.desired])
    if number_open and rehearse:
        listed = await _with_others(library, listed)
    if number_open > _FEW:
        await library.collect(_NAMED)
        gc.freeze()  # what was read stays to the end; else it is gone through again and again
    by_key: dict[Key, dict[str, JsonObject]] = defaultdict(dict)
    for obj in inventory.installations:
        by_key[key_of(obj)][str(obj["kind"])] = obj
    migrations = {key_of(obj): obj for obj in inventory.migrations}
    slots = asyncio.Semaphore(_AT_ONCE)
    through = 0

    async def one(member: Member) -> Appraisal:
        nonlocal through
        if verdict := known[member.key]:
            result = Appraisal(member.key, verdict)
        else:
            async with slots:
                planned = pretended(member.key, wishes, known=migrations.get(member.key))
                seen = await _look(library, planned, by_key[member.key], listed)
                if owners := former_owners(seen):
                    alive = await living(client, seen.namespace, owners)
                    seen = dataclasses.replace(seen, owners=alive)
                result = appraise(seen)
                if rehearse:
                    result = await _rehearsed(client, _beside(result, listed))
        through += 1
        tick(through, len(members))
        return result

    return tuple(await asyncio.gather(*map(one, members)))


async def _list(library: Library, selection: Selection, labels: str) -> _Listed:
    """ReplicaSets and pods that carry the labels of the kind that gives."""
    if 0 < len(selection.names) <= _MOST_NAMED:
        labels = f"{labels} in ({','.join(sorted({name for _, name in selection.names}))})"
    replica_sets, pods = await asyncio.gather(
        *(library.listed(each, label_selector=labels) for each in (REPLICA_SET, POD))
    )
    return _Listed(_by_owner((*replica_sets, *pods)))


async def _with_others(library: Library, listed: _Listed) -> _Listed:
    """With what others have in these namespaces; a kind we may not see is noted, once."""
    notes: list[str] = []
    found: dict[str, list[JsonObject]] = defaultdict(list)

    async def of(resource: Resource) -> None:
        try:
            for obj in await library.listed(resource):
                found[namespace_of(obj)].append(obj)
        except ForbiddenError:
            notes.append(f"{resource.plural}: we may not list them")

    await asyncio.gather(*map(of, NEIGHBOURS))
    others = {namespace: tuple(each) for namespace, each in found.items()}
    return dataclasses.replace(listed, others=others, notes=tuple(sorted(notes)))


def _beside(appraisal: Appraisal, listed: _Listed) -> Appraisal:
    namespace, name = appraisal.key
    found = neighbours(name, listed.others.get(namespace, ()))
    return dataclasses.replace(appraisal, neighbours=found, notes=listed.notes)


def _by_owner(objects: Iterable[JsonObject]) -> dict[str, tuple[JsonObject, ...]]:
    found: dict[str, list[JsonObject]] = defaultdict(list)
    for obj in objects:
        for owner in owners_of(obj):
            found[str(owner["uid"])].append(obj)
    return {uid: tuple(each) for uid, each in found.items()}


async def _look(
    library: Library, migration: JsonObject, kinds: Mapping[str, JsonObject], listed: _Listed
) -> Snapshot:
    key, desired = key_of(migration), str(migration["spec"]["desiredKind"])
    taking = side(desired)
    source = kinds.get(other(taking).kind)
    deployment = await library.find(DEPLOYMENT, *key)
    replica_sets = listed.owned_by(deployment)
    return Snapshot(
        migration=migration,
        source=source,
        target=kinds.get(taking.kind),
        deployment=deployment,
        replica_sets=replica_sets,
        pods=tuple(pod for each in replica_sets for pod in listed.owned_by(each)),
        existing=await _existing(library, source) if source is not None else None,
        target_kind=desired,
    )


async def _existing(library: Library, source: JsonObject) -> Existing:
    wanted = tuple(of_conversion(source))
    found = await asyncio.gather(
        *(library.find(resource, namespace_of(source), name) for resource, name in wanted)
    )
    return Existing.of(
        typed(resource, obj)
        for (resource, _), obj in zip(wanted, found, strict=True)
        if obj is not None
    )


async def _rehearsed(client: Client, appraisal: Appraisal) -> Appraisal:
    """The appraisal with what the API server says to each write."""
    answers = await asyncio.gather(
        *(_rehearse(client, appraisal.key[0], write) for write in appraisal.rehearse)
    )
    refusals = tuple(answer for answer in answers if isinstance(answer, Refuse))
    lacking = sorted({answer for answer in answers if isinstance(answer, str)})
    if refusals:
        appraisal = dataclasses.replace(appraisal, verdict=Verdict.REFUSED, refusals=refusals)
    if lacking:
        told = f"you may not {', '.join(lacking)}: the API server was not asked about these writes"
        appraisal = dataclasses.replace(appraisal, notes=(*appraisal.notes, told))
    return appraisal


async def _rehearse(client: Client, namespace: str, write: Write) -> Refuse | str | None:
    """A refusal, the right that is lacking to ask, or None when the server would take it."""
    try:
        await _ask(client, namespace, write)
    except (StaleError, NotFoundError):
        # It has moved since it was listed, or it exists: the admission has had no objection.
        return None
    except ForbiddenError:
        part = f"/{write.subresource}" if write.subresource else ""
        return f"{write.verb} {write.resource.plural}{part}"
    except RejectedError as error:
        if lets_pass(write, error):
            return None
        told = f"the API server would refuse to {write}: {error}"
        return Refuse(Reason.REJECTED, told, _shown(namespace, write.name))
    except TransientError as error:
        if not error.answered:
            raise
        # Such as a webhook of somebody's that is down: it need not be asked about the others.
        return Refuse(Reason.UNAVAILABLE, str(error), _shown(namespace, write.name))
    return None


def _shown(namespace: str, name: str) -> str:
    kind = f"{CLUSTER_INSTALLATION.plural}.{CLUSTER_INSTALLATION.group}"
    return f"kubectl -n {namespace} get {kind} {name} -o yaml"


async def _ask(client: Client, namespace: str, write: Write) -> None:
    """Send one write as a dry run.

    A patch also says that nobody owns any field: to work out who does is half of what a patch costs
    the API server, none of what it is judged by, and nothing of it is stored.
    """
    match write.verb, write.body:
        case Verb.DELETE, _:
            await client.delete(
                write.resource,
                namespace,
                write.name,
                uid=write.uid,
                resource_version=write.resource_version,
                propagation=Propagation.ORPHAN,
                dry_run=True,
            )
        case Verb.PATCH, Mapping() | list() as body if write.patch_type is not None:
            if isinstance(body, Mapping):
                metadata = {**(body.get("metadata") or {}), "managedFields": [{}]}
                body = {**body, "metadata": metadata}
            await client.patch(
                write.resource,
                namespace,
                write.name,
                body,
                kind=write.patch_type,
                subresource=write.subresource or None,
                dry_run=True,
            )
        case Verb.CREATE, Mapping() as body:
            manifest = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
            await client.create(write.resource, manifest, dry_run=True)
        case _:
            raise InvariantError(f"{write}: nothing that a migration begins with")
