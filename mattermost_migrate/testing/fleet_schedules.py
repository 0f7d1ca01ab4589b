"""A fleet on a simulated clock: ends, refusals, edits, deletions and fail-overs in any order.

Members are turned round by another hand, too, and stop half-way, to go on later or to be helped.

The members are InstallationMigrations as a cluster would show them. The judge keeps books of its
own: it knows the rules of the documentation, and shares no code with the policies it judges.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from mattermost_migrate.domain.fleet import (
    Refusal,
    Roster,
    Standing,
    fleet_over,
    fleet_status,
    look_ahead,
    member_of,
    tally_of,
)
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.testing.fleets import NOW, begun, ended, enlist, fleet, held, turned

__all__ = ["BrokenRuleError", "Schedule", "run"]

_MOST_PASSES: Final = 2000
_DAY: Final = 86_400
#: One of these becomes of a member, from the most to the least frequent.
_OUTCOMES: Final = (Standing.SUCCEEDED, Standing.FAILED, Standing.SKIPPED)


class BrokenRuleError(AssertionError):
    """A rule of the documentation was broken; the message says which, and by which schedule."""


@dataclass(slots=True)
class _Record:
    """What the judge knows of one member: how and when it last ended, and what for it was started.

    ``how`` is WAITING before its first start; ``due`` is the number of the end that it runs to.
    """

    namespace: str
    kind: str
    how: Standing = Standing.WAITING
    ended: datetime = NOW - timedelta(days=1)
    retry: int = 0
    attempt: int = 0
    due: int = 0
    locked: bool = False
    turned: bool = False


@dataclass(slots=True)
class Schedule:
    """One fleet and what befalls it, all of it from one seed.

    Attributes:
        chance: the source of everything.
        subject: the FleetMigration.
        migrations: its members' InstallationMigrations, by name.
        records: the same, as the judge saw them.
        running: the names of those that run.
        ends: when which one ends, in a number's order, and how, or whether it stops half-way.
        now: the simulated time.
        starts: how many starts there were.
        dues: how many ends were to come.
        refusing: how probable it is that the API server will not have one.
        refusals: of whom it would not, as the leader has them in mind.
    """

    chance: random.Random
    subject: dict[str, Any]
    migrations: dict[str, dict[str, Any]]
    records: dict[str, _Record]
    now: datetime = NOW
    running: set[str] = field(default_factory=set)
    ends: list[tuple[datetime, int, str, Standing, bool]] = field(default_factory=list)
    starts: int = 0
    dues: int = 0
    refusing: float = 0.0
    refusals: dict[tuple[str, str], Refusal] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    selected: int = 0

    @property
    def spec(self) -> dict[str, Any]:
        """The fleet's spec."""
        spec: dict[str, Any] = self.subject["spec"]
        return spec

    @property
    def under_way(self) -> set[str]:
        """The names of those between their start and their end."""
        return self.running | {name for name, each in self.records.items() if each.locked}


def run(seed: int) -> Schedule:
    """Play one schedule to its end.

    Raises:
        BrokenRuleError: a limit was not kept, a wave began too early, or it never ends.
    """
    schedule = _made(random.Random(seed))  # noqa: S311 - a schedule, not a secret
    try:
        _play(schedule)
    except BrokenRuleError as problem:
        raise BrokenRuleError(f"seed {seed}: {problem}") from None
    return schedule


def _made(chance: random.Random) -> Schedule:
    count = chance.choice((0, 1, 2, 3, 5, 8, 13))
    spec: dict[str, Any] = {
        "maxConcurrent": chance.choice((1, 2, 3, "50%", "10%")),
        "failureBudget": chance.choice((0, 1, 2, "20%", "100%")),
        "waves": [
            {
                "size": chance.choice((1, 2, "20%", "50%")),
                "soakSeconds": chance.choice((0, 0, 30)),
                "requiresApproval": chance.random() < 0.2,  # noqa: PLR2004 - a chance
            }
            for _ in range(chance.randrange(4))
        ],
        "retryLimit": chance.choice((0, 0, 1)),
    }
    if chance.random() < 0.3:  # noqa: PLR2004 - a chance
        spec["maxPerNamespace"] = chance.choice((1, 2))
    subject = fleet(**spec)
    migrations = {
        f"m{place:02d}": enlist(subject, f"m{place:02d}", place, namespace=chance.choice("ab"))
        for place in range(count)
    }
    kind = str(subject["spec"]["desiredKind"])
    records = {
        name: _Record(each["metadata"]["namespace"], kind) for name, each in migrations.items()
    }
    refusing = chance.choice((0.0, 0.0, 0.0, 0.3, 0.7))
    made = Schedule(chance, subject, migrations, records, selected=count, refusing=refusing)
    _meet(made)
    return made


