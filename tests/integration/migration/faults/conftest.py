"""Many installations on one control plane, each with a fault of its own, all at the same time.

One installation a namespace, so a fault, a witness and an inspection speak of just one. The
migration engine goes through a gateway that lets things go wrong; the operator goes past it, since
it is the engine's writes that are counted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import random
import secrets
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.app import Settings, lead, make_informers
from controller.builtin import BuiltinOperator
from mattermost_migrate import kube
from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LEASE,
    MATTERMOST,
    NAMESPACE,
    SECRET,
    SERVICE_ACCOUNT,
    Strategy,
)
from mattermost_migrate.domain.objects import labels_of, name_of, uid_of
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.chronicle import Chronicle
from mattermost_migrate.testing.cluster import (
    ApiError,
    Client,
    Credentials,
    LocalCluster,
    Process,
    kubeconfig,
)
from mattermost_migrate.testing.faults import (
    Answer,
    Drop,
    Fault,
    Gate,
    Gateway,
    Hold,
    LoseWatches,
    Points,
    Randomly,
    Recorder,
)
from mattermost_migrate.testing.installations import Installations, condition, ended
from mattermost_migrate.testing.journal import journal
from mattermost_migrate.testing.succession import Succession
from mattermost_migrate.testing.witness import Witness

T = TypeVar("T")
_log = logging.getLogger(__name__)
KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
HOME = "mattermost-migrate"
ENGINE = "mattermost-migrate-controller"
#: How long the engine waits for an answer: in a cluster a minute, here it is to give up soon.
PATIENCE = kube.Patience(total=5.0, longest=0.5, answer=1.5)
#: The same while random schedules run: where a machine is so busy that it answers later than that,
#: none of them would come to an end.
LONGER = kube.Patience(total=12.0, longest=0.5, answer=4.0)
#: What an API server, or the way to it, does to a write.
FAULTS: Mapping[str, Fault] = {
    "409": Answer(409),
    "429": Answer(429, retry_after=1),
    "500": Answer(500),
    "a broken connection": Drop(),
    "504 after it was applied": Answer(504, applied=True),
    "no answer": Hold(),
    "no answer after it was applied": Hold(applied=True),
}
#: The engine dies before the write reaches the API server, or before its answer reaches the engine.
BEFORE, AFTER = Hold(), Hold(applied=True)
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
#: Where a run by command wants its figures.
RECORD = "MATTERMOST_MIGRATE_FAULTS_RECORD"


class Hosted:
    """A coroutine in a thread and an event loop of its own, until it is ended."""

    def __init__(self, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._body = body
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._began = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hosted", daemon=True)
        self._thread.start()
        self._began.wait()

    def end(self) -> None:
        """Stop it where it is."""
        if self._task is not None:
            with suppress(RuntimeError):  # it has ended by itself, and its loop is closed
                self._loop.call_soon_threadsafe(self._task.cancel)
        self.join()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._main())
            except asyncio.CancelledError:
                return
            except BaseException as error:  # noqa: BLE001 - for the test to look at
                self.error = error

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        self._began.set()
        await self._body()


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


@dataclass
class Engines:
    """Starts migration engines behind the gateway."""

    cluster: LocalCluster
    gateway: Gateway
    credentials: Credentials
    folder: Path
    running: list[Hosted | Process] = field(default_factory=list)
    started: int = 0

    def kubeconfig(self, gate: Gate) -> Path:
        through = dataclasses.replace(self.credentials, server=gate.server)
        path = self.folder / f"{secrets.token_hex(4)}.kubeconfig"
        return kubeconfig.write(path, through, user=ENGINE, namespace=HOME)

    def in_process(self, gate: Gate, patience: kube.Patience = PATIENCE) -> Hosted:
        """The engine alone, in a thread of ours."""
        path = self.kubeconfig(gate)

        async def body() -> None:
            connection = await kube.connect({"KUBECONFIG": str(path)})
            async with kube.Client(connection, max_inflight=200, patience=patience) as client:
                informers = make_informers(client)
                settings = Settings(beside_operator=False, workers=200, identity="in-process")
                async with asyncio.TaskGroup() as group:
                    for informer in informers.values():
                        group.create_task(informer.run())
                    await lead(client, informers, settings)

        return self._note(Hosted(body))

    def elected(self, gate: Gate, identity: str) -> Hosted:
        """The engine as one of several replicas: it works only while it holds the Lease.

        With the timing that ships: on a busy machine a shorter lease is lost without any fault.
        """
        path = self.kubeconfig(gate)
        patience = kube.Patience(answer=SECONDS)  # in mid-write until the Lease is lost

        async def body() -> None:
            connection = await kube.connect({"KUBECONFIG": str(path)})
            async with kube.Client(connection, max_inflight=200, patience=patience) as client:
                election = kube.Election(client, HOME, ENGINE, identity=identity)
                fenced = client.fenced(lambda: election.held)
                informers = make_informers(client)
                settings = Settings(beside_operator=False, workers=200, identity=identity)
                async with asyncio.TaskGroup() as group:
                    for informer in informers.values():
                        group.create_task(informer.run())
                    await election.lead(lambda: lead(fenced, informers, settings))

        return self._note(Hosted(body))

    def process(self, gate: Gate) -> Process:
        """The process that ships; the operator beside it is played by ours."""
        command = [sys.executable, "-m", "controller", "--operator", "external"]
        path = self.kubeconfig(gate)
        name = f"controller-{self.started}"
        words = [*command, "--namespace", HOME, "--workers", "200", "--max-inflight", "200"]
        return self._note(self.cluster.run(name, words, KUBECONFIG=str(path)))

    def free_lease(self) -> None:
        """A killed leader's Lease would keep the next one out until it runs out."""
        if self.cluster.admin.find(LEASE, HOME, ENGINE):
            self.cluster.admin.delete(LEASE, HOME, ENGINE)

    def kill(self, gate: Gate) -> None:
        """The program behind that gate dies: not one more byte of it passes."""
        for each in self.running:
            if isinstance(each, Process):
                each.kill()
        gate.close()
        self.end()

    def end(self) -> None:
        """End whatever runs."""
        for each in self.running:
            if isinstance(each, Process):
                each.kill()
            else:
                each.end()
        self.free_lease()
        self.running.clear()

    def _note(self, engine: Any) -> Any:
        self.running.append(engine)
        self.started += 1
        return engine


