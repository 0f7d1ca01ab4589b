"""Whoever owned a ClusterInstallation gets it back if he is there still; else nobody does.

Of what names owners, and none of them is left, the garbage collector deletes all: once, after a
revert, a ClusterInstallation with its Deployment, its Service and its database.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.conversion import original
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    SERVICE,
    Strategy,
)
from mattermost_migrate.domain.objects import owners_of, uid_of
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Part
from mattermost_migrate.domain.writes import Verb, patch
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.ladder import climb, climb_until, decision, desire
from mattermost_migrate.testing.simulation import Simulation

BACK = CLUSTER_INSTALLATION.kind
FIELD = "metadata.ownerReferences"


def owner(cluster: Simulation, name: str, **metadata: Any) -> dict[str, Any]:
    """A ConfigMap, and the reference to it."""
    made = cluster.put(CONFIG_MAP, {"metadata": {"name": name, **metadata}})
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid_of(made)}


def owned(*names: str, strategy: Strategy = Strategy.ADOPT) -> Simulation:
    """A ClusterInstallation that ConfigMaps of these names own."""
    cluster = installed(strategy=str(strategy))
    references = [owner(cluster, name) for name in names]
    cluster.apply(
        patch(CLUSTER_INSTALLATION, "acme", {"metadata": {"ownerReferences": references}})
    )
    cluster.settle()
    return cluster


def remove(cluster: Simulation, name: str) -> None:
    del cluster._objects[CONFIG_MAP.kind, name]
    cluster.version += 1


def made_anew(cluster: Simulation, name: str) -> None:
    remove(cluster, name)
    owner(cluster, name)


def on_its_way_out(cluster: Simulation, name: str) -> None:
    found = cluster.find(CONFIG_MAP, name) or {}
    found["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}


def restored(cluster: Simulation) -> dict[str, Any]:
    """The ClusterInstallation once the garbage collector has had all the time it wants."""
    cluster.settle()
    found = cluster.find(CLUSTER_INSTALLATION, "acme")
    assert found is not None, "collected"
    for resource in (DEPLOYMENT, SERVICE):
        assert cluster.find(resource, "acme") is not None, resource
    assert cluster.violations == []
    return found


def warned(cluster: Simulation) -> list[str]:
    """What is told of owners by what is done next."""
    act = decision(cluster).verdict
    assert isinstance(act, Act)
    return [text for field, text in act.warnings if field == FIELD]


def pods(cluster: Simulation) -> set[str]:
    return {uid_of(each) for each in cluster.all(POD)}


@pytest.mark.parametrize("strategy", list(Strategy))
def test_an_owner_that_is_there_gets_it_back(strategy: Strategy) -> None:
    cluster = owned("team", strategy=strategy)
    before = json.dumps(original(restored(cluster)), sort_keys=True)
    climb(cluster)

    desire(cluster, "acme", BACK)
    assert warned(cluster) == []
    climb(cluster)

    after = restored(cluster)
    assert [each["name"] for each in owners_of(after)] == ["team"]
    assert json.dumps(original(after), sort_keys=True) == before


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("happens", [remove, made_anew, on_its_way_out])
def test_an_owner_that_is_gone_is_left_out_with_a_word(
    happens: Callable[[Simulation, str], None], strategy: Strategy
) -> None:
    cluster = owned("team", strategy=strategy)
    gone = uid_of(cluster.find(CONFIG_MAP, "team") or {})
    climb(cluster)
    running = pods(cluster)
    happens(cluster, "team")

    desire(cluster, "acme", BACK)
    (text,) = warned(cluster)
    climb(cluster)

    assert text.startswith(f"not put back: ConfigMap 'team' (uid {gone}) is gone, or may not be")
    assert "ownerReferences" not in restored(cluster)["metadata"]
    assert strategy is Strategy.RECREATE or pods(cluster) == running


def test_of_several_those_that_are_there_get_it_back() -> None:
    cluster = owned("team", "cost", "site")
    climb(cluster)
    remove(cluster, "cost")

    desire(cluster, "acme", BACK)
    (text,) = warned(cluster)
    climb(cluster)

    assert "ConfigMap 'cost'" in text
    assert [each["name"] for each in owners_of(restored(cluster))] == ["team", "site"]


def test_an_owner_that_goes_on_the_way_back_is_left_out() -> None:
    cluster = owned("team")
    climb(cluster)
    desire(cluster, "acme", BACK)
    climb_until(cluster, lambda each: each.verb is Verb.CREATE and str(each.resource) == BACK)

    remove(cluster, "team")
    (text,) = warned(cluster)
    climb(cluster)

    assert "ConfigMap 'team'" in text
    assert "ownerReferences" not in restored(cluster)["metadata"]


def test_turned_round_at_the_very_end_it_is_created_without_those_that_went() -> None:
    """Its first custom resource is gone by then, and what is created is what was saved of that."""
    cluster = owned("team", "cost")
    climb_until(
        cluster,
        lambda each: (
            each.resource is INSTALLATION_MIGRATION
            and cluster.find(CLUSTER_INSTALLATION, "acme") is None
        ),
    )
    assert cluster.find(MATTERMOST, "acme") is not None
    remove(cluster, "team")

    desire(cluster, "acme", BACK)
    climb(cluster)

    assert [each["name"] for each in owners_of(restored(cluster))] == ["cost"]


@pytest.mark.parametrize("names", [(), ("team",)])
def test_nobody_looks_for_owners_where_there_were_none(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: set[Part] = set()
    look = Simulation.look

    def noted(self: Simulation, name: str, *parts: Part) -> Snapshot:
        looked.update(parts)
        return look(self, name, *parts)

    monkeypatch.setattr(Simulation, "look", noted)
    cluster = owned(*names)
    climb(cluster)
    assert Part.OWNERS not in looked, "the way there names nobody"

    desire(cluster, "acme", BACK)
    climb(cluster)

    assert (Part.OWNERS in looked) is bool(names)


@pytest.mark.parametrize("references", [[{}], ["team"], [{"uid": 7, "kind": None}]])
def test_what_is_no_reference_is_left_out(references: list[Any]) -> None:
    """The record of the original is an annotation, and anybody may have edited it."""
    cluster = owned("team")
    climb(cluster)
    found = cluster.find(MATTERMOST, "acme") or {}
    annotations = found["metadata"]["annotations"]
    key = "migration.mattermost.com/original-clusterinstallation"
    record = json.loads(annotations[key])
    (change,) = (each for each in record["changes"] if each["path"][-1] == "ownerReferences")
    change["original"] = references
    cluster.apply(
        patch(MATTERMOST, "acme", {"metadata": {"annotations": {key: json.dumps(record)}}})
    )

    desire(cluster, "acme", BACK)
    climb(cluster)

    assert "ownerReferences" not in restored(cluster)["metadata"]