def _meet(schedule: Schedule) -> None:
    """As a new leader does: everything it knows it reads off the objects."""
    found = (member_of(each, schedule.subject) for each in schedule.migrations.values())
    schedule.roster = Roster(each for each in found if each is not None)
    schedule.refusals.clear()


def _play(schedule: Schedule) -> None:
    for _ in range(_MOST_PASSES):
        outlook = _pass(schedule)
        if fleet_over(schedule.subject):
            _judge_end(schedule)
            return
        if schedule.chance.random() < 0.25:  # noqa: PLR2004 - a chance
            _befall(schedule)
            continue
        moments = [schedule.ends[0][0]] if schedule.ends else []
        if outlook is not None:
            moments.append(outlook)
        if moments:
            schedule.now = max(schedule.now, min(moments))
            _end(schedule)
        else:
            _help(schedule)
    raise BrokenRuleError("it never comes to an end")


def _pass(schedule: Schedule) -> datetime | None:
    """One pass of the controller; when it wants to look again."""
    while True:
        tally = tally_of(schedule.subject, schedule.roster)
        outlook = look_ahead(
            schedule.subject, schedule.roster, tally.selected, schedule.now, schedule.refusals
        )
        if not outlook.starting:
            break
        for member in outlook.starting:
            _judge_start(schedule, member.name)
            if schedule.chance.random() < schedule.refusing:
                _refuse(schedule, member.key)
            else:
                schedule.refusals.pop(member.key, None)
                _start(schedule, member.name, again=member.again)
    status = fleet_status(schedule.subject, schedule.roster, outlook, tally, schedule.now)
    schedule.subject = {**schedule.subject, "status": status}
    counts = status["counts"]
    if sum(counts.values()) != 2 * counts["selected"] or counts["selected"] != schedule.selected:
        raise BrokenRuleError(f"the counts do not add up: {counts}")
    return outlook.again


def _refuse(schedule: Schedule, key: tuple[str, str]) -> None:
    known, beside = schedule.refusals.get(key), len(schedule.refusals)
    reason = schedule.chance.choice((Reason.REJECTED, Reason.UNAVAILABLE))
    schedule.refusals[key] = Refusal.of(known, reason, "no", schedule.now, beside=beside)


def _start(schedule: Schedule, name: str, *, again: bool) -> None:
    _put(schedule, begun(schedule.subject, schedule.migrations[name], again=again))
    _run(schedule, name)
    schedule.starts += 1
    record, spec = schedule.records[name], schedule.spec
    kind, retry = spec["desiredKind"], int(spec.get("retryGeneration") or 0)
    same = (record.kind, record.retry) == (kind, retry)
    record.attempt = record.attempt + again if same else 0
    record.kind, record.retry = kind, retry


def _run(schedule: Schedule, name: str) -> None:
    """It runs, to whatever end."""
    chance, record = schedule.chance, schedule.records[name]
    schedule.running.add(name)
    # Who is half-way is refused before its first write no more.
    how = chance.choices(_OUTCOMES, weights=(7, 2, 0 if record.locked else 1))[0]
    stops = how is Standing.FAILED and chance.random() < 0.4  # noqa: PLR2004 - a chance
    _come(schedule, name, chance.choice((1, 1, 2, 5, 60)), how, stops=stops)


def _come(schedule: Schedule, name: str, seconds: int, how: Standing, *, stops: bool) -> None:
    """This is to become of it, and nothing else that was to."""
    schedule.dues += 1
    schedule.records[name].due = schedule.dues
    moment = schedule.now + timedelta(seconds=seconds)
    heapq.heappush(schedule.ends, (moment, schedule.dues, name, how, stops))


def _put(schedule: Schedule, migration: dict[str, Any]) -> None:
    schedule.migrations[migration["metadata"]["name"]] = migration
    if member := member_of(migration, schedule.subject):
        schedule.roster.put(member)