@pytest.fixture(scope="module")
def gateway(local_cluster: LocalCluster) -> Iterator[Gateway]:
    with Gateway(local_cluster) as standing:
        yield standing


@pytest.fixture(scope="module")
def operator(kubeconfigs: dict[str, Path]) -> Iterator[None]:
    """The builtin operator alone: nothing goes wrong for it."""

    async def body() -> None:
        connection = await kube.connect({"KUBECONFIG": str(kubeconfigs["builtin-operator"])})
        async with kube.Client(connection, max_inflight=200) as client:
            informers = make_informers(client)
            async with asyncio.TaskGroup() as group:
                for informer in informers.values():
                    group.create_task(informer.run())
                await BuiltinOperator(client, informers, workers=100).run()

    running = Hosted(body)
    yield
    running.end()
    assert running.error is None


@pytest.fixture(scope="module")
def lanes(admin: Client, witness: Witness, operator: None) -> Iterator[Lanes]:
    kept = Lanes(admin, witness)
    yield kept
    kept.leave()


@pytest.fixture(scope="module")
def engines(
    local_cluster: LocalCluster,
    gateway: Gateway,
    rights: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engines]:
    credentials = local_cluster.service_account(HOME, ENGINE)
    folder = tmp_path_factory.mktemp("engines")
    started = Engines(local_cluster, gateway, credentials, folder)
    yield started
    started.end()


Start = Callable[[Engines, Gate], object]


def in_process(engines: Engines, gate: Gate) -> object:
    return engines.in_process(gate)


