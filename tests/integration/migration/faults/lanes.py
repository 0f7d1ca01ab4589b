"""Installations side by side, one a namespace, and which write of each meets a fault."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    NAMESPACE,
    SECRET,
    SERVICE_ACCOUNT,
    Strategy,
)
from mattermost_migrate.domain.objects import labels_of, name_of, uid_of
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.chronicle import Chronicle
from mattermost_migrate.testing.cluster import ApiError, Client
from mattermost_migrate.testing.faults import Drop, Fault, Points
from mattermost_migrate.testing.installations import Installations, condition, ended
from mattermost_migrate.testing.journal import journal
from mattermost_migrate.testing.succession import Succession
from mattermost_migrate.testing.witness import Witness

T = TypeVar("T")
_log = logging.getLogger(__name__)
KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
#: A lane whose fault is at no write.
NEVER = -1
REPLICA_SETS = "PATCH replicasets"
#: Writes that one migration needs and the next one does not: what is told half-way, the nudge that
#: an operator with time to spare is not given, and what is tried again after a conflict.
VARYING = {
    "PATCH installationmigrations/status acme",
    "PATCH clusterinstallations/status acme",
    "PATCH mattermosts/status acme",
    REPLICA_SETS,
}
#: Until all have met their fault, or are through: a busy machine needs minutes for a hundred.
SECONDS = 240.0
#: The writes of a migration to each kind when nothing goes wrong.
Writes = dict[str, list[str]]


@dataclass
class Lane:
    """One installation, called acme, in a namespace of its own."""

    here: Installations
    before: dict[str, Any] = field(default_factory=dict)
    spec: Any = None

    @property
    def namespace(self) -> str:
        return self.here.namespace

    @property
    def kind(self) -> str:
        """The kind that owns it."""
        old = self.here.find(CLUSTER_INSTALLATION, "acme")
        return CLUSTER_INSTALLATION.kind if old else MATTERMOST.kind

    def renew(self) -> None:
        """Forget earlier migrations: what was saved once is not written again."""
        admin = self.here.admin
        if self.here.find(INSTALLATION_MIGRATION, "acme"):
            admin.delete(INSTALLATION_MIGRATION, self.namespace, "acme")
        for secret in self.here.list(SECRET):
            if BACKUP_LABEL in labels_of(secret):
                with suppress(ApiError):  # an engine at work takes it along
                    admin.delete(SECRET, self.namespace, name_of(secret))
        admin.until_gone(SECRET, self.namespace, backup_name("acme"))
        self.before = self.here.workload()

    def ask(self, kind: str, strategy: Strategy) -> None:
        recreate = {"drainSeconds": 0} if strategy is Strategy.RECREATE else {}
        self.here.ask("acme", kind=kind, strategy=strategy.value, **recreate)

    def over(self) -> bool:
        """Whether the migration has ended."""
        return ended(self.here.get(INSTALLATION_MIGRATION, "acme"))

    def until_ended(self) -> dict[str, Any]:
        """The migration as it is over, with the inspection's consent."""
        admin = self.here.admin
        over = admin.until(INSTALLATION_MIGRATION, self.namespace, "acme", ended, seconds=SECONDS)
        self.here.until_agreed()
        return over

    def judge(self, since: int, kind: str, strategy: Strategy, what: str) -> list[str]:
        """Wait for the end of a migration to that kind; all of it that is not as promised."""
        try:
            over = self.until_ended()
        except (AssertionError, TimeoutError) as problem:
            entries = self.here.chronicle(since).entries
            _log.warning("\n".join((self.namespace, str(problem), *journal(entries))))
            return [f"{what}: {problem}"]
        chronicle = self.here.chronicle(since)
        problems = [*unsaved(chronicle)]
        if strategy is Strategy.ADOPT:
            problems += map(str, chronicle.harms())
            if self.here.workload() != self.before:
                problems.append("other pods or ReplicaSets than before")
        else:
            problems += Succession(chronicle, "acme", wanted=2, surge=1).harms()
        if condition(over, "Succeeded").get("status") != "True":
            problems.append(f"ended as {condition(over, 'Succeeded')}")
        elif self.kind != kind:
            problems.append(f"{self.kind} owns it")
        elif kind == CLUSTER_INSTALLATION.kind:
            found = self.here.get(CLUSTER_INSTALLATION, "acme")
            if found["spec"] != self.spec:
                problems.append("another spec than before")
        if problems:
            _log.warning("\n".join((self.namespace, *journal(chronicle.entries))))
        return [f"{self.namespace}, {what}: {problem}" for problem in problems]