def _end(schedule: Schedule) -> None:
    """Whatever ends up to now."""
    while schedule.ends and schedule.ends[0][0] <= schedule.now:
        moment, number, name, how, stops = heapq.heappop(schedule.ends)
        record = schedule.records.get(name)
        if record is None or record.due != number:
            continue
        schedule.running.discard(name)
        record.how, record.ended, record.locked = how, moment, stops
        known = schedule.migrations[name]
        _put(schedule, held(known, at=moment) if stops else ended(known, how, at=moment))
        if stops and schedule.chance.random() < 0.5:  # noqa: PLR2004 - a chance
            _go_on(schedule, name, schedule.chance.choice((1, 5, 60)))


def _go_on(schedule: Schedule, name: str, seconds: int) -> None:
    """What stood in the way of one that stopped half-way goes."""
    how = schedule.chance.choice((Standing.SUCCEEDED, Standing.FAILED))
    _come(schedule, name, seconds, how, stops=False)


def _turn(schedule: Schedule, name: str) -> None:
    """Another hand turns it round, whatever becomes of it; once started, it runs."""
    record, migration = schedule.records[name], turned(schedule.migrations[name])
    record.turned = migration["spec"]["desiredKind"] != record.kind
    _put(schedule, migration)
    if not migration["spec"]["paused"]:
        _run(schedule, name)


def _befall(schedule: Schedule) -> None:
    """Something happens that nobody planned."""
    chance, spec = schedule.chance, schedule.spec
    match chance.randrange(9):
        case 0:
            _meet(schedule)  # another leader takes over
        case 1:
            _edit(schedule, maxConcurrent=chance.choice((1, 2, "50%")))
        case 2:
            _edit(schedule, failureBudget=chance.choice((0, 1, "50%")))
        case 3:
            _edit(schedule, paused=not spec.get("paused"))
        case 4:
            sizes = [{**each, "size": chance.choice((1, 2, "50%"))} for each in spec["waves"]]
            _edit(schedule, waves=sizes)
        case 5:
            _edit(schedule, retryGeneration=int(spec.get("retryGeneration") or 0) + 1)
        case 6 if schedule.migrations:
            name = chance.choice(sorted(schedule.migrations))
            del schedule.migrations[name]
            schedule.running.discard(name)
            schedule.roster.drop((schedule.records.pop(name).namespace, name))
        case 7 if chance.random() < 0.2:  # noqa: PLR2004 - seldom: it doubles the schedule
            kinds = {"Mattermost": "ClusterInstallation", "ClusterInstallation": "Mattermost"}
            _edit(schedule, desiredKind=kinds[spec["desiredKind"]])
        case 8 if schedule.migrations:
            _turn(schedule, chance.choice(sorted(schedule.migrations)))
        case _:
            pass


def _edit(schedule: Schedule, **spec: Any) -> None:
    metadata = schedule.subject["metadata"]
    fresh = {**metadata, "generation": metadata["generation"] + 1}
    schedule.subject = {
        **schedule.subject,
        "metadata": fresh,
        "spec": {**schedule.spec, **spec},
    }
    _meet(schedule)


def _help(schedule: Schedule) -> None:
    """Nothing moves: a person does what the status says."""
    status = schedule.subject["status"]
    told = status["conditions"][0]
    if schedule.spec.get("paused"):
        _edit(schedule, paused=False)
    elif wave := status.get("awaitingApproval"):
        _edit(schedule, approvedWave=wave)
    elif told["reason"] == Reason.MEMBERS_HELD:
        name = told["message"].split()[0].partition("/")[2]
        if name not in schedule.under_way - schedule.running:
            raise BrokenRuleError(f"nothing is to be done about {name}")
        known = schedule.roster.get((schedule.records[name].namespace, name))
        if known and known.standing is Standing.WAITING:
            raise BrokenRuleError(f"{name} waits for a person, and its fleet is to try it again")
        _go_on(schedule, name, 0)
    else:
        raise BrokenRuleError(f"it stands still, and says {told}")


