"""Migration engines behind a gateway, and what can go wrong for them there."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.app import Settings, lead, make_informers
from mattermost_migrate import kube
from mattermost_migrate.domain.names import LEASE, Strategy
from mattermost_migrate.testing.cluster import (
    Credentials,
    LocalCluster,
    Process,
    ProcessError,
    kubeconfig,
)
from mattermost_migrate.testing.faults import Answer, Drop, Fault, Gate, Gateway, Hold, Recorder

from .lanes import KINDS, SECONDS, Lanes, Writes

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
#: What the process that ships says at its end when its Lease could not be renewed.
_LOST = "lost the lease: another replica leads now"
#: Seconds between two looks at whether a process still runs.
_LOOK = 0.1
_log = logging.getLogger(__name__)


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


class Kept:
    """A process that is started anew when it has lost its Lease and ended, as by a kubelet.

    On a machine that stands still for ten seconds that is what becomes of the process that ships,
    without any fault of a test's.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._over = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._keep, name="kubelet", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Kill it for good (SIGKILL)."""
        self._over.set()
        self._thread.join()
        self._process.kill()

    def _keep(self) -> None:
        while not self._over.wait(_LOOK):
            if self._process.running:
                continue
            told = self._process.tail()
            if not told.endswith(_LOST):
                self.error = ProcessError(f"{self._process.name} ended by itself:\n{told}")
                return
            _log.warning("%s lost its Lease, and starts anew", self._process.name)
            self._process.start()


@dataclass
class Engines:
    """Starts migration engines behind the gateway."""

    cluster: LocalCluster
    gateway: Gateway
    credentials: Credentials
    folder: Path
    running: list[Hosted | Kept] = field(default_factory=list)
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

    def process(self, gate: Gate) -> Kept:
        """The process that ships; the operator beside it is played by ours."""
        command = [sys.executable, "-m", "controller", "--operator", "external"]
        path = self.kubeconfig(gate)
        name = f"controller-{self.started}"
        words = [*command, "--namespace", HOME, "--workers", "200", "--max-inflight", "200"]
        return self._note(Kept(self.cluster.run(name, words, KUBECONFIG=str(path))))

    def free_lease(self) -> None:
        """A killed leader's Lease would keep the next one out until it runs out."""
        if self.cluster.admin.find(LEASE, HOME, ENGINE):
            self.cluster.admin.delete(LEASE, HOME, ENGINE)

    def kill(self, gate: Gate) -> None:
        """The program behind that gate dies: not one more byte of it passes."""
        for each in self.running:
            if isinstance(each, Kept):
                each.end()
        gate.close()
        self.end()

    def end(self) -> None:
        """End whatever runs.

        Raises:
            ProcessError: a process had ended by itself, for another reason than a lost Lease.
        """
        ended = tuple(self.running)
        self.running.clear()
        for each in ended:
            each.end()
        self.free_lease()
        for each in ended:
            if isinstance(each, Kept) and each.error is not None:
                raise each.error

    def _note(self, engine: Any) -> Any:
        self.running.append(engine)
        self.started += 1
        return engine


Start = Callable[[Engines, Gate], object]


def in_process(engines: Engines, gate: Gate) -> object:
    return engines.in_process(gate)


def as_process(engines: Engines, gate: Gate) -> object:
    return engines.process(gate)


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
