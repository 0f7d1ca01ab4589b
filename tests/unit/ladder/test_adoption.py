"""The ladder on the simulated cluster: its end, every prefix, every death, every order."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SERVICE,
    V1ALPHA1,
    V1BETA1,
    Condition,
)
from mattermost_migrate.domain.objects import controller_of, labels_of, uid_of
from mattermost_migrate.domain.steps import Act, Done, Ladder, Look, Refuse, Wait, decide
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.simulation import Simulation


class KilledError(BaseException):
    """The process is gone: nothing may catch this and carry on."""


def climb(
    cluster: Simulation, ladder: Ladder = ADOPTION, name: str = "acme"
) -> Iterator[Act | Wait]:
    """What is to be done next, again and again; the caller does it."""
    parts = ()
    while True:
        decision = decide(cluster.look(name, *parts), ladder)
        match decision.verdict:
            case Look(part):
                parts = (*parts, part)
            case Act() | Wait() as verdict:
                parts = ()
                yield verdict
            case Refuse() as refusal:
                pytest.fail(f"refused: {refusal}")
            case Done():
                return


def run(cluster: Simulation, ladder: Ladder = ADOPTION) -> list[str]:
    """Migrate to the end, the cluster settling only where the ladder waits."""
    done: list[str] = []
    for verdict in climb(cluster, ladder):
        if isinstance(verdict, Wait):
            before = cluster.version
            cluster.settle()
            assert cluster.version != before, f"stuck: {verdict.message}"
            continue
        for write in verdict.rehearse:
            cluster.apply(write, dry_run=True)
        for write in verdict.writes:
            cluster.apply(write)
            done.append(str(write))
    cluster.settle()
    return done


def assert_nobody_noticed(cluster: Simulation, wanted: int = 2) -> None:
    assert cluster.created == []
    assert cluster.violations == []
    assert cluster.lost == set()
    assert cluster.fewest_ready == wanted


def test_the_same_pods_belong_to_a_mattermost_in_the_end() -> None:
    cluster = installed()
    pods = {uid_of(pod) for pod in cluster.all(POD)}
    sets = {uid_of(each) for each in cluster.all(REPLICA_SET)}

    run(cluster)

    assert {uid_of(pod) for pod in cluster.all(POD)} == pods
    assert {uid_of(each) for each in cluster.all(REPLICA_SET)} == sets
    assert cluster.find(CLUSTER_INSTALLATION, "acme") is None
    mattermost = cluster.find(MATTERMOST, "acme")
    for resource in (DEPLOYMENT, SERVICE):
        child = cluster.find(resource, "acme")
        assert child is not None
        assert mattermost is not None
        controller = controller_of(child)
        assert controller is not None
        assert controller["uid"] == uid_of(mattermost)
    assert_nobody_noticed(cluster)


def test_pods_keep_the_labels_that_users_select_by() -> None:
    cluster = installed()

    run(cluster)

    for pod in cluster.all(POD):
        assert V1ALPHA1.of("acme").items() <= labels_of(pod).items()
        assert V1BETA1.of("acme").items() <= labels_of(pod).items()


def test_the_writes_are_these_and_no_more() -> None:
    writes = run(installed())

    pods = sorted(write for write in writes if "Pod/" in write)
    assert [write for write in writes if "Pod/" not in write] == [
        "patch InstallationMigration/acme",
        "create Secret/acme-migration-backup",
        "patch ClusterInstallation/acme",
        "delete Deployment/acme",
        "patch ReplicaSet/acme-5d9f",
        "create Deployment/acme",
        "patch Deployment/acme",
        "create Mattermost/acme",
        "patch Mattermost/acme",
        "delete ClusterInstallation/acme",
        "patch InstallationMigration/acme",
    ]
    assert len(pods) == 2


@pytest.mark.parametrize("replicas", [1, 3])
def test_any_number_of_replicas(replicas: int) -> None:
    cluster = installed(cluster_installation(replicas=replicas))

    run(cluster)

    assert_nobody_noticed(cluster, wanted=replicas)


def test_without_replicas_there_is_still_an_exchange() -> None:
    cluster = installed(cluster_installation(replicas=-1))

    run(cluster)

    assert cluster.find(MATTERMOST, "acme") is not None
    assert_nobody_noticed(cluster, wanted=0)


class Dying:
    """Sends writes until its last one."""

    def __init__(self, cluster: Simulation, at: int, when: str) -> None:
        self.cluster, self.left, self.when = cluster, at, when

    def apply(self, write: Write) -> None:
        if self.left == 0 and self.when == "before":
            raise KilledError
        self.cluster.apply(write)
        if self.left == 0:
            raise KilledError
        self.left -= 1


def die(dying: Dying) -> None:
    for verdict in climb(dying.cluster):
        if isinstance(verdict, Wait):
            dying.cluster.settle()
            continue
        for write in verdict.writes:
            dying.apply(write)


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(11))
def test_a_fresh_controller_finishes_what_a_dead_one_began(
    at: int, when: str, *, settled: bool
) -> None:
    cluster = installed()

    with pytest.raises(KilledError):
        die(Dying(cluster, at, when))
    if settled:
        cluster.settle()
    run(cluster)

    assert cluster.find(MATTERMOST, "acme") is not None
    assert cluster.find(CLUSTER_INSTALLATION, "acme") is None
    assert_nobody_noticed(cluster)


def wander(cluster: Simulation, chance: random.Random, steps: int) -> None:
    """Move the controllers and ourselves in any order, and die in the middle of actions."""
    for _ in range(steps):
        for move in chance.sample(cluster.controllers(), chance.randint(0, 4)):
            move()
        verdict = next(climb(cluster), None)
        if isinstance(verdict, Act):
            for write in chance.sample(verdict.writes, chance.randint(0, len(verdict.writes))):
                with contextlib.suppress(StaleError):
                    cluster.apply(write)


@pytest.mark.parametrize("seed", range(100))
def test_any_order_between_us_and_the_controllers(seed: int) -> None:
    cluster = installed()

    wander(cluster, random.Random(seed), 400)
    cluster.settle()

    assert cluster.look("acme").arrived
    assert_nobody_noticed(cluster)


def test_conditions_hold_in_the_order_of_the_ladder() -> None:
    cluster = installed()
    order = [step.condition for step in ADOPTION]
    furthest = 0

    for verdict in climb(cluster):
        decision = decide(cluster.look("acme"), ADOPTION)
        assert list(decision.holding) == order[: len(decision.holding)]
        assert len(decision.holding) >= furthest, "a later step undid an earlier one"
        furthest = len(decision.holding)
        if isinstance(verdict, Act):
            for write in verdict.writes:
                cluster.apply(write)
        else:
            cluster.settle()


def test_swapping_two_steps_is_noticed() -> None:
    """The test above must be able to fail: create the Deployment before the labels are there."""
    steps = list(ADOPTION)
    labelled = next(i for i, s in enumerate(steps) if s.condition is Condition.PODS_LABELLED)
    adopted = next(i for i, s in enumerate(steps) if s.condition is Condition.DEPLOYMENT_ADOPTED)
    steps[labelled], steps[adopted] = steps[adopted], steps[labelled]
    cluster = installed()

    for _, verdict in zip(range(40), climb(cluster, tuple(steps)), strict=False):
        if isinstance(verdict, Wait):
            cluster.settle()
            continue
        for write in verdict.writes:
            try:
                cluster.apply(write)
            except Exception:  # noqa: BLE001 - the wrong ladder may run into anything
                cluster.settle()

    assert cluster.created


def desire(cluster: Simulation, kind: str) -> None:
    migration = cluster.find(INSTALLATION_MIGRATION, "acme")
    assert migration is not None
    migration["spec"]["desiredKind"] = kind


def essence(cluster: Simulation) -> dict[str, Any]:
    """Everything that may not differ after a way there and back."""
    kinds = (CLUSTER_INSTALLATION, DEPLOYMENT, SERVICE, REPLICA_SET, POD)
    found = {
        f"{kind}/{obj['metadata']['name']}": (
            labels_of(obj),
            obj.get("spec"),
            None if kind in (CLUSTER_INSTALLATION, DEPLOYMENT) else uid_of(obj),
        )
        for kind in kinds
        for obj in cluster.all(kind)
    }
    return copy.deepcopy(found)


def test_there_and_back_leaves_no_trace() -> None:
    cluster = installed()
    before = essence(cluster)

    for _ in range(3):
        desire(cluster, "Mattermost")
        run(cluster)
        assert cluster.find(CLUSTER_INSTALLATION, "acme") is None
        desire(cluster, "ClusterInstallation")
        run(cluster)

    assert cluster.find(MATTERMOST, "acme") is None
    assert essence(cluster) == before
    assert_nobody_noticed(cluster)


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(11))
def test_it_can_be_undone_from_anywhere(at: int, when: str, *, settled: bool) -> None:
    cluster = installed()
    before = essence(cluster)
    with pytest.raises(KilledError):
        die(Dying(cluster, at, when))
    if settled:
        cluster.settle()

    desire(cluster, "ClusterInstallation")
    run(cluster)

    assert essence(cluster) == before
    assert_nobody_noticed(cluster)


@pytest.mark.parametrize("seed", range(100))
def test_minds_may_change_at_any_time(seed: int) -> None:
    chance = random.Random(seed)
    cluster = installed()
    before = essence(cluster)

    for _ in range(6):
        desire(cluster, chance.choice(["Mattermost", "ClusterInstallation"]))
        wander(cluster, chance, chance.randint(0, 40))
    desire(cluster, "ClusterInstallation")
    run(cluster)

    assert essence(cluster) == before
    assert_nobody_noticed(cluster)


def test_without_a_replica_set_in_sight_nothing_is_created() -> None:
    """A look that shows too little must not read as a step that holds."""
    cluster = installed()
    while cluster.find(DEPLOYMENT, "acme"):
        verdict = next(climb(cluster))
        if isinstance(verdict, Act):
            for write in verdict.writes:
                cluster.apply(write)
        else:
            cluster.settle()
    blind = dataclasses.replace(cluster.look("acme"), replica_sets=(), pods=())

    assert isinstance(decide(blind, ADOPTION).verdict, Wait)
