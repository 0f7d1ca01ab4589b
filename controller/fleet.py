"""Reconciles one FleetMigration: select once, then start members as the policies let it, and count.

The only process that starts any is the leader, and all its starts pass through here: that makes the
limits exact. Who runs and who failed is read off the members themselves, so that any other process
can go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from controller.lasting import Lasting
from controller.muster import Muster
from controller.observe import Informers
from controller.targets import Targets
from controller.verdicts import Verdicts
from controller.worker import Key, UnsuccessfulError, reason_of, unforeseen
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    LeaseLostError,
    MigrateError,
    NotFoundError,
    RejectedError,
    TransientError,
)
from mattermost_migrate.domain.fleet import (
    Enlistment,
    Member,
    Outlook,
    Skip,
    fleet_over,
    fleet_status,
    look_ahead,
    stalled_conditions,
    start,
    tally_of,
)
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    Condition,
    Reason,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, typed, uid_of
from mattermost_migrate.domain.reported import condition_status
from mattermost_migrate.domain.spans import OUTAGE
from mattermost_migrate.domain.writes import fence
from mattermost_migrate.kube import Client, EventRecorder

__all__ = ["BY_FLEET", "FleetReconciler", "fleets_of"]

#: The index of InstallationMigrations by the name of their fleet.
BY_FLEET: Final = "fleet"
#: Seconds between two reports on a fleet under way.
_INTERVAL: Final = 1.0
#: Seconds after which the spec is read live before anybody is started: a pause is to be seen within
#: two, also when a watch has died in silence.
_FRESH: Final = 1.0
#: How many are started before the spec is asked again.
_BATCH: Final = 50
#: Of these a person should know.
_WARNINGS: Final = frozenset(
    {
        Reason.FAILURE_BUDGET_SPENT,
        Reason.RUN_DEADLINE_EXCEEDED,
        Reason.INVALID_SPEC,
        Reason.MEMBERS_HELD,
        Reason.REJECTED,
        Reason.FORBIDDEN,
        Reason.UNAVAILABLE,
    }
)
_log = logging.getLogger(__name__)


def fleets_of(migration: JsonObject) -> Iterator[str]:
    """The name of the fleet that an InstallationMigration is a member of."""
    if fleet := labels_of(migration).get(FLEET_LABEL):
        yield fleet


class FleetReconciler:
    """Starts members, within every limit of their fleet.

    Args:
        client: to read and to write by; fenced by the lease.
        informers: InstallationMigrations indexed by ``BY_FLEET``, FleetMigrations and both kinds.
        events: tells users what happened to their fleet.
        verdicts: held while members start, and by whoever records that one failed.
    """

    def __init__(
        self, client: Client, informers: Informers, events: EventRecorder, verdicts: Verdicts
    ) -> None:
        self._client = client
        self._fleets = informers[FLEET_MIGRATION]
        self._migrations = informers[INSTALLATION_MIGRATION]
        self._targets = Targets(client, informers)
        self._events = events
        self._verdicts = verdicts
        self._musters: dict[str, Muster] = {}
        self._unanswered = Lasting()  # reads or writes, by anything but 5xx
        self._migrations.subscribe(self._changed)

    @property
    def musters(self) -> tuple[Muster, ...]:
        """The fleets that are not over, as this process knows them."""
        return tuple(self._musters.values())

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one FleetMigration; seconds until the next one is due, or None."""
        fleet = self._fleets.get(*key)
        if fleet is None or fleet_over(fleet):
            self._forget(name_of(fleet) if fleet else key[1])
            return None
        try:
            muster = self._musters.get(uid_of(fleet)) or await self._meet(fleet)
            skips: tuple[Skip, ...] = ()
            if condition_status(muster.fleet, Condition.TARGETS_SELECTED) is None:
                skips = await self._targets.select(muster.fleet)
                muster.meet(self._migrations.by_index(BY_FLEET, name_of(fleet)))
            muster.pass_over(skips)
            outlook = await self._start(muster, passed_over=len(skips))
            again = await self._report(muster, outlook, passed_over=len(skips))
            if outlook.starting:
                again = 0.0
        except NotFoundError:
            # The fleet, or but a member of it, and then nobody else would bring this up again.
            self._forget(name_of(fleet))
            raise
        except (RejectedError, ForbiddenError) as error:
            await self._stalled(key, reason_of(type(error)), str(error))
            raise UnsuccessfulError(str(error)) from error
        except TransientError as error:
            if self._unanswered.seconds(key) >= OUTAGE:
                await self._stalled(key, reason_of(type(error)), str(error))
            raise
        except MigrateError:
            raise
        except Exception as error:
            await self._stalled(key, reason_of(type(error)), unforeseen(error))
            raise
        self._unanswered.over(key)
        return again

    async def _stalled(self, key: Key, reason: Reason, problem: str) -> None:
        """Tell why it goes no further for now; the worker tries again, later each time."""
        fleet = self._fleets.get(*key)
        told = fleet and condition_status(fleet, Condition.SUCCEEDED)
        if fleet is None or (told or {}).get("message") == problem:
            return
        conditions = stalled_conditions(fleet, reason, problem, datetime.now(UTC))
        body = {"metadata": fence(fleet), "status": {"conditions": conditions}}
        with suppress(MigrateError):
            answer = await self._client.patch(
                FLEET_MIGRATION, None, name_of(fleet), body, subresource="status"
            )
            self._fleets.note(answer)
            self._say(fleet, reason, problem, warning=True)

    async def _meet(self, fleet: JsonObject) -> Muster:
        """A fleet on first sight in this life.

        Everything is read live once: a leader before us may have started members that our watches
        have not told of yet.
        """
        name = name_of(fleet)
        live = await self._client.get(FLEET_MIGRATION, None, name)
        self._fleets.note(live)
        selector = f"{FLEET_LABEL}={name}"
        listing = await self._client.list(INSTALLATION_MIGRATION, label_selector=selector)
        for each in listing.items:
            self._migrations.note(each)
        self._forget(name)
        muster = Muster(self._fleets.get(None, name) or live)
        muster.meet(self._migrations.by_index(BY_FLEET, name))
        self._musters[muster.uid] = muster
        return muster

    def _forget(self, name: str) -> None:
        self._unanswered.over(("", name))
        for uid in [uid for uid, each in self._musters.items() if each.name == name]:
            del self._musters[uid]

    def _changed(self, before: JsonObject | None, after: JsonObject | None) -> None:
        """Keep the rosters current, at every change of a member."""
        was, now = (Enlistment.read(each) if each else None for each in (before, after))
        left = was if was and (now is None or now.fleet != was.fleet) else None
        if before and left and (muster := self._musters.get(left.fleet)):
            muster.leave(before)
        if after and now and (muster := self._musters.get(now.fleet)):
            muster.put(after)

    async def _start(self, muster: Muster, passed_over: int) -> Outlook:
        """Start whom the policies let start; give what they said last.

        Where that takes long, as where a webhook is waited for in vain, it stops in between: what
        has come of it is to be told.
        """
        began = time.monotonic()
        while True:
            async with self._verdicts:
                await self._resolve(muster)
                outlook = self._look(muster, passed_over)
                if outlook.starting and muster.stale(_FRESH):
                    live = await self._client.get(FLEET_MIGRATION, None, muster.name)
                    self._fleets.note(live)
                    muster.read()
                    outlook = self._look(muster, passed_over)
                batch = outlook.starting[:_BATCH]
                sent = time.monotonic()
                answers = await asyncio.gather(
                    *(self._begin(muster, member) for member in batch), return_exceptions=True
                )
            failures = list(_failures(muster, batch, answers, time.monotonic() - sent))
            if failures:
                lost = (each for each in failures if isinstance(each, LeaseLostError))
                raise next(lost, failures[0])
            if not batch:
                return outlook
            if time.monotonic() - began > _INTERVAL:
                return self._look(muster, passed_over)

    def _look(self, muster: Muster, passed_over: int) -> Outlook:
        """Ask the policies, by the newest spec that is known."""
        fleet = self._fleets.get(None, muster.name)
        if fleet is None or uid_of(fleet) != muster.uid:
            raise NotFoundError(f"FleetMigration {muster.name} is gone")
        if muster.update(fleet):
            muster.meet(self._migrations.by_index(BY_FLEET, muster.name))
        tally = tally_of(fleet, muster.roster, passed_over=passed_over)
        now = datetime.now(UTC)
        return look_ahead(fleet, muster.roster, tally.selected, now, muster.refusals)

    async def _begin(self, muster: Muster, member: Member) -> None:
        known = self._migrations.get(*member.key)
        if known is None:
            return
        body = start(muster.fleet, known, again=member.again)
        try:
            answer = await self._client.patch(INSTALLATION_MIGRATION, *member.key, body)
        except TransientError:
            muster.unsure.add(member.key)  # it may have been started, and not been said to be
            raise
        self._migrations.note(answer)

    async def _resolve(self, muster: Muster) -> None:
        """Read those live of which nobody knows whether they were started, or have failed.

        Raises:
            TransientError: nobody knows it yet.
        """
        for key in tuple(muster.unsure):
            await self._read(key)
            muster.unsure.discard(key)
        unsure = self._verdicts.unsure
        for key in [each for each in unsure if muster.roster.get(each)]:
            live = await self._read(key)
            # As it was when its failure was sent: that may arrive yet, and by any other write not.
            if live and live["metadata"]["resourceVersion"] == unsure[key]:
                raise TransientError(
                    f"not known whether the failure of {'/'.join(key)} is recorded"
                )
            del unsure[key]

    async def _read(self, key: Key) -> JsonObject | None:
        live = await self._client.find(INSTALLATION_MIGRATION, *key)
        if live is not None:
            self._migrations.note(live)
        return live

    async def _report(self, muster: Muster, outlook: Outlook, passed_over: int) -> float | None:
        now = datetime.now(UTC)
        fleet, roster, departed = muster.fleet, muster.roster, muster.departed
        tally = tally_of(fleet, roster, passed_over=passed_over)
        status = fleet_status(fleet, roster, outlook, tally, now, skips=departed)
        again = (outlook.again - now).total_seconds() if outlook.again else None
        before = fleet.get("status") or {}
        if status == before:
            return again
        over = "completionTime" in status
        due = muster.reported + _INTERVAL - time.monotonic()
        first = condition_status(fleet, Condition.TARGETS_SELECTED) is None
        if not (over or first) and due > 0:
            return min(due, again) if again is not None else due
        removed = dict.fromkeys(before.keys() - status.keys())
        body = {"metadata": fence(fleet), "status": {**removed, **status}}
        answer = await self._client.patch(
            FLEET_MIGRATION, None, muster.name, body, subresource="status"
        )
        muster.told(departed)
        self._fleets.note(answer)
        self._tell(fleet, status, outlook)
        if over:
            self._forget(muster.name)
        return again

    def _tell(self, fleet: JsonObject, status: dict[str, Any], outlook: Outlook) -> None:
        """What users hear of: the selection, each wave, whatever holds the fleet, and its end."""
        before = fleet.get("status") or {}
        summary = next(c for c in status["conditions"] if c["type"] == Condition.SUCCEEDED)
        known = condition_status(fleet, Condition.SUCCEEDED) or {}
        counts = status["counts"]
        if condition_status(fleet, Condition.TARGETS_SELECTED) is None:
            self._say(fleet, "Selected", f"{counts['selected']} installations")
        waves = len(outlook.waves)
        if status["currentWave"] != before.get("currentWave") and waves > 1:
            self._say(fleet, "WaveBegan", f"{outlook.wave} of {waves}")
        if "completionTime" in status:
            warning = summary["status"] != "True"
            self._say(fleet, summary["reason"], summary["message"] or "finished", warning=warning)
            _log.info("Finished fleet", extra={"fleet": name_of(fleet), "counts": counts})
        elif outlook.hold and known.get("reason") != outlook.hold.reason:
            warning = outlook.hold.reason in _WARNINGS
            self._say(fleet, outlook.hold.reason, outlook.hold.message, warning=warning)

    def _say(self, fleet: JsonObject, reason: str, note: str, *, warning: bool = False) -> None:
        fleet = typed(FLEET_MIGRATION, fleet)
        self._events.record(fleet, str(reason), note, action="MigrateFleet", warning=warning)


def _failures(
    muster: Muster,
    batch: Sequence[Member],
    answers: Sequence[BaseException | None],
    took: float,
) -> Iterator[BaseException]:
    """What went wrong with these starts; whom the API server will not have is kept in mind."""
    for member, answer in zip(batch, answers, strict=True):
        match answer:
            case RejectedError() | ForbiddenError() | TransientError(answered=True):
                muster.refuse(member, reason_of(type(answer)), str(answer), took / len(batch))
            case BaseException():
                yield answer
