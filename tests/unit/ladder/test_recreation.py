"""New pods beside old ones on the simulated cluster: every write, every death, every turn."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import (
    ANNOUNCED_ANNOTATION,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    DRAINED_ANNOTATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    RETIRED_ANNOTATION,
    SERVICE,
    SERVING_LABEL,
    V1ALPHA1,
    V1BETA1,
    Condition,
)
from mattermost_migrate.domain.objects import (
    annotations_of,
    controller_of,
    labels_of,
    name_of,
    uid_of,
)
from mattermost_migrate.domain.recreation import RECREATION, ladder_of
from mattermost_migrate.domain.steps import Act, Done, Ladder, Wait
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, decision
from mattermost_migrate.testing.simulation import Simulation


class KilledError(BaseException):
    """The process is gone: nothing may catch this and carry on."""


def recreating(replicas: int = 2, **spec: Any) -> Simulation:
    """An installation that is asked to become a Mattermost with new pods."""
    wanted = {"strategy": "Recreate", "drainSeconds": 2, **spec}
    return installed(cluster_installation(replicas=replicas), **wanted)


def look(cluster: Simulation, ladder: Ladder | None = None) -> Act | Wait | Done:
    """What is to be done next."""
    match decision(cluster, ladder=ladder).verdict:
        case Act() | Wait() | Done() as verdict:
            return verdict
        case verdict:
            pytest.fail(f"{verdict}")


def run(cluster: Simulation, send: Callable[[Write], None] | None = None) -> list[str]:
    """Migrate to the end, the cluster settling only where the ladder waits."""
    return climb(cluster, send=send)


def assert_kept(cluster: Simulation, wanted: int = 2, surge: int = 1) -> None:
    """What nobody may notice of it."""
    assert cluster.violations == []
    assert cluster.fewest_ready == wanted
    assert cluster.network.fewest_serving == wanted
    assert cluster.network.unready == set()
    assert cluster.network.cut_off == set()
    assert cluster.most_pods <= wanted + surge


def assert_clean(cluster: Simulation) -> None:
    """Nothing of ours is left on anything."""
    for obj in (*cluster.all(POD), *cluster.all(REPLICA_SET), *cluster.all(SERVICE)):
        assert SERVING_LABEL not in labels_of(obj)
        assert not {DRAINED_ANNOTATION, ANNOUNCED_ANNOTATION} & annotations_of(obj).keys()
    for each in cluster.all(REPLICA_SET):
        assert SERVING_LABEL not in labels_of(each["spec"]["template"])
        assert controller_of(each), f"{name_of(each)} has no owner"
    (migration,) = cluster.all(INSTALLATION_MIGRATION)
    assert not migration["metadata"].get("annotations")


def essence(cluster: Simulation) -> dict[str, Any]:
    """Everything that may not differ after a way there and back, pods as to what they are."""
    kinds = (CLUSTER_INSTALLATION, DEPLOYMENT, SERVICE)
    found: dict[str, Any] = {
        f"{kind}/{name_of(obj)}": (labels_of(obj), obj.get("spec"))
        for kind in kinds
        for obj in cluster.all(kind)
    }
    found["pods"] = sorted(str(sorted(labels_of(pod).items())) for pod in cluster.all(POD))
    found["sets"] = {
        name_of(each): (labels_of(each), each["spec"])
        for each in cluster.all(REPLICA_SET)
        if each["spec"]["replicas"]
    }
    return copy.deepcopy(found)


def desire(cluster: Simulation, kind: str, **spec: Any) -> None:
    migration = cluster.find(INSTALLATION_MIGRATION, "acme")
    assert migration is not None
    migration["spec"].update(desiredKind=kind, **spec)


def test_new_pods_of_the_other_kind_serve_in_the_end() -> None:
    cluster = recreating()
    before = {uid_of(pod) for pod in cluster.all(POD)}

    run(cluster)

    pods = list(cluster.all(POD))
    assert len(pods) == 2
    assert not before & {uid_of(pod) for pod in pods}
    assert {uid_of(pod) for pod in pods} == cluster.network.reached()
    for pod in pods:
        assert V1BETA1.of("acme").items() <= labels_of(pod).items()
        assert not V1ALPHA1.of("acme").keys() & labels_of(pod).keys()
    assert cluster.find(CLUSTER_INSTALLATION, "acme") is None
    service = cluster.find(SERVICE, "acme")
    assert service is not None
    assert service["spec"]["selector"] == V1BETA1.selector("acme")
    assert_kept(cluster)
    assert_clean(cluster)


def test_the_operator_finds_the_pods_it_would_make() -> None:
    cluster = recreating()

    run(cluster)

    assert len([each for each in cluster.created if each.startswith("ReplicaSet/")]) == 1
    assert len([each for each in cluster.created if each.startswith("Pod/")]) == 2


def test_the_old_revision_can_be_gone_back_to() -> None:
    cluster = recreating()

    run(cluster)

    deployment = cluster.find(DEPLOYMENT, "acme")
    assert deployment is not None
    selector = deployment["spec"]["selector"]["matchLabels"]
    sets = list(cluster.all(REPLICA_SET))
    assert sorted(each["spec"]["replicas"] for each in sets) == [0, 2]
    for each in sets:
        assert (controller_of(each) or {})["uid"] == uid_of(deployment)
        assert selector.items() <= labels_of(each["spec"]["template"]).items()


@pytest.mark.parametrize(
    ("replicas", "surge", "extra"),
    [
        pytest.param(1, 1, 1, id="one"),
        pytest.param(3, 1, 1, id="three by one"),
        pytest.param(4, 2, 2, id="four by two"),
        pytest.param(3, 10, 3, id="more room than is wanted"),
        pytest.param(4, "100%", 4, id="two full sets, asked for"),
        pytest.param(4, "30%", 2, id="a percentage is rounded up"),
        pytest.param(2, "1%", 1, id="at least one"),
    ],
)
def test_never_more_pods_than_the_surge_allows(replicas: int, surge: int | str, extra: int) -> None:
    cluster = recreating(replicas, maxSurge=surge)

    run(cluster)

    assert_kept(cluster, replicas, extra)
    assert cluster.most_pods == replicas + extra


def test_without_replicas_there_is_still_an_exchange() -> None:
    cluster = recreating(-1)

    run(cluster)

    assert cluster.find(MATTERMOST, "acme") is not None
    assert cluster.created == [each for each in cluster.created if each.startswith("ReplicaSet/")]
    assert_clean(cluster)


def test_the_writes_are_these() -> None:
    writes = run(recreating(1))

    assert [write.split("-new")[0].split("-5d9f-")[0] for write in writes] == [
        "patch InstallationMigration/acme",
        "create Secret/acme-migration-backup",
        "patch ClusterInstallation/acme",
        "delete Deployment/acme",
        "patch ReplicaSet/acme-5d9f",
        "patch Pod/acme",
        "patch Service/acme",  # announced
        "patch Service/acme",  # held
        "create Deployment/acme",
        "patch Deployment/acme",
        "patch Pod/acme",  # the new one serves
        "patch Pod/acme",  # the old one does not
        "patch Pod/acme",  # and nothing names it any more
        "patch ReplicaSet/acme-5d9f",
        "patch ReplicaSet/acme-5d9f",
        "patch Service/acme",
        "create Mattermost/acme",
        "patch Mattermost/acme",
        "patch Pod/acme",
        "delete ClusterInstallation/acme",
        "patch InstallationMigration/acme",
    ]


def dying(cluster: Simulation, at: int, when: str) -> Callable[[Write], None]:
    left = at

    def send(write: Write) -> None:
        nonlocal left
        if left == 0 and when == "before":
            raise KilledError
        cluster.apply(write)
        if left == 0:
            raise KilledError
        left -= 1

    return send


def road(cluster: Simulation) -> int:
    return len(run(cluster))


THERE = road(recreating())


def reverting() -> Simulation:
    """An installation that was recreated as a Mattermost, and is asked to come back that way."""
    cluster = recreating()
    run(cluster)
    desire(cluster, "ClusterInstallation")
    cluster.watch_anew()
    return cluster


BACK = road(reverting())


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(THERE))
def test_a_fresh_controller_finishes_what_a_dead_one_began(
    at: int, when: str, *, settled: bool
) -> None:
    cluster = recreating()

    with pytest.raises(KilledError):
        run(cluster, dying(cluster, at, when))
    if settled:
        cluster.settle()
    run(cluster)

    assert cluster.find(MATTERMOST, "acme") is not None
    assert cluster.find(CLUSTER_INSTALLATION, "acme") is None
    assert_kept(cluster)
    assert_clean(cluster)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(BACK))
def test_the_way_back_is_finished_as_well(at: int, when: str) -> None:
    cluster = reverting()

    with pytest.raises(KilledError):
        run(cluster, dying(cluster, at, when))
    run(cluster)

    assert cluster.find(MATTERMOST, "acme") is None
    assert_kept(cluster)
    assert_clean(cluster)


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "unsettled"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(THERE))
def test_it_can_be_undone_from_anywhere(at: int, when: str, *, settled: bool) -> None:
    cluster = recreating()
    before = essence(cluster)
    with pytest.raises(KilledError):
        run(cluster, dying(cluster, at, when))
    if settled:
        cluster.settle()

    over = at == THERE - 1 and when == "after"
    desire(cluster, "ClusterInstallation", strategy="Adopt")
    run(cluster)

    assert essence(cluster) == before
    if over:  # nothing is left to be undone: this is Adopt, whose pods the operator rolls itself
        assert (cluster.violations, cluster.fewest_ready) == ([], 2)
    else:
        assert_kept(cluster)
    assert_clean(cluster)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(BACK))
def test_a_way_back_can_be_undone_from_anywhere(at: int, when: str) -> None:
    cluster = reverting()
    before = essence(cluster)
    with pytest.raises(KilledError):
        run(cluster, dying(cluster, at, when))

    desire(cluster, "Mattermost")
    run(cluster)

    after = essence(cluster)
    assert after.keys() == before.keys()
    assert after["Deployment/acme"] == before["Deployment/acme"]
    assert after["pods"] == before["pods"]
    assert_kept(cluster)
    assert_clean(cluster)


def wander(cluster: Simulation, chance: random.Random, steps: int) -> None:
    """Move the controllers and ourselves in any order, and die in the middle of actions."""
    for _ in range(steps):
        for move in chance.sample(cluster.controllers(), chance.randint(0, 6)):
            move()
        verdict = look(cluster)
        if isinstance(verdict, Act):
            for write in chance.sample(verdict.writes, chance.randint(0, len(verdict.writes))):
                with contextlib.suppress(StaleError):
                    cluster.apply(write)


@pytest.mark.parametrize("seed", range(80))
def test_any_order_between_us_and_the_controllers(seed: int) -> None:
    chance = random.Random(seed)
    replicas, surge = chance.choice([(1, 1), (2, 1), (3, 2), (4, 4)])
    cluster = recreating(replicas, maxSurge=surge, drainSeconds=chance.choice([0, 2]))

    wander(cluster, chance, 60)
    run(cluster)

    assert cluster.look("acme").arrived
    assert_kept(cluster, replicas, surge)
    assert_clean(cluster)


@pytest.mark.parametrize("seed", range(40))
def test_minds_may_change_at_any_time(seed: int) -> None:
    chance = random.Random(seed)
    cluster = recreating()
    before = essence(cluster)

    for _ in range(5):
        desire(cluster, chance.choice(["Mattermost", "ClusterInstallation"]))
        wander(cluster, chance, chance.randint(0, 30))
    desire(cluster, "ClusterInstallation")
    run(cluster)

    assert essence(cluster) == before
    assert_kept(cluster)
    assert_clean(cluster)


def test_there_and_back_ends_in_the_first_replica_set() -> None:
    cluster = recreating()
    before = essence(cluster)

    for _ in range(3):
        desire(cluster, "Mattermost")
        run(cluster)
        desire(cluster, "ClusterInstallation")
        run(cluster)

    assert essence(cluster) == before
    assert len([each for each in cluster.created if each.startswith("ReplicaSet/")]) == 1
    assert_kept(cluster)


def test_the_way_back_may_go_by_adopt() -> None:
    cluster = recreating()
    before = essence(cluster)
    run(cluster)

    desire(cluster, "ClusterInstallation", strategy="Adopt")
    run(cluster)

    assert essence(cluster) == before
    assert cluster.fewest_ready == 2
    assert_clean(cluster)


def test_back_by_recreate_after_adopt_no_deployment_takes_the_first_replica_set_again() -> None:
    """Its template is again that of the new pods, and it is the older one."""
    cluster = recreating(strategy="Adopt")
    before = essence(cluster)
    (first,) = cluster.all(REPLICA_SET)
    run(cluster)

    desire(cluster, "ClusterInstallation", strategy="Recreate")
    run(cluster)

    (old, new) = cluster.all(REPLICA_SET)
    assert name_of(old) == name_of(first)
    assert [each["spec"]["replicas"] for each in (old, new)] == [0, 2]
    assert [annotations_of(each["spec"]["template"]) for each in (old, new)] == [
        {RETIRED_ANNOTATION: "true"},
        {},
    ]
    after = essence(cluster)
    for told in (before, after):
        del told["sets"], told["pods"]
    assert after == before
    assert_kept(cluster)
    assert_clean(cluster)


def test_a_hold_that_comes_when_it_was_turned_round_meets_nothing() -> None:
    """Nothing else would have been written to the Service meanwhile."""
    cluster = recreating()
    held: list[Write] = []

    def until_held(write: Write) -> None:
        if write.resource is SERVICE and SERVING_LABEL in str(write.body):
            held.append(write)
            raise KilledError
        cluster.apply(write)

    with pytest.raises(KilledError):
        run(cluster, until_held)
    desire(cluster, "ClusterInstallation")
    run(cluster)

    with pytest.raises(StaleError):
        cluster.apply(held[0])
    assert_kept(cluster)
    assert_clean(cluster)


def test_what_was_begun_by_one_strategy_is_finished_by_it() -> None:
    cluster = recreating()
    with pytest.raises(KilledError):
        run(cluster, dying(cluster, 8, "after"))

    desire(cluster, "Mattermost", strategy="Adopt")

    assert ladder_of(cluster.look("acme")) is RECREATION
    run(cluster)
    assert_kept(cluster)
    assert_clean(cluster)
    assert ladder_of(cluster.look("acme")) is not RECREATION


def test_an_old_pod_is_drained_before_it_ends() -> None:
    cluster = recreating(1, drainSeconds=8)
    ended = None
    since = None

    def send(write: Write) -> None:
        nonlocal ended, since
        cluster.apply(write)
        if DRAINED_ANNOTATION in str(write.body) and since is None:
            since = cluster.now
        if write.resource is REPLICA_SET and '"replicas": 0' in str(write.body).replace("'", '"'):
            ended = ended or cluster.now

    run(cluster, send)

    assert since is not None
    assert ended is not None
    assert (ended - since).total_seconds() >= 8


@pytest.mark.parametrize("drain", [600, 10**15])
def test_an_old_pod_comes_back_when_the_new_one_fails(drain: int) -> None:
    cluster = recreating(1, drainSeconds=drain)
    while not any(DRAINED_ANNOTATION in annotations_of(pod) for pod in cluster.all(POD)):
        verdict = look(cluster)
        if isinstance(verdict, Act):
            for write in verdict.writes:
                cluster.apply(write)
        else:
            cluster.settle()
    old = next(p for p in cluster.all(POD) if DRAINED_ANNOTATION in annotations_of(p))
    for pod in cluster.all(POD):
        if uid_of(pod) != uid_of(old):
            pod["status"]["conditions"] = []

    verdict = look(cluster)

    assert isinstance(verdict, Act)
    for write in verdict.writes:
        cluster.apply(write)
    after = cluster.find(POD, name_of(old))
    assert after is not None
    assert SERVING_LABEL in labels_of(after)
    assert DRAINED_ANNOTATION not in annotations_of(after)


def test_conditions_hold_in_the_order_of_the_ladder() -> None:
    cluster = recreating()
    order = [step.condition for step in RECREATION]
    furthest = 0

    def check(write: Write) -> None:
        nonlocal furthest
        holding = decision(cluster).holding
        assert list(holding) == order[: len(holding)]
        assert len(holding) >= furthest, "a later step undid an earlier one"
        furthest = len(holding)
        cluster.apply(write)

    run(cluster, check)


@pytest.mark.parametrize(
    "left_out",
    [
        pytest.param(Condition.PODS_SEEN, id="the fence before the Service is held"),
        pytest.param(Condition.SERVICE_HELD, id="the hold on the Service"),
        pytest.param(Condition.SERVICE_SWITCHED, id="the switch before the operator's"),
    ],
)
def test_leaving_a_step_out_is_noticed(left_out: Condition) -> None:
    """The tests above must be able to fail."""
    shorter = tuple(step for step in RECREATION if step.condition is not left_out)
    noticed = 0
    for seed in range(12):
        chance = random.Random(seed)
        cluster = recreating()
        try:
            for _ in range(120):
                for move in chance.sample(cluster.controllers(), chance.randint(0, 4)):
                    move()
                verdict = look(cluster, shorter)
                if isinstance(verdict, Act):
                    for write in verdict.writes:
                        cluster.apply(write)
            assert cluster.look("acme").arrived
            assert_kept(cluster)
        except Exception:  # noqa: BLE001 - the wrong ladder may run into anything
            noticed += 1
        except AssertionError:
            noticed += 1

    assert noticed