def unsaved(chronicle: Chronicle) -> Iterator[str]:
    """What was deleted while there was no backup."""
    there = {uid: obj for uid, obj in chronicle.before.items() if BACKUP_LABEL in labels_of(obj)}
    for entry in chronicle.entries:
        if entry.of(SECRET) and BACKUP_LABEL in labels_of(entry.obj):
            if entry.gone:
                there.pop(uid_of(entry.obj), None)
            else:
                there[uid_of(entry.obj)] = entry.obj
        deleted = entry.gone or "deletionTimestamp" in entry.obj["metadata"]
        if (
            entry.resource in (DEPLOYMENT, CLUSTER_INSTALLATION, MATTERMOST)
            and deleted
            and not there
        ):
            yield f"{entry.resource.kind} deleted and not saved (at {entry.version})"


def _kind(lane: Lane) -> str:
    return lane.kind


@dataclass(frozen=True)
class Case:
    """One lane's fault, at one of its writes."""

    lane: Lane
    at: int
    what: str
    fault: Fault


def cases(taken: Sequence[Lane], writes: Sequence[str], faults: Mapping[str, Fault]) -> list[Case]:
    """One lane for each write and fault; those that only the other direction needs go along."""
    every = [
        (at, f"{what}: {write} ({at})", fault)
        for at, write in enumerate(writes)
        for what, fault in faults.items()
    ]
    every += [(NEVER, "without a fault", Drop())] * (len(taken) - len(every))
    return [Case(lane, *each) for lane, each in zip(taken, every, strict=True)]


def points(chosen: Iterable[Case], writes: Sequence[str]) -> dict[str, tuple[str, int, Fault]]:
    """Which write of each lane its fault is at: what it is of, and the how manieth of its like."""
    return {
        case.lane.namespace: (writes[case.at], writes[: case.at].count(writes[case.at]), case.fault)
        for case in chosen
        if case.at != NEVER
    }


def until_all_stand(script: Points, chosen: Sequence[Case]) -> None:
    """Wait until each has met its fault, or is through without a write that is not there always."""
    lanes = {case.lane.namespace: case.lane for case in chosen}
    script.until_struck(SECONDS, lambda namespace: lanes[namespace].over())
    assert unduly_missed(script) == {}


def unduly_missed(script: Points) -> dict[str, tuple[str, int]]:
    """The writes that there were not, though each migration needs them.

    A ReplicaSet is patched in each; how often more varies.
    """
    return {
        namespace: (what, number)
        for namespace, (what, number) in script.missed.items()
        if what not in VARYING or (what, number) == (REPLICA_SETS, 0)
    }


class Lanes:
    """As many as are asked for; they are kept, and go to and fro from test to test."""

    def __init__(self, admin: Client, witness: Witness) -> None:
        self.admin, self.witness = admin, witness
        self._all: list[Lane] = []
        self.pool = ThreadPoolExecutor(max_workers=24, thread_name_prefix="lane")

    def map(self, work: Callable[[Lane], T], lanes: Iterable[Lane]) -> list[T]:
        """Do something with each, many at a time."""
        return list(self.pool.map(work, lanes))

    def judge(self, chosen: Sequence[Case], since: int, kind: str, strategy: Strategy) -> list[str]:
        """Everything that is not as promised, of all."""
        told = self.pool.map(lambda c: c.lane.judge(since, kind, strategy, c.what), chosen)
        return [problem for problems in told for problem in problems]

    def ask(self, lanes: Iterable[Lane], kind: str, strategy: Strategy) -> int:
        """Ask all of them at the same time; the revision at which that began."""
        since = self.witness.now()
        self.map(lambda lane: lane.ask(kind, strategy), lanes)
        return since

    def forget(self) -> None:
        """All is judged that has happened so far: not to be kept in memory."""
        self.witness.forget(self.witness.now())

    def take(self, count: int) -> list[Lane]:
        """So many lanes, each a ClusterInstallation; what a failed test left otherwise is left."""
        kept = [
            lane
            for lane, kind in zip(self._all, self.pool.map(_kind, self._all), strict=True)
            if kind == CLUSTER_INSTALLATION.kind
        ]
        fresh = list(self.pool.map(lambda _: self._make(), range(count - len(kept))))
        self._all += fresh
        taken = [*kept, *fresh][:count]
        self.map(Lane.renew, taken)
        return taken

    def leave(self) -> None:
        for lane in self._all:
            self.admin.delete(NAMESPACE, None, lane.namespace)
        self.pool.shutdown()

    def _make(self) -> Lane:
        name = f"fault-{secrets.token_hex(4)}"
        self.admin.create(NAMESPACE, None, {"metadata": {"name": name}})
        self.admin.until(SERVICE_ACCOUNT, name, "default", bool)
        for secret in (database_secret(namespace=name), file_secret(namespace=name)):
            self.admin.create(SECRET, name, secret)
        lane = Lane(Installations(self.admin, self.witness, name))
        lane.here.create("acme")
        lane.spec = lane.here.get(CLUSTER_INSTALLATION, "acme")["spec"]
        return lane
