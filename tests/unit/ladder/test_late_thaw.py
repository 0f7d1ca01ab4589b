"""A thaw that arrives when the migration was turned round once more, and is in mid-exchange.

What was frozen stays frozen through both turns, so nothing need have been written to it since the
thaw was decided on; its operator would wake over a Deployment that is gone, and make another.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mattermost_migrate.domain.backup import Backup, backup_name
from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FROZEN_ANNOTATION,
    MATTERMOST,
    REPLICA_SET,
    SECRET,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.objects import annotations_of
from mattermost_migrate.domain.writes import PatchType, Write, patch
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import harms
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation

REPLICAS = 2
OTHER = {CLUSTER_INSTALLATION: MATTERMOST, MATTERMOST: CLUSTER_INSTALLATION}
HOMES = pytest.mark.parametrize("home", list(OTHER), ids=str)
STRATEGIES = pytest.mark.parametrize("strategy", Strategy)


def at_home(home: Resource, strategy: Strategy) -> Simulation:
    cluster = installed(cluster_installation(replicas=REPLICAS), strategy=str(strategy))
    if home is MATTERMOST:
        climb(cluster)
    cluster.settle()
    cluster.watch_anew()
    return cluster


def go_until(cluster: Simulation, kind: str, held: Callable[[Write], bool]) -> Write:
    """Go to that kind, up to the write that is held up."""
    desire(cluster, "acme", kind)
    return climb_until(cluster, held)


def owner(cluster: Simulation, home: Resource) -> dict[str, Any]:
    found = cluster.find(home, "acme")
    assert found is not None
    return copy.deepcopy(found)


def is_thaw(write: Write) -> bool:
    return write.patch_type is PatchType.JSON and write.resource in OTHER


@STRATEGIES
@HOMES
def test_it_wakes_nobody(home: Resource, strategy: Strategy) -> None:
    cluster = at_home(home, strategy)
    away = OTHER[home].kind
    go_until(cluster, away, lambda write: write.resource is REPLICA_SET)
    late = go_until(cluster, home.kind, is_thaw)
    go_until(cluster, away, lambda write: write.resource is DEPLOYMENT)

    with contextlib.suppress(StaleError):
        cluster.apply(late)

    assert frozen(owner(cluster, home))
    climb(cluster)
    assert harms(cluster, REPLICAS, strategy) == []


@STRATEGIES
@HOMES
def test_whoever_turns_nowhere_writes_nothing_for_it(home: Resource, strategy: Strategy) -> None:
    cluster = at_home(home, strategy)
    sent: list[Write] = []

    def send(write: Write) -> None:
        sent.append(write)
        cluster.apply(write)

    desire(cluster, "acme", OTHER[home].kind)
    climb(cluster, send=send)

    patches = [each for each in sent if each.resource is home and not each.subresource]
    assert [str(each) for each in patches] == [f"patch {home}/acme", f"delete {home}/acme"]


@STRATEGIES
@HOMES
def test_it_comes_back_without_the_mark(home: Resource, strategy: Strategy) -> None:
    """Wherever it turned, and turned again; nor is there any in what is saved and planned."""
    away, whole = OTHER[home].kind, False
    for number in itertools.count():
        cluster = at_home(home, strategy)
        before = owner(cluster, home)
        whole = climb_some(cluster, away, number)
        for kind in (home.kind, away):
            climb_some(cluster, kind, number // 2)
        assert marked(cluster) == []
        desire(cluster, "acme", home.kind)
        climb(cluster)

        after = owner(cluster, home)
        assert (annotations_of(after), after["spec"]) == (annotations_of(before), before["spec"])
        if whole:
            break


@HOMES
def test_edited_while_it_is_frozen_it_is_saved_without_the_mark(home: Resource) -> None:
    cluster = at_home(home, Strategy.ADOPT)
    away = OTHER[home].kind
    go_until(cluster, away, lambda write: write.resource is DEPLOYMENT)
    assert FROZEN_ANNOTATION in annotations_of(owner(cluster, home))
    cluster.apply(patch(home, "acme", {"spec": {"version": "7.8.16"}}))

    go_until(cluster, away, lambda write: write.resource is DEPLOYMENT)

    backup = saved(cluster)
    assert backup.objects[home.kind.lower()]["spec"]["version"] == "7.8.16"
    assert marked(cluster) == []


@pytest.mark.parametrize("turned", [True, False])
@HOMES
def test_thawed_by_force_it_loses_the_mark_as_well(home: Resource, *, turned: bool) -> None:
    cluster = at_home(home, Strategy.ADOPT)
    before = owner(cluster, home)
    go_until(cluster, OTHER[home].kind, lambda write: write.resource is DEPLOYMENT)
    forced: list[Mapping[str, Any]] = [{"op": "replace", "path": "/spec", "value": before["spec"]}]
    cluster.apply(patch(home, "acme", forced, patch_type=PatchType.JSON))

    if not turned:
        go_until(cluster, OTHER[home].kind, lambda write: write.resource is DEPLOYMENT)
    desire(cluster, "acme", home.kind)
    climb(cluster)

    assert annotations_of(owner(cluster, home)) == annotations_of(before)


def climb_some(cluster: Simulation, kind: str, number: int) -> bool:
    """Go to that kind for so many writes; whether that was all there were."""
    sent = itertools.count()
    try:
        go_until(cluster, kind, lambda _: next(sent) == number)
    except LookupError:
        return True
    return False


def saved(cluster: Simulation) -> Backup:
    secret = cluster.find(SECRET, backup_name("acme"))
    return Backup.read(secret) if secret else Backup({})


def marked(cluster: Simulation) -> list[str]:
    """What is saved or planned with the mark, down to what a conversion writes down."""
    return [role for role, obj in saved(cluster).objects.items() if FROZEN_ANNOTATION in str(obj)]