def as_process(engines: Engines, gate: Gate) -> object:
    return engines.process(gate)


#: The writes of a migration to each kind when nothing goes wrong.
Writes = dict[str, list[str]]


@dataclass
class Recorded:
    """What is written when nothing goes wrong, by how the engine runs and the strategy."""

    lanes: Lanes
    gateway: Gateway
    engines: Engines
    _known: dict[tuple[Start, Strategy], Writes] = field(default_factory=dict)

    def __call__(self, start: Start, strategy: Strategy) -> Writes:
        if (start, strategy) not in self._known:
            self._known[start, strategy] = self._record(start, strategy)
        return self._known[start, strategy]

    def _record(self, start: Start, strategy: Strategy) -> Writes:
        (lane,) = self.lanes.take(1)
        recorder = Recorder(lane.namespace)
        start(self.engines, self.gateway.gate(recorder))
        found: Writes = {}
        for kind in KINDS:
            recorder.writes.clear()
            since = self.lanes.ask([lane], kind, strategy)
            assert lane.judge(since, kind, strategy, "recorded") == []
            found[kind] = list(recorder.writes)
        self.engines.end()
        return found


@pytest.fixture(scope="module")
def recorded(lanes: Lanes, gateway: Gateway, engines: Engines) -> Recorded:
    return Recorded(lanes, gateway, engines)


@pytest.fixture(scope="module")
def record() -> Iterator[list[dict[str, Any]]]:
    """What each test had to do with, written where a run by command wants it."""
    told: list[dict[str, Any]] = []
    yield told
    if RECORD in os.environ:
        Path(os.environ[RECORD]).write_text(json.dumps(told, indent=2))


@pytest.fixture(autouse=True)
def no_engine_is_left(engines: Engines) -> Iterator[None]:
    yield
    engines.end()


def schedules(
    seed: int, taken: list[Lane], lanes: Lanes, gateway: Gateway, engines: Engines
) -> list[str]:
    """Random faults, deaths of the engine and changes of mind, one schedule a lane."""
    dice = random.Random(seed)
    faults = [*FAULTS.values(), LoseWatches(), LoseWatches(expired=True)]
    script = Randomly(seed, [lane.namespace for lane in taken], faults)
    since = lanes.witness.now()
    plans = [
        (
            lane,
            random.Random(f"{seed}/{number}/people"),
            Strategy.RECREATE if number % 4 == 3 else Strategy.ADOPT,
        )
        for number, lane in enumerate(taken)
    ]
    engines.in_process(gate := gateway.gate(script), LONGER)
    going = [lanes.pool.submit(fickle, *plan) for plan in plans]
    writes = 0
    for _ in range(3):
        writes += dice.randint(2, 6) * len(taken)
        if script.until(writes, SECONDS / 4):
            engines.kill(gate)
            engines.in_process(gate := gateway.gate(script), LONGER)
    try:
        wanted = [each.result() for each in going]
    except TimeoutError as problem:
        raise TimeoutError(f"seed {seed}: {problem}") from None
    script.end()
    told = lanes.pool.map(
        lambda plan, kind: plan[0].judge(since, kind, plan[2], f"seed {seed}"), plans, wanted
    )
    problems = [problem for each in told for problem in each]
    engines.end()
    return problems


def fickle(lane: Lane, dice: random.Random, strategy: Strategy) -> str:
    """Ask for a migration, and change one's mind at some rungs; the kind wanted last."""
    here = lane.here
    for kind in [*KINDS, *KINDS][: dice.randint(1, 4)]:
        rungs = dice.randint(1, 9)
        lane.ask(kind, strategy)

        def far(imig: dict[str, Any], rungs: int = rungs) -> bool:
            conditions = (imig.get("status") or {}).get("conditions") or ()
            return ended(imig) or sum(c["status"] == "True" for c in conditions) >= rungs

        here.admin.until(INSTALLATION_MIGRATION, lane.namespace, "acme", far, seconds=SECONDS)
    return kind
