"""kube-controller-manager works by caches that may lag; the ladder must not rely on them.

A paused controller-manager is the worst that lag can be. When it goes on, its watches race each
other through what they missed. The last test takes out the fence that this is about, and the
witness sees new ReplicaSets, new pods or lost addresses: so the tests before it can fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    REPLICA_SET,
    SECRET,
    V1BETA1,
    Condition,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, owners_of
from mattermost_migrate.testing.chronicle import Rule
from mattermost_migrate.testing.cluster import LocalCluster, Process
from mattermost_migrate.testing.installations import Installations, condition, ended
from mattermost_migrate.testing.witness import Entry

LARGE = {
    "metadata": {"name": "large"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "large"}},
        "template": {
            "metadata": {"labels": {"app": "large"}},
            "spec": {"containers": [{"name": "main", "image": "example/large:1"}]},
        },
    },
}
#: How often it is tried to see harm: the race is lost in about nine rounds of ten.
ROUNDS = 6


@pytest.fixture
def manager(local_cluster: LocalCluster) -> Iterator[Process]:
    """The controller-manager, at work again in the end."""
    process = local_cluster.processes["kube-controller-manager"]
    yield process
    process.resume()


def locked(entry: Entry) -> bool:
    return entry.of(INSTALLATION_MIGRATION) and LOCK_LABEL in labels_of(entry.obj)


def saved(entry: Entry) -> bool:
    return entry.of(SECRET) and BACKUP_LABEL in labels_of(entry.obj)


def frozen(entry: Entry) -> bool:
    return entry.of(CLUSTER_INSTALLATION) and bool(entry.obj["spec"].get("migrate"))


def released(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and "deletionTimestamp" in entry.obj["metadata"]


def labelled(entry: Entry) -> bool:
    return entry.of(REPLICA_SET) and V1BETA1.installation in labels_of(entry.obj)


def gone(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and entry.gone


def adopted(entry: Entry) -> bool:
    return entry.of(DEPLOYMENT) and not entry.gone and V1BETA1.installation in labels_of(entry.obj)


def converted(entry: Entry) -> bool:
    return entry.of(MATTERMOST)


def removed(entry: Entry) -> bool:
    return entry.of(CLUSTER_INSTALLATION) and "deletionTimestamp" in entry.obj["metadata"]


POINTS = (locked, saved, frozen, released, labelled, gone, adopted, converted, removed)


def stuck_or_over(imig: dict[str, Any]) -> bool:
    """It has told what it waits for, or it is over."""
    return ended(imig) or "currentStep" in (imig.get("status") or {})


@pytest.mark.usefixtures("controller")
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_a_paused_controller_manager_harms_nobody(
    installations: Installations, manager: Process, point: Any
) -> None:
    installations.create("acme")
    before, since = installations.workload(), installations.witness.now()

    installations.ask("acme")
    try:
        installations.witness.until(
            lambda each: (
                point(each) and each.obj["metadata"]["namespace"] == installations.namespace
            ),
            since=since,
            seconds=200,  # the module's controller began late once, and nobody knows why
        )
    except TimeoutError as problem:
        problem.add_note(f"it says: {installations.get(INSTALLATION_MIGRATION, 'acme')}")
        raise
    manager.pause()
    installations.until(INSTALLATION_MIGRATION, "acme", stuck_or_over)
    manager.resume()

    imig = installations.until_ended("acme")
    assert condition(imig, "Succeeded")["status"] == "True", imig["status"]
    assert installations.harms(since) == ()
    assert installations.workload() == before


def move_past_a_lagging_manager(
    installations: Installations, manager: Process, turn: int = 0
) -> int:
    """Move installations while what the controller-manager knows of ReplicaSets is old news.

    Large ReplicaSets are written while it is paused: its caches of the other kinds are current
    long before it has read through those. The garbage collector, whose graph is fed by watches of
    its own, is played here by one that does not lag at all.
    """
    names = tuple(f"mm-{turn}-{number}" for number in range(4))
    installations.create(*names)
    admin, place = installations.admin, installations.namespace
    if installations.find(REPLICA_SET, "large") is None:
        admin.create(REPLICA_SET, place, LARGE)
    installations.until(
        REPLICA_SET, "large", lambda each: (each.get("status") or {}).get("observedGeneration")
    )
    since = installations.witness.now()
    manager.pause()
    for number in range(60):
        noise = {"metadata": {"annotations": {"noise": f"{number:03d}" * 60_000}}}
        admin.patch(REPLICA_SET, place, "large", noise)
    installations.ask(*names)
    for name in names:
        installations.until(DEPLOYMENT, name, lambda each: "deletionTimestamp" in each["metadata"])
        installations.until(REPLICA_SET, _set_of(installations, name), _orphaned)
        admin.patch(DEPLOYMENT, place, name, {"metadata": {"finalizers": None}})
    for name in names:
        installations.until(INSTALLATION_MIGRATION, name, stuck_or_over)
    manager.resume()
    for name in names:
        installations.until_ended(name)
    return since


def _set_of(installations: Installations, name: str) -> str:
    sets = map(name_of, installations.list(REPLICA_SET))
    return next(each for each in sets if each.startswith(f"{name}-"))


def _orphaned(replica_set: JsonObject) -> bool:
    return not owners_of(replica_set)


@pytest.mark.usefixtures("controller")
def test_with_the_fence_its_lag_does_not_matter(
    installations: Installations, manager: Process
) -> None:
    since = move_past_a_lagging_manager(installations, manager)

    assert installations.harms(since) == ()


def test_without_the_fence_it_does(
    installations: Installations,
    manager: Process,
    in_process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unfenced = tuple(step for step in ADOPTION if step.condition is not Condition.PODS_SEEN)
    for module in ("migrate", "report"):
        monkeypatch.setattr(f"controller.{module}.ladder_of", lambda _: unfenced)
    in_process.start()

    def harmed(turn: int) -> bool:
        since = move_past_a_lagging_manager(installations, manager, turn)
        rules = {harm.rule for harm in installations.harms(since)}
        return bool(rules & {Rule.MADE, Rule.ADDRESS_LOST})

    assert any(harmed(turn) for turn in range(ROUNDS))
