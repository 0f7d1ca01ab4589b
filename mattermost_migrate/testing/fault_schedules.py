"""Random schedules of faults on the simulated cluster; a seed is the whole of one.

Writes are lost, or carried out while their sender hears of an error or dies; decisions are carried
out late, when the world has moved on, as by a replica that has lost its lease in mid-write or whose
watches lag; controllers of the cluster move in any order; and people change their minds.
"""

from __future__ import annotations

import copy
import functools
import random
from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.crews import DRAIN_SECONDS
from mattermost_migrate.domain.errors import AlreadyExistsError, NotFoundError, StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVICE_NAME_LABEL,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.domain.steps import Act, Done, Ladder, Verdict, Wait
from mattermost_migrate.domain.writes import Write, patch
from mattermost_migrate.inspection import Scene, State, inspect
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import StuckError, climb, decision, desire, undo_late
from mattermost_migrate.testing.simulation import Simulation

__all__ = ["beginning", "essence", "harms", "run", "scene", "use"]

_KINDS: Final = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
_WHOLE: Final = {
    MATTERMOST.kind: State.WHOLE_AS_MATTERMOST,
    CLUSTER_INSTALLATION.kind: State.WHOLE_AS_CLUSTER_INSTALLATION,
}
#: How likely it is that somebody changes their mind between two moves.
_FICKLE: Final = 0.02
_NAME: Final = "acme"
#: By Recreate: how many pods more than wanted there may be, and how long old ones are drained.
_SURGES: Final = (1, 2)
_DRAINS: Final = (0, DRAIN_SECONDS)


@functools.cache
def beginning(
    replicas: int,
    strategy: Strategy,
    past: Strategy | None = None,
    *,
    surge: int = 1,
    drain: int = DRAIN_SECONDS,
) -> tuple[Simulation, dict[str, Any]]:
    """An installation at rest, and what may not differ; not to be changed, but copied.

    Args:
        replicas: how many pods it has.
        strategy: how it will be migrated.
        past: it was a Mattermost and came back, by that strategy; it has old ReplicaSets.
        surge: ``maxSurge`` of Recreate.
        drain: ``drainSeconds`` of it.
    """
    spec = {"maxSurge": surge, "drainSeconds": drain}
    cluster = installed(cluster_installation(replicas=replicas), **spec)
    cluster.settle()
    for kind in _KINDS if past else ():
        use(cluster, past or strategy)
        desire(cluster, _NAME, kind)
        climb(cluster)
    use(cluster, strategy)
    cluster.settle()
    cluster.watch_anew()
    return cluster, essence(cluster, strategy)


def use(cluster: Simulation, strategy: Strategy) -> None:
    """Have the next migration climb by that strategy."""
    spec = {"spec": {"strategy": str(strategy)}}
    cluster.apply(patch(INSTALLATION_MIGRATION, _NAME, spec))


def essence(cluster: Simulation, strategy: Strategy = Strategy.ADOPT) -> dict[str, Any]:
    """Everything that may not differ after a way there and back; by Recreate pods may be others."""
    kinds = (CLUSTER_INSTALLATION, DEPLOYMENT, SERVICE, REPLICA_SET, POD)
    remade = (CLUSTER_INSTALLATION, DEPLOYMENT)
    found = {
        f"{kind}/{name_of(obj)}": copy.deepcopy(
            (labels_of(obj), obj.get("spec"), None if kind in remade else uid_of(obj))
        )
        for kind in kinds
        for obj in cluster.all(kind)
    }
    if strategy is Strategy.ADOPT:
        return found
    pods = sorted(str(sorted(labels_of(pod).items())) for pod in cluster.all(POD))
    idle = {str(each["metadata"]["name"]) for each in cluster.all(REPLICA_SET) if _idle(each)}
    kept = {
        key: value
        for key, value in found.items()
        if not key.startswith(f"{POD}/") and key.removeprefix(f"{REPLICA_SET}/") not in idle
    }
    return {**kept, "pods": pods}


def _idle(replica_set: JsonObject) -> bool:
    return not replica_set["spec"]["replicas"]


def scene(cluster: Simulation, name: str = "acme") -> Scene:
    """What an API server would show of it; pods have addresses, and all that are selected serve."""
    objects = [dict(each) for each in cluster.objects()]
    service = cluster.find(SERVICE, name) or {"spec": {"selector": {}}}
    endpoints = []
    for number, obj in enumerate(objects):
        if obj["kind"] == POD.kind:
            obj["status"] = {**obj.get("status", {}), "podIP": f"10.0.0.{number}"}
            if service["spec"]["selector"].items() <= labels_of(obj).items():
                endpoints.append({"addresses": [obj["status"]["podIP"]]})
    labels = {SERVICE_NAME_LABEL: name}
    metadata = {"name": name, "namespace": "ns", "uid": "endpoints", "labels": labels}
    kind = {"apiVersion": ENDPOINT_SLICE.api_version, "kind": ENDPOINT_SLICE.kind}
    return Scene([*objects, {**kind, "metadata": metadata, "endpoints": endpoints}])


