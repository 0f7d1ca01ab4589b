"""Reconciles one InstallationMigration: observe, decide, act, look again, report.

Waiting is no work: a pass ends where the cluster has to move, and an informer's event, or a
deadline, begins the next one.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

from controller.deadline import Reign, patience, seconds_left
from controller.departed import Departed
from controller.execute import execute
from controller.lasting import Lasting
from controller.observe import Informers, Observer, direction
from controller.report import Reporter
from controller.verdicts import Verdicts
from controller.worker import Key, reason_of, unforeseen
from mattermost_migrate.domain.aftercare import care, care_unseen, neglected
from mattermost_migrate.domain.conditions import edit_command
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    InvariantError,
    MigrateError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
)
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.late import remove_late, thaw_late
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    OPERATOR_LEASE,
    SECRET,
    Condition,
    Reason,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
    labels_of,
    leaving,
    typed,
    uid_of,
)
from mattermost_migrate.domain.recreation import ladder_of
from mattermost_migrate.domain.reported import (
    condition_status,
    failure_of,
    finished,
    lock_of,
    parse_time,
)
from mattermost_migrate.domain.sides import other
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.spans import OUTAGE
from mattermost_migrate.domain.steps import Act, Decision, Done, Look, Refuse, Wait, decide
from mattermost_migrate.domain.writes import Verb
from mattermost_migrate.kube import Client, EventRecorder
from mattermost_migrate.logs import bound

__all__ = ["MigrationReconciler", "second_look"]

#: Actions in one pass. A whole migration needs fewer, so more of them is a circle.
_MOST_ACTIONS: Final = 40
#: Seconds after which a refused migration is looked at again, the least and the most: Secrets are
#: not watched, and a right that was granted a moment ago is not known to every API server.
_SOONEST: Final = 2.0
_LATEST: Final = 60.0
#: Seconds for which a right that we lack may be one that the API server has yet to read: it answers
#: before it knows who may do what, when it has just started.
_READING_RIGHTS: Final = 20.0
_log = logging.getLogger(__name__)


class MigrationReconciler:
    """One engine for every installation.

    Args:
        client: to read and to write by; fenced by the lease.
        informers: what is known of the cluster.
        observer: takes the snapshots.
        events: tells users what happened to their object.
        verdicts: held while a failure is recorded; fleets start nobody meanwhile.
        reign: since when it leads; deadlines are counted by it.
        progressed: told of each key whose writes went well, however its pass ends: a migration
            that moves is not to wait for the failures before.
    """

    def __init__(
        self,
        client: Client,
        informers: Informers,
        observer: Observer,
        events: EventRecorder,
        verdicts: Verdicts,
        *,
        reign: Reign,
        progressed: Callable[[Key], None],
    ) -> None:
        self._client = client
        self._reign = reign
        self._progressed = progressed
        self._migrations = informers[INSTALLATION_MIGRATION]
        self._owners = {each: informers[each] for each in (CLUSTER_INSTALLATION, MATTERMOST)}
        self._departed = Departed(client)
        self._migrations.subscribe(self._departed.note)
        self._migrations.subscribe(self._gone)
        self._observer = observer
        self._reporter = Reporter(client, self._migrations.note, verdicts)
        self._events = events
        self._lacking = Lasting()  # a right
        self._unanswered = Lasting()  # reads or writes, by anything but 5xx

    async def reconcile(self, key: Key) -> float | None:
        """One pass over one InstallationMigration.

        Returns:
            Seconds after which to look again even if nothing happens, or None.
        """
        migration = self._migrations.get(*key)
        if migration is None:
            self._lacking.over(key)
            self._unanswered.over(key)
            await self._departed.clear(key)
            return None
        if _over(migration):
            owners = [found for each in self._owners.values() if (found := each.get(*key))]
            await self._undo_late(migration, owners)
            if len(owners) != 1 or not neglected(migration, owners[0]):
                self._forget(migration)
                return None
        elif leaving(migration) and lock_of(migration) is None:
            return None  # begun now, it would be gone in the middle
        with bound(uid=uid_of(migration), fleet=labels_of(migration).get(FLEET_LABEL)):
            return await self._pass(migration)

    def _gone(self, before: JsonObject | None, after: JsonObject | None) -> None:
        """Keep nothing of an InstallationMigration that was deleted."""
        if after is None and before is not None:
            self._observer.gone(before)
            self._reporter.forget(before)

    async def _undo_late(self, migration: JsonObject, owners: Sequence[JsonObject]) -> None:
        """What arrives when all is over goes without a word in the status: that is as it was."""
        if not any(is_held(each) or frozen(each) for each in owners):
            return
        seen = await self._observer.look(migration)
        if isinstance(late := remove_late(seen) or thaw_late(seen), Act):
            await execute(
                self._client, seen.namespace, late, partial(self._observer.note, migration)
            )
            _log.warning(late.summary)

    async def _pass(self, migration: JsonObject) -> float | None:
        try:
            seen, decision = await self._climb(migration)
        except (StaleError, NotFoundError):
            self._observer.forget(migration)
            raise
        except (RejectedError, ForbiddenError, InvariantError) as error:
            if self._passes(migration, error):
                raise TransientError(str(error)) from error
            seen, decision = await self._failed(migration, str(error), type(error))
        except TransientError as error:
            if (overdue := await self._held_up(migration, str(error))) is None:
                raise
            seen, decision = overdue
        except MigrateError:
            raise
        except Exception as error:
            await self._puzzled(migration, error)
            raise
        if isinstance(decision.verdict, Refuse) and _rolls_back(seen):
            self._say(seen, Reason.ROLLING_BACK, decision.verdict.message, warning=True)
            await self._reporter.give_up(seen, decision.verdict)
            return 0.0
        return await self._conclude(seen, decision)

    async def _climb(self, migration: JsonObject) -> tuple[Snapshot, Decision]:
        """Act until there is nothing to do but wait.

        What hinders the aftercare is no error of a migration that has succeeded.
        """
        seen = await self._observer.look(migration)
        hindered: dict[Condition, Refuse] = {}
        for _ in range(_MOST_ACTIONS):
            decision = care(seen, self._in_time(seen, decide(seen, ladder_of(seen))), hindered)
            step = decision.current
            if seen.lock and step is not None and not isinstance(decision.verdict, Look):
                self._reporter.journal(migration).enter(step)
            try:
                match decision.verdict:
                    case Look(part):  # whether its step holds is yet to be seen
                        seen = await self._observer.closer(seen, part)
                    case Act() as act:
                        seen = await self._act(seen, act, step)
                    case _:
                        if not hindered:
                            self._lacking.over(key_of(migration))
                            self._unanswered.over(key_of(migration))
                        return seen, decision
            except (RejectedError, ForbiddenError, InvariantError, TransientError) as error:
                if not seen.arrived or step is None or self._passes(migration, error):
                    raise
                _log.warning("Hindered", extra={"step": step, "error": str(error)})
                hindered[step] = Refuse(reason_of(type(error)), str(error))
        raise InvariantError(f"{seen.namespace}/{seen.name}: acted {_MOST_ACTIONS} times in a row")

    def _passes(self, migration: JsonObject, error: MigrateError) -> bool:
        """Whether an error may yet pass by itself."""
        match error:
            case ForbiddenError():
                return self._lacking.seconds(key_of(migration)) < _READING_RIGHTS
            case TransientError():
                return self._unanswered.seconds(key_of(migration)) < OUTAGE
        return False

    async def _act(self, seen: Snapshot, act: Act, step: Condition | None) -> Snapshot:
        journal = self._reporter.journal(seen.migration)
        first = not seen.lock and not seen.arrived and bool(act.rehearse)  # of all writes
        if first:
            journal.begin(act.warnings)
            journal.enter(Condition.VALIDATED)
        else:
            journal.warn(act.warnings)
        note = partial(self._observer.note, seen.migration)
        try:
            journal.writes += await execute(self._client, seen.namespace, act, note)
        except BaseException as error:
            if first and isinstance(error, RejectedError | ForbiddenError):
                self._reporter.forget(seen.migration)  # nothing was written: it has not begun
            self._observer.doubt(seen.migration, act.writes)
            if any(write.resource is SECRET for write in act.writes):
                self._observer.forget(seen.migration)  # the backup may be another one by now
            raise
        if any(write.verb is Verb.DELETE and write.resource is SECRET for write in act.writes):
            self._observer.forget(seen.migration)
        self._unanswered.over((seen.namespace, seen.name))
        self._progressed((seen.namespace, seen.name))
        if seen.arrived:
            self._say(seen, str(step), act.summary)
        elif first:
            self._say(seen, Reason.PROGRESSING, f"Migration to {seen.taking.kind} started")
        _log.info(act.summary, extra={"step": step, "step_writes": len(act.writes)})
        fresh = self._migrations.get(seen.namespace, seen.name)
        if fresh is None:
            raise StaleError(f"InstallationMigration {seen.namespace}/{seen.name} is gone")
        journal.ended |= bool(seen.lock) and LOCK_LABEL not in labels_of(fresh)
        # What a plan reads was read a moment ago in this very pass.
        look = await self._observer.look(fresh)
        return dataclasses.replace(look, existing=seen.existing, owners=seen.owners)

    async def _puzzled(self, migration: JsonObject, error: Exception) -> None:
        """Tell of an error that nobody foresaw, which goes on to the worker's log and back-off.

        Nothing is turned round for it: the next look may well go on.
        """
        with suppress(MigrateError):
            await self._conclude(*await self._failed(migration, unforeseen(error), type(error)))

    async def _failed(
        self, migration: JsonObject, problem: str, kind: type[Exception]
    ) -> tuple[Snapshot, Decision]:
        """What the API server will not have, or what we promised and broke: a person must look.

        Raises:
            StaleError: the wish has become another meanwhile, and this is no answer to it.
        """
        # As it is now: the lock may have been put on, or taken off, before it failed.
        fresh = self._migrations.get(*key_of(migration)) or migration
        if fresh["metadata"].get("generation") != migration["metadata"].get("generation"):
            raise StaleError(f"no answer to the spec as it is now: {problem}")
        if arrived := self._unseen(fresh, Refuse(reason_of(kind), problem)):
            return arrived
        step = (migration.get("status") or {}).get("currentStep") or Condition.VALIDATED
        _log.error("Stalled migration", extra={"step": step, "error": problem})
        seen = Snapshot(migration=fresh, target_kind=direction(fresh).kind)
        return seen, Decision(Refuse(reason_of(kind), problem, _next(seen)), (), Condition(step))

    async def _held_up(
        self, migration: JsonObject, problem: str
    ) -> tuple[Snapshot, Decision] | None:
        """Tell of a write that has had no good answer for long; what to do once that is too long.

        A wait as any other, until its deadline. Before the first write there is nothing to go back
        to: refused then, it is tried again.
        """
        if (lasted := self._unanswered.seconds(key_of(migration))) < OUTAGE:
            return None
        fresh = self._migrations.get(*key_of(migration)) or migration
        if arrived := self._unseen(fresh, Refuse(Reason.UNAVAILABLE, problem)):
            return arrived
        seen = Snapshot(migration=fresh, target_kind=direction(fresh).kind)
        entered = [step for step, _ in self._reporter.journal(fresh).steps]
        told = (fresh.get("status") or {}).get("currentStep")
        step = Condition(entered[-1] if entered else told or Condition.VALIDATED)
        _log.warning("Held up", extra={"step": step, "error": problem})
        waiting = Decision(Wait(problem, Reason.UNAVAILABLE), _told_to_hold(fresh), step)
        decision = self._in_time(seen, waiting)
        if not seen.lock and lasted >= fresh["spec"].get("progressDeadlineSeconds", math.inf):
            verdict = Refuse(Reason.UNAVAILABLE, problem, _next(seen))
            decision = dataclasses.replace(waiting, verdict=verdict)
        if isinstance(decision.verdict, Refuse):
            return seen, decision
        with suppress(MigrateError):
            await self._conclude(seen, decision)
        return None

    def _unseen(self, migration: JsonObject, problem: Refuse) -> tuple[Snapshot, Decision] | None:
        """What there is to tell of one that has arrived and cannot be looked at: it succeeded."""
        taking = direction(migration)
        key = key_of(migration)
        seen = Snapshot(
            migration=migration,
            source=self._owners[other(taking).resource].get(*key),
            target=self._owners[taking.resource].get(*key),
            target_kind=taking.kind,
        )
        if not seen.arrived:
            return None
        _log.warning("Hindered", extra={"error": problem.message})
        return seen, care_unseen(seen, decide(seen, ladder_of(seen)), problem)

    async def _conclude(self, seen: Snapshot, decision: Decision) -> float | None:
        if isinstance(decision.verdict, Wait) and decision.verdict.reason == Reason.PAUSED:
            self._reporter.forget(seen.migration)  # it has not begun, whatever was tried
            return None
        before = condition_status(seen.migration, Condition.SUCCEEDED)
        held_back = await self._reporter.report(seen, decision)
        match decision.verdict:
            case Done():
                news = before is None or before["status"] != "True"
                if news or self._reporter.journal(seen.migration).ended:
                    self._say_end(seen)
                self._forget(seen.migration)
                return self._hindered(seen, decision)
            case Refuse(reason, message, _):
                # On a way back the reason of that is told behind it.
                if before is None or not str(before.get("message")).startswith(message):
                    self._say(seen, reason, message, warning=True)
                return second_look(before, datetime.now(UTC))
        soon = decision.verdict.seconds if isinstance(decision.verdict, Wait) else None
        times = (held_back, soon, seconds_left(seen.migration, decision, self._reign))
        return min((each for each in times if each is not None), default=None)

    def _hindered(self, seen: Snapshot, decision: Decision) -> float | None:
        """Tell of what came in the way of the aftercare; seconds after which to look again."""
        again = []
        for step, refusal in decision.after:
            if refusal is None:
                continue
            before = condition_status(seen.migration, step)
            if before is None or before.get("message") != refusal.message:
                self._say(seen, refusal.reason, refusal.message, warning=True)
            if refusal.reason != Reason.NOT_UNPINNABLE:  # an edit mends that, which is watched
                again.append(second_look(before, datetime.now(UTC)))
        return min(again, default=None)

    def _in_time(self, seen: Snapshot, decision: Decision) -> Decision:
        """The decision, or the end of patience when a wait has lasted beyond the deadline."""
        left = seconds_left(seen.migration, decision, self._reign)
        if not isinstance(decision.verdict, Wait) or left is None or left > 0:
            return decision
        return dataclasses.replace(decision, verdict=_too_long(seen, decision.verdict))

    def _say_end(self, seen: Snapshot) -> None:
        owner = f"{seen.taking.kind} owns the installation"
        if failure_of(seen.migration):
            self._say(seen, Reason.ROLLED_BACK, owner, warning=True)
            _log.warning("Rolled back")
        else:
            self._say(seen, Reason.SUCCEEDED, owner)
            _log.info("Succeeded")

    def _say(self, seen: Snapshot, reason: str, note: str, *, warning: bool = False) -> None:
        migration = typed(INSTALLATION_MIGRATION, seen.migration)
        self._events.record(migration, reason, note, action="Migrate", warning=warning)

    def _forget(self, migration: JsonObject) -> None:
        self._observer.forget(migration)
        self._reporter.forget(migration)


def _told_to_hold(migration: JsonObject) -> tuple[Condition, ...]:
    """The steps that its status says hold: where nobody can look, they are all that is known."""
    conditions = (migration.get("status") or {}).get("conditions") or ()
    told = {each["type"] for each in conditions if each["status"] == "True"}
    return tuple(step for step in Condition if step in told)


def second_look(told: JsonObject | None, now: datetime) -> float:
    """Seconds after which to look at what was refused again: as long as it has been refused.

    Args:
        told: the condition that tells of it, as it was before this refusal, if there was one.
        now: the time.
    """
    if told is None or told["status"] != "False":
        return _SOONEST
    refused = (now - parse_time(told["lastTransitionTime"])).total_seconds()
    return min(_LATEST, max(_SOONEST, refused))


def _rolls_back(seen: Snapshot) -> bool:
    """A migration under way that cannot go on goes back, once, unless it is asked to hold.

    Nor where the old custom resource is being deleted: that cannot be taken back, all but its end
    is done, and the way back would have to wait for the same end.
    """
    holds = seen.migration["spec"].get("onFailure") == "Hold"
    holds |= seen.source is not None and leaving(seen.source)
    return seen.lock is not None and not holds and failure_of(seen.migration) is None


def _over(migration: JsonObject) -> bool:
    """Nothing to do for the spec as it is.

    A refused member of a fleet stays refused, or it would start without its fleet knowing; a
    refused migration on its own is looked at again (``second_look``). One that was rolled back is
    not tried again before its spec changes, or it would go to and fro.
    """
    if labels_of(migration).get(LOCK_LABEL) or not finished(migration):
        return False
    summary = condition_status(migration, Condition.SUCCEEDED)
    succeeded = summary is not None and summary["status"] == "True"
    tried = FLEET_LABEL in labels_of(migration) or failure_of(migration) is not None
    return succeeded or tried


def _too_long(seen: Snapshot, waited: Wait) -> Refuse:
    step = (seen.migration.get("status") or {}).get("currentStep")
    message = f"no progress for {patience(seen.migration, step):.0f} s: {waited.message}"
    if step != Condition.SOURCE_FROZEN:
        return Refuse(Reason.DEADLINE_EXCEEDED, message, _next(seen))
    return Refuse(
        Reason.OPERATOR_SILENT,
        f"{message}; it is not running, or has more to do than it can",
        "kubectl get leases.coordination.k8s.io -A "
        f"--field-selector metadata.name={OPERATOR_LEASE} -o wide",
    )


def _next(seen: Snapshot) -> str:
    """What to run next: to see more, or, on a way back that failed, to go on with it.

    Where the wish is the kind that it goes back to, there is nothing left to give up: whenever what
    was in the way is gone, it comes to its end.
    """
    if failure_of(seen.migration):
        return edit_command(seen.migration, desiredKind=seen.taking.kind)
    return f"helm mattermost-migrate status {seen.name} -n {seen.namespace} -o yaml"