def _judge_start(schedule: Schedule, name: str) -> None:
    """The rules, from what the objects say at the moment of a start."""
    spec, record = schedule.spec, schedule.records[name]
    if name in schedule.running:
        raise BrokenRuleError(f"{name} was started while it ran")
    if record.turned:
        raise BrokenRuleError(f"{name} was started, and another hand had turned it round")
    if spec.get("paused"):
        raise BrokenRuleError(f"{name} was started in a pause")
    if not record.locked:  # else it is one of them already
        _judge_limits(schedule, record.namespace)
        _judge_waves(schedule, name)
    budget = _of(spec["failureBudget"], schedule.selected, up=False)
    failed = sum(_outcome(schedule, each) is Standing.FAILED for each in schedule.records)
    if failed > budget:
        raise BrokenRuleError(f"{name} was started after the budget of {budget} was spent")


def _judge_limits(schedule: Schedule, here: str) -> None:
    """One more, of that namespace, is not too many."""
    spec, under_way = schedule.spec, schedule.under_way
    limit = _of(spec["maxConcurrent"], schedule.selected, up=True)
    if len(under_way) + 1 > limit:
        raise BrokenRuleError(f"{len(under_way) + 1} at once, and {limit} are allowed")
    beside = sum(schedule.records[each].namespace == here for each in under_way)
    if beside + 1 > spec.get("maxPerNamespace", _DAY):
        raise BrokenRuleError(f"{beside + 1} at once in namespace {here}")


def _judge_waves(schedule: Schedule, name: str) -> None:
    """Nobody of a wave starts before each wave before it is done with."""
    for number, members in enumerate(_waves(schedule), start=1):
        if name in members:
            return
        wave = schedule.spec["waves"][number - 1]
        outcomes = {each: _outcome(schedule, each) for each in members}
        if not {Standing.WAITING, Standing.RUNNING}.isdisjoint(outcomes.values()):
            raise BrokenRuleError(f"{name} was started while wave {number} was not through")
        good = Standing.SUCCEEDED in outcomes.values()
        approved = int(schedule.spec.get("approvedWave") or 0) >= number
        if (wave["requiresApproval"] or not good) and not approved:
            raise BrokenRuleError(f"{name} was started before wave {number} was approved")
        last = max((schedule.records[each].ended for each in members), default=None)
        if last and schedule.now < last + timedelta(seconds=wave["soakSeconds"]):
            raise BrokenRuleError(f"{name} was started before wave {number} had soaked")


def _waves(schedule: Schedule) -> list[list[str]]:
    """The members of each wave of the spec: a place is filled by each that was not refused."""
    waves: list[list[str]] = []
    place, last = 0, int(max(schedule.records, default="m-1")[1:])
    for wave in schedule.spec["waves"]:
        members, size = [], _of(wave["size"], schedule.selected, up=True)
        while place <= last and size:
            name = f"m{place:02d}"
            place += 1
            present = name in schedule.records
            refused = present and _outcome(schedule, name) is Standing.SKIPPED
            if refused and not schedule.records[name].turned:
                continue
            size -= 1
            if present:
                members.append(name)
        waves.append(members)
    return waves


def _outcome(schedule: Schedule, name: str) -> Standing:
    """How a member stands for its fleet, by what became of it and what the spec says now."""
    record, spec = schedule.records[name], schedule.spec
    if name in schedule.running:
        return Standing.RUNNING
    if record.turned:
        return Standing.SKIPPED
    bad = record.how in (Standing.FAILED, Standing.SKIPPED)
    again = (
        record.kind != spec["desiredKind"]
        or (bad and record.retry < int(spec.get("retryGeneration") or 0))
        or (record.how is Standing.FAILED and record.attempt < spec["retryLimit"])
    )
    return Standing.WAITING if again else record.how


def _of(value: int | str, selected: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = selected * int(value[:-1]) / 100
    return max(1, int(exact) + (exact != int(exact))) if up else int(exact)


def _judge_end(schedule: Schedule) -> None:
    """It is over: nobody runs, and success is said only where each succeeded."""
    summary = schedule.subject["status"]["conditions"][0]
    if schedule.running:
        raise BrokenRuleError(f"it is over, and {sorted(schedule.running)} run")
    outcomes = [_outcome(schedule, each) for each in schedule.records]
    good = outcomes.count(Standing.SUCCEEDED) == schedule.selected > 0
    if (summary["status"] == "True") is not good:
        raise BrokenRuleError(f"{summary['reason']} is said of {Counter(outcomes)}")