@dataclass
class _Run:
    chance: random.Random
    cluster: Simulation
    ladder: Ladder | None
    late: list[Act] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    thought: tuple[tuple[int, str], Verdict | Done] | None = None

    def wander(self, moves: int) -> None:
        for _ in range(moves):
            for move in self.chance.sample(self.cluster.controllers(), self.chance.randint(0, 3)):
                move()
            if self.chance.random() < _FICKLE:
                kind = self.chance.choice(_KINDS)
                desire(self.cluster, "acme", kind)
                self.log.append(f"desire {kind}")
            if isinstance(verdict := self._verdict(), Act):
                self._act(verdict)

    def aftermath(self) -> None:
        """What arrives when all is over, while the controllers move and the engine looks."""
        self.chance.shuffle(self.late)
        for write in (write for act in self.late for write in act.writes):
            self._send(write)
            for move in self.chance.sample(self.cluster.controllers(), self.chance.randint(0, 3)):
                move()
            undo_late(self.cluster, send=self._send)
        self.cluster.settle()
        undo_late(self.cluster, send=self._send)
        self.cluster.settle()

    def _verdict(self) -> Verdict | Done:
        """What is to be done; thought about again only when something is another."""
        migration = self.cluster.find(INSTALLATION_MIGRATION, "acme") or {"spec": {}}
        now = (self.cluster.version, migration["spec"].get("desiredKind"))
        if self.thought is None or self.thought[0] != now:
            self.thought = (now, decision(self.cluster, ladder=self.ladder).verdict)
        verdict = self.thought[1]
        if isinstance(verdict, Wait) and verdict.seconds:
            self.thought = None  # time is what it waits for
        return verdict

    def _act(self, act: Act) -> None:
        """Now, later, or something decided earlier."""
        dice = self.chance.random()
        if dice < 0.15:  # noqa: PLR2004 - a share
            self.late.append(act)
            return
        if dice < 0.3 and self.late:  # noqa: PLR2004 - a share
            act = self.late.pop(self.chance.randrange(len(self.late)))
        for write in act.writes:
            dice = self.chance.random()
            if dice < 0.15:  # noqa: PLR2004 - a share; lost before it arrived
                return
            self._send(write)
            if dice < 0.3:  # noqa: PLR2004 - a share; carried out, and nobody told
                return

    def _send(self, write: Write) -> None:
        self.log.append(str(write))
        try:
            self.cluster.apply(write)
        except (StaleError, NotFoundError, AlreadyExistsError) as error:
            self.log[-1] += f" refused: {type(error).__name__}"


def run(
    seed: int, ladder: Ladder | None = None, *, strategy: Strategy = Strategy.ADOPT
) -> list[str]:
    """One schedule; everything about it that is not as promised.

    Args:
        seed: the whole schedule.
        ladder: whose steps are climbed; those of the strategy unless given.
        strategy: how the pods come to the other kind.
    """
    chance = random.Random(seed)  # noqa: S311 - seeded, and guards nothing
    replicas = chance.choice((1, 2, 3))
    past = random.Random(f"{seed}/past").choice((None, *Strategy))  # noqa: S311 - likewise
    surge, drain = _SURGES[0], _DRAINS[0]
    if strategy is Strategy.RECREATE:
        surge, drain = chance.choice(_SURGES), chance.choice(_DRAINS)
    start, before = beginning(replicas, strategy, past, surge=surge, drain=drain)
    cluster = copy.deepcopy(start)
    running = _Run(chance, cluster, ladder)
    desire(cluster, "acme", MATTERMOST.kind)
    running.wander(chance.randint(10, 120))
    wanted = chance.choice(_KINDS)
    desire(cluster, "acme", wanted)
    try:
        climb(cluster, ladder=ladder)
    except (StuckError, StaleError, NotFoundError) as error:
        return _told(running, [f"{type(error).__name__}: {error}"])
    running.aftermath()
    broken = harms(cluster, replicas, strategy, surge=surge)
    verdict = inspect(scene(cluster), "ns", "acme")
    if verdict.state is not _WHOLE[wanted]:
        broken.append(f"wanted {wanted}: {verdict}")
    if wanted == CLUSTER_INSTALLATION.kind and essence(cluster, strategy) != before:
        broken.append("not as before")
    return _told(running, broken)


def _told(running: _Run, problems: list[str]) -> list[str]:
    return [f"{problem}; after {running.log[-40:]}" for problem in problems]


def harms(cluster: Simulation, replicas: int, strategy: Strategy, *, surge: int = 1) -> list[str]:
    """What somebody could notice since the cluster was watched anew."""
    if strategy is Strategy.RECREATE:
        return _outage(cluster, replicas, surge)
    problems = [f"made {each}" for each in cluster.created]
    problems += cluster.violations
    problems += [f"address lost: {each}" for each in cluster.lost]
    return problems + _too_few(cluster, replicas)


def _outage(cluster: Simulation, replicas: int, surge: int) -> list[str]:
    """What somebody could notice while new pods replace old ones.

    A Deployment controller that has yet to see that its Deployment is gone may still make a
    ReplicaSet for it. That is Kubernetes' own race; none of its pods is in service, and the ladder
    takes that owner out, or the garbage collector takes the ReplicaSet and then its pods. While
    they wait for that they are no violation, but leftovers; they count as pods at once.
    """
    network = cluster.network
    problems = [*cluster.violations]
    problems += _too_few(cluster, replicas)
    if cluster.most_pods > replicas + surge:
        problems.append(f"{cluster.most_pods} pods at once")
    problems += [f"{each} was sent requests before it was ready" for each in network.unready]
    problems += [f"{each} was told to end in service" for each in network.cut_off]
    return problems


def _too_few(cluster: Simulation, replicas: int) -> list[str]:
    counts = {"ready": cluster.fewest_ready, "serving": cluster.network.fewest_serving}
    return [
        f"only {fewest} {what} pods of {replicas}"
        for what, fewest in counts.items()
        if fewest is not None and fewest < replicas
    ]
