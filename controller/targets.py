"""Freezing the targets of a fleet: an InstallationMigration for each that is selected now."""

from __future__ import annotations

import asyncio
import logging

from controller.observe import Informers
from mattermost_migrate.domain.errors import AlreadyExistsError, RejectedError
from mattermost_migrate.domain.fleet import (
    Enlistment,
    Skip,
    fleet_over,
    in_order,
    new_member,
    places,
    selects,
)
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    Reason,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
    labels_of,
    name_of,
    uid_of,
)
from mattermost_migrate.domain.sides import other, side
from mattermost_migrate.kube import Client

__all__ = ["Targets"]

_log = logging.getLogger(__name__)


class Targets:
    """Selects installations and makes them members; who is in another fleet is passed over.

    Args:
        client: to read and to write by; fenced by the lease.
        informers: InstallationMigrations, FleetMigrations and both kinds.
    """

    def __init__(self, client: Client, informers: Informers) -> None:
        self._client = client
        self._informers = informers
        self._fleets = informers[FLEET_MIGRATION]
        self._migrations = informers[INSTALLATION_MIGRATION]

    async def select(self, fleet: JsonObject) -> tuple[Skip, ...]:
        """Make members of all that the selector takes now; may be repeated after a cut.

        Returns:
            Who was selected and passed over.
        """
        spec = fleet["spec"]
        installations = self._informers[other(side(spec["desiredKind"])).resource].items()
        selected = [each for each in installations if selects(spec["selector"], each)]
        joining, skips, known = [], [], {}
        for each in in_order(selected, spec.get("order")):
            migration = self._migrations.get(*key_of(each))
            if migration is not None and (taken := self._taken(fleet, migration)):
                skips.append(taken)
                continue
            joining.append(each)
            if (enlistment := _enlistment(fleet, migration)) is not None:
                known[key_of(each)] = enlistment.place
        place = places(map(key_of, joining), known)
        new = [each for each in joining if key_of(each) not in known]
        # The client bounds how many of these are under way.
        answers = await asyncio.gather(
            *(self._enlist(fleet, each, place[key_of(each)]) for each in new),
            return_exceptions=True,
        )
        # Only when none is under way any more may the key be looked at again, or given up.
        skipped = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                skipped.append(answer)
        _log.info("Selected targets", extra={"fleet": name_of(fleet), "selected": len(selected)})
        return (*skips, *skipped)

    async def _enlist(self, fleet: JsonObject, installation: JsonObject, place: int) -> Skip | None:
        """Make it a member, unless another has it or the API server will not have that."""
        try:
            return await self._join(fleet, installation, place)
        except RejectedError as error:  # a quota, a policy, a namespace that goes: the others join
            return Skip(*key_of(installation), Reason.REJECTED, str(error))

    async def _join(self, fleet: JsonObject, installation: JsonObject, place: int) -> Skip | None:
        wanted = new_member(fleet, installation, place)
        known = self._migrations.get(*key_of(installation))
        if known is None:
            try:
                self._migrations.note(await self._client.create(INSTALLATION_MIGRATION, wanted))
            except AlreadyExistsError:
                known = await self._client.get(INSTALLATION_MIGRATION, *key_of(installation))
            else:
                return None
        if _enlistment(fleet, known) is not None:
            self._migrations.note(known)
            return None
        if taken := self._taken(fleet, known):
            return taken
        # An earlier migration of this name is over, or was refused: this fleet has it now.
        metadata = {
            "uid": uid_of(known),
            "resourceVersion": known["metadata"]["resourceVersion"],
            "labels": wanted["metadata"]["labels"],
            "annotations": wanted["metadata"]["annotations"],
        }
        body = {"metadata": metadata, "spec": wanted["spec"]}
        answer = await self._client.patch(INSTALLATION_MIGRATION, *key_of(installation), body)
        self._migrations.note(answer)
        return None

    def _taken(self, fleet: JsonObject, migration: JsonObject) -> Skip | None:
        """Why this InstallationMigration cannot join, if it cannot."""
        if _enlistment(fleet, migration) is not None:
            return None
        namespace, name = key_of(migration)
        holder = self._holder(migration)
        if holder is not None:
            message = f"it is a member of FleetMigration {name_of(holder)}, which is not over"
            return Skip(namespace, name, Reason.IN_ANOTHER_FLEET, message)
        if labels_of(migration).get(LOCK_LABEL):
            message = "a migration of it is under way"
            return Skip(namespace, name, Reason.ALREADY_RUNNING, message)
        return None

    def _holder(self, migration: JsonObject) -> JsonObject | None:
        """The fleet, not over yet, that has it."""
        label, known = labels_of(migration).get(FLEET_LABEL), Enlistment.read(migration)
        holder = self._fleets.get(None, label) if label else None
        if holder is None or known is None or known.fleet != uid_of(holder):
            return None
        return None if fleet_over(holder) else holder


def _enlistment(fleet: JsonObject, migration: JsonObject | None) -> Enlistment | None:
    """What a member of this very fleet knows of it."""
    known = Enlistment.read(migration) if migration is not None else None
    return known if known is not None and known.fleet == uid_of(fleet) else None
