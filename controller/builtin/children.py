"""Bringing the children of one installation to what was rendered, one fenced write at a time.

Every update carries the resourceVersion it was computed from and every deletion the UID, so a
write that rests on an old look fails instead of undoing what somebody else did meanwhile. Before
the first write of a pass the installation itself is read live: an informer may not have seen yet
that it was frozen, and a frozen installation's children belong to the migration.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Final

from controller.builtin.known import Known
from controller.builtin.outcomes import ProblemError
from mattermost_migrate.domain import update
from mattermost_migrate.domain.children import Removal
from mattermost_migrate.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    RefusedError,
    RejectedError,
    StaleError,
)
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    JOB,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    controller_of,
    name_of,
    namespace_of,
    uid_of,
)
from mattermost_migrate.kube import Client, Propagation

__all__ = ["Children"]

_RESOURCES: Final = {
    resource.kind: resource
    for resource in (
        DEPLOYMENT,
        INGRESS,
        INGRESS_CLASS,
        JOB,
        MINIO_INSTANCE,
        MYSQL_CLUSTER,
        PERSISTENT_VOLUME_CLAIM,
        ROLE,
        ROLE_BINDING,
        SECRET,
        SERVICE,
        SERVICE_ACCOUNT,
    )
}
_INSTALLATIONS: Final = {resource.kind: resource for resource in (CLUSTER_INSTALLATION, MATTERMOST)}


@dataclasses.dataclass(slots=True)
class Children:
    """The children of one installation, for one pass.

    Attributes:
        client: to write by; fenced by the lease.
        known: to look by.
        resource: which kind of installation.
        owner: the installation as this pass saw it.
        confirmed: the live installation was found to be the one this pass saw.
        given_up: UIDs of installations found to hold on to nothing any more.
        confirming: children are brought together, but this is asked once.
    """

    client: Client
    known: Known
    resource: Resource
    owner: JsonObject
    confirmed: bool = False
    given_up: set[str] = dataclasses.field(default_factory=set)
    confirming: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    async def bring(self, child: JsonObject) -> None:
        """Create the child, or change what differs; others' additions stay.

        Raises:
            ProblemError: somebody else controls it, or the API server refuses it.
            StaleError: the world moved; look again.
        """
        resource = _RESOURCES[child["kind"]]
        live = await self.known.find(resource, namespace_of(self.owner), name_of(child))
        try:
            await self._decide(resource, child, live)
        except StaleError:
            # What was in memory was old. Once more, on what is there now.
            live = await self.known.live(resource, namespace_of(self.owner), name_of(child))
            await self._decide(resource, child, live)

    async def remove(self, removal: Removal) -> None:
        """Delete what must not be there, if it is this installation's own (see ``Removal``)."""
        live = self.known.seen(removal.resource, namespace_of(self.owner), removal.name)
        if live is None or not self.owns(live):
            return
        await self.delete(removal.resource, live)

    async def delete(self, resource: Resource, live: JsonObject) -> None:
        """Delete exactly this object, with all it owns."""
        await self._confirm()
        try:
            await self.client.delete(
                resource,
                namespace_of(live) or None,
                name_of(live),
                uid=uid_of(live),
                propagation=Propagation.BACKGROUND,
            )
        except NotFoundError:
            return

    async def create(self, resource: Resource, child: JsonObject) -> None:
        """Create an object that is not there."""
        await self._confirm()
        placed = _placed(resource, child)
        await self.known.write(resource, placed, self.client.create(resource, placed))

    def owns(self, live: JsonObject) -> bool:
        """Whether this installation controls the object."""
        controller = controller_of(live)
        return controller is not None and controller.get("uid") == uid_of(self.owner)

    async def _decide(self, resource: Resource, child: JsonObject, live: JsonObject | None) -> None:
        what = f"{resource.kind} {name_of(child)}"
        try:
            decision = update.decide(live, _placed(resource, child))
            if live is not None and not isinstance(decision, update.Keep):
                await self._may_take(what, live)
            match decision:
                case update.Keep():
                    return
                case update.Create(obj):
                    await self.create(resource, obj)
                case update.Update(obj):
                    await self._confirm()
                    await self.known.write(resource, obj, self.client.replace(resource, obj))
                case update.Recreate(obj):
                    if live is not None:
                        await self.delete(resource, live)
                    await self.create(resource, obj)
        except AlreadyExistsError as error:
            raise StaleError(str(error)) from error
        except RefusedError as refused:
            raise ProblemError(f"{what}: {refused}") from refused
        except RejectedError as rejected:
            raise ProblemError(str(rejected)) from rejected

    async def _may_take(self, what: str, live: JsonObject) -> None:
        """Make sure that whoever controls a child gives it up: two controllers never fight.

        What has no namespace may be a namesake's elsewhere, whose freeze gives up nothing to us.

        Raises:
            ProblemError: another installation that is not frozen controls it.
        """
        theirs = controller_of(live)
        if theirs is None or self.owns(live) or theirs.get("kind") not in _INSTALLATIONS:
            return
        resource, uid = _INSTALLATIONS[str(theirs["kind"])], str(theirs.get("uid"))
        async with self.confirming:
            if uid in self.given_up:
                return
            place = self.known.place_of(resource, theirs, live)
            here = place == namespace_of(self.owner)
            holder = place and await self.known.live(resource, place, str(theirs["name"]))
            if not holder or uid_of(holder) != uid or (here and frozen(holder)):
                self.given_up.add(uid)
                return
        which = ", which is not frozen" if here else f" of namespace {place}"
        raise ProblemError(f"{what}: is controlled by {resource.kind} {name_of(holder)}{which}")

    async def _confirm(self) -> None:
        """Make sure, once a pass, that the installation still is what this pass rests on.

        Raises:
            StaleError: it was edited, deleted or replaced.
        """
        async with self.confirming:
            if self.confirmed:
                return
            name = name_of(self.owner)
            live = await self.known.live(self.resource, namespace_of(self.owner), name)
            if live is None or _identity(live) != _identity(self.owner):
                raise StaleError(f"{self.resource.kind} {name}: was edited meanwhile")
            self.confirmed = True


def _identity(obj: JsonObject) -> tuple[str, object, object]:
    metadata = obj["metadata"]
    return uid_of(obj), metadata.get("generation"), metadata.get("deletionTimestamp")


def _placed(resource: Resource, child: JsonObject) -> JsonObject:
    """The child without a namespace where its kind has none (operator facts 3.4)."""
    if resource.namespaced:
        return child
    metadata = {key: value for key, value in child["metadata"].items() if key != "namespace"}
    return {**child, "metadata": metadata}
