"""Reconciles one FleetMigration: select once, then start members as there is room, and count."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from controller.observe import Informers
from controller.worker import Key
from mattermost_migrate.domain.conditions import condition_status
from mattermost_migrate.domain.errors import AlreadyExistsError
from mattermost_migrate.domain.fleet import (
    Member,
    Skip,
    fleet_over,
    fleet_status,
    member_of,
    new_member,
    selects,
    startable,
)
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    Condition,
    Reason,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from mattermost_migrate.domain.sides import other, side
from mattermost_migrate.kube import Client, EventRecorder

__all__ = ["BY_FLEET", "FleetReconciler", "fleets_of"]

#: The index of InstallationMigrations by their fleet.
BY_FLEET: Final = "fleet"
#: Seconds between two reports on a fleet under way.
_INTERVAL: Final = 1.0
_log = logging.getLogger(__name__)


def fleets_of(migration: JsonObject) -> Iterator[str]:
    """The fleet that an InstallationMigration is a member of."""
    if fleet := labels_of(migration).get(FLEET_LABEL):
        yield fleet


class FleetReconciler:
    """Starts members, never more at once than ``maxConcurrent``.

    The only process that starts any is the leader, and each start is noted before the next look:
    the limit is exact, over restarts too, because who runs is read off the members themselves.
    """

    def __init__(self, client: Client, informers: Informers, events: EventRecorder) -> None:
        self._client = client
        self._informers = informers
        self._fleets = informers[FLEET_MIGRATION]
        self._migrations = informers[INSTALLATION_MIGRATION]
        self._events = events
        self._reported: dict[str, float] = {}

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one FleetMigration; seconds until the next report is due, or None."""
        fleet = self._fleets.get(*key)
        if fleet is None or fleet_over(fleet):
            return None
        skips: tuple[Skip, ...] = ()
        if condition_status(fleet, Condition.TARGETS_SELECTED) is None:
            skips = await self._select(fleet)
        members = self._members(fleet)
        selected = len(members) + int((fleet.get("status") or {}).get("passedOver", 0))
        starting = startable(fleet, members, selected + len(skips))
        await asyncio.gather(*(self._start(fleet, member) for member in starting))
        return await self._report(fleet, skips)

    def _members(self, fleet: JsonObject) -> tuple[Member, ...]:
        return tuple(map(member_of, self._migrations.by_index(BY_FLEET, name_of(fleet))))

    async def _select(self, fleet: JsonObject) -> tuple[Skip, ...]:
        """Freeze the targets: an InstallationMigration for each that is selected now."""
        giving = other(side(fleet["spec"]["desiredKind"]))
        selector = fleet["spec"]["selector"]
        chosen = [
            each for each in self._informers[giving.resource].items() if selects(selector, each)
        ]
        # The client bounds how many of these are under way.
        answers = await asyncio.gather(*(self._enlist(fleet, each) for each in chosen))
        _log.info("Selected targets", extra={"fleet": name_of(fleet), "selected": len(chosen)})
        return tuple(skip for skip in answers if skip is not None)

    async def _enlist(self, fleet: JsonObject, installation: JsonObject) -> Skip | None:
        wanted = new_member(fleet, installation)
        namespace, name = namespace_of(installation), name_of(installation)
        try:
            self._migrations.note(await self._client.create(INSTALLATION_MIGRATION, wanted))
        except AlreadyExistsError:
            known = await self._client.get(INSTALLATION_MIGRATION, namespace, name)
            if labels_of(known).get(FLEET_LABEL) == name_of(fleet):
                self._migrations.note(known)
                return None
            if taken := self._taken(known):
                return taken
            # An earlier migration of this name is over, or was refused: this fleet has it now.
            metadata = {
                "uid": uid_of(known),
                "resourceVersion": known["metadata"]["resourceVersion"],
                "labels": wanted["metadata"]["labels"],
            }
            self._migrations.note(
                await self._client.patch(
                    INSTALLATION_MIGRATION,
                    namespace,
                    name,
                    {"metadata": metadata, "spec": wanted["spec"]},
                )
            )
        return None

    def _taken(self, migration: JsonObject) -> Skip | None:
        """Why this InstallationMigration cannot join, if it cannot."""
        namespace, name = namespace_of(migration), name_of(migration)
        fleet = labels_of(migration).get(FLEET_LABEL)
        holder = self._fleets.get(None, fleet) if fleet else None
        if holder is not None and not fleet_over(holder):
            message = f"it is a member of FleetMigration {fleet}, which is not over"
            return Skip(namespace, name, Reason.IN_ANOTHER_FLEET, message)
        if labels_of(migration).get(LOCK_LABEL):
            message = "a migration of it is under way"
            return Skip(namespace, name, Reason.ALREADY_RUNNING, message)
        return None

    async def _start(self, fleet: JsonObject, member: Member) -> None:
        known = self._migrations.get(member.namespace, member.name)
        if known is None or labels_of(known).get(FLEET_LABEL) != name_of(fleet):
            return
        body = {"metadata": {"uid": uid_of(known)}, "spec": {"paused": False}}
        self._migrations.note(
            await self._client.patch(INSTALLATION_MIGRATION, member.namespace, member.name, body)
        )

    async def _report(self, fleet: JsonObject, skips: tuple[Skip, ...]) -> float | None:
        status = fleet_status(fleet, self._members(fleet), skips, datetime.now(UTC))
        if status == fleet.get("status"):
            return None
        name = name_of(fleet)
        over = "completionTime" in status
        due = self._reported.get(name, 0.0) + _INTERVAL - time.monotonic()
        first = condition_status(fleet, Condition.TARGETS_SELECTED) is None
        if not (over or first) and due > 0:
            return due
        body = {"metadata": {"uid": uid_of(fleet)}, "status": status}
        answer = await self._client.patch(FLEET_MIGRATION, None, name, body, subresource="status")
        self._reported[name] = time.monotonic()
        self._fleets.note(answer)
        if over:
            self._reported.pop(name, None)
            self._tell_end(fleet, status)
        return None

    def _tell_end(self, fleet: JsonObject, status: dict[str, Any]) -> None:
        summary = next(c for c in status["conditions"] if c["type"] == Condition.SUCCEEDED)
        kind = {"apiVersion": FLEET_MIGRATION.api_version, "kind": FLEET_MIGRATION.kind}
        self._events.record(
            {**kind, **fleet},
            summary["reason"],
            summary["message"] or "finished",
            action="MigrateFleet",
            warning=summary["status"] != "True",
        )
        _log.info("Finished fleet", extra={"fleet": name_of(fleet), "counts": status["counts"]})
