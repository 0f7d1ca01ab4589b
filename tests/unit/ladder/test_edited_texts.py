"""Labels and annotations that somebody puts on a frozen custom resource: the lock lets them pass.

However late, they are on the kind that takes over, and on the way back they come along.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource, Strategy
from mattermost_migrate.domain.objects import annotations_of, labels_of
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.fault_schedules import beginning, use
from mattermost_migrate.testing.ladder import climb, climb_until, desire
from mattermost_migrate.testing.simulation import Simulation

KINDS = {CLUSTER_INSTALLATION: MATTERMOST, MATTERMOST: CLUSTER_INSTALLATION}
EDIT = {"labels": {"team": "b", "tier": None}, "annotations": {"example.com/pager": "42"}}
#: Whoever manages the object marks it; the mark is wrong on another one.
MARK = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}


def beside(resource: Resource, strategy: Strategy) -> Simulation:
    start, _ = beginning(2, strategy)
    cluster = copy.deepcopy(start)
    labels = {"labels": {"team": "a", "tier": "free"}}
    cluster.apply(patch(CLUSTER_INSTALLATION, "acme", {"metadata": labels}))
    if resource is MATTERMOST:
        climb(cluster)
        use(cluster, strategy)
    desire(cluster, "acme", KINDS[resource].kind)
    return cluster


def edit(cluster: Simulation, resource: Resource, body: dict[str, Any]) -> None:
    cluster.apply(patch(resource, "acme", {"metadata": body}))


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("resource", list(KINDS), ids=str)
@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.CREATE])
def test_they_are_carried_over(resource: Resource, strategy: Strategy, verb: Verb) -> None:
    """Before anything is deleted, when the target is created, and before the source goes."""
    for late in (0, 1):
        cluster = beside(resource, strategy)
        found: list[Write] = []

        def held(write: Write, found: list[Write] = found, late: int = late) -> bool:
            found.extend([write] if write.verb is verb else ())
            return len(found) > late

        climb_until(cluster, held)
        edit(cluster, resource, EDIT)
        edit(cluster, resource, MARK)

        climb(cluster)

        there = cluster.find(KINDS[resource], "acme") or {}
        assert labels_of(there) == {"team": "b"}, late
        assert annotations_of(there)["example.com/pager"] == "42"
        assert not MARK["annotations"].keys() & annotations_of(there).keys()
        desire(cluster, "acme", resource.kind)
        climb(cluster)
        back = cluster.find(resource, "acme") or {}
        assert labels_of(back) == {"team": "b"}, late
        assert annotations_of(back)["example.com/pager"] == "42"
