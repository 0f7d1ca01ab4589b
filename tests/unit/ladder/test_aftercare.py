"""What is asked of a migration that has succeeded, decided on the simulated cluster."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.aftercare import care, neglected
from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    SECRET,
    Condition,
    Reason,
)
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.domain.pin import is_pinned
from mattermost_migrate.domain.steps import Act, Decision, Done, Look, Part, Wait, decide
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.simulation import Simulation


def migrated() -> Simulation:
    cluster = installed()
    parts: tuple[Part, ...] = ()
    while True:
        verdict = decide(cluster.look("acme", *parts), ADOPTION).verdict
        match verdict:
            case Look(part):
                parts = (*parts, part)
            case Act():
                parts = ()
                for write in verdict.writes:
                    cluster.apply(write)
            case Wait():
                cluster.settle()
            case _:
                return cluster


def asked(cluster: Simulation, *parts: Part, **spec: Any) -> Decision:
    migration = cluster.find(INSTALLATION_MIGRATION, "acme")
    assert migration is not None
    migration["spec"].update(spec)
    seen = cluster.look("acme")
    if Part.EXISTING in parts:
        seen = dataclasses.replace(seen, existing=Existing.of(cluster.all(SECRET)))
    return care(seen, Decision(Done()))


def test_without_a_wish_nothing_is_done() -> None:
    assert asked(migrated()) == Decision(Done())


def test_finalized_the_very_backup_that_was_seen_is_deleted() -> None:
    cluster = migrated()
    secret = cluster.find(SECRET, backup_name("acme"))
    assert secret is not None

    decision = asked(cluster, finalize=True)

    assert isinstance(decision.verdict, Act)
    (write,) = decision.verdict.writes
    assert (write.name, write.resource_version) == (
        backup_name("acme"),
        secret["metadata"]["resourceVersion"],
    )
    cluster.apply(write)
    cluster.settle()
    assert asked(cluster).after == ((Condition.FINALIZED, None),)


def test_unpinned_only_our_operations_go() -> None:
    cluster = migrated()
    mattermost = cluster.find(MATTERMOST, "acme")
    assert mattermost is not None
    own = {"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}
    deployment = mattermost["spec"]["resourcePatch"]["deployment"]
    deployment["patch"] = json.dumps([own, *json.loads(deployment["patch"])])

    decision = asked(cluster, pinPodTemplate=False)

    assert isinstance(decision.verdict, Act)
    assert decision.current is Condition.UNPINNED
    (write,) = decision.verdict.writes
    cluster.apply(write)
    left = cluster.find(MATTERMOST, "acme")
    assert left is not None
    assert not is_pinned(left)
    assert json.loads(left["spec"]["resourcePatch"]["deployment"]["patch"]) == [own]
    assert asked(cluster).after == ((Condition.UNPINNED, None),)


def test_a_pin_that_was_edited_is_refused_and_the_migration_is_done_all_the_same() -> None:
    cluster = migrated()
    mattermost = cluster.find(MATTERMOST, "acme")
    assert mattermost is not None
    deployment = mattermost["spec"]["resourcePatch"]["deployment"]
    changed = json.loads(deployment["patch"])
    changed[-1]["value"] = "mine"
    deployment["patch"] = json.dumps(changed)

    decision = asked(cluster, pinPodTemplate=False)

    assert decision.verdict == Done()
    ((kind, refusal),) = decision.after
    assert kind is Condition.UNPINNED
    assert refusal is not None
    assert refusal.reason == Reason.NOT_UNPINNABLE


@pytest.mark.parametrize(
    ("succeeded", "finalized", "kind", "expected"),
    [
        pytest.param("True", None, MATTERMOST.kind, True, id="asked"),
        pytest.param("True", "False", MATTERMOST.kind, True, id="hindered"),
        pytest.param("True", "True", MATTERMOST.kind, False, id="done"),
        pytest.param("False", None, MATTERMOST.kind, False, id="it was refused"),
        pytest.param("True", None, CLUSTER_INSTALLATION.kind, False, id="made anew since"),
    ],
)
def test_a_wish_is_looked_at_until_it_is_done_and_only_of_what_has_succeeded(
    succeeded: str,
    finalized: str | None,
    kind: str,
    expected: bool,  # noqa: FBT001 - of the table
) -> None:
    told = {Condition.SUCCEEDED: succeeded, Condition.FINALIZED: finalized}
    conditions = [{"type": each, "status": status} for each, status in told.items() if status]
    migration = {
        "spec": {"desiredKind": MATTERMOST.kind, "finalize": True},
        "status": {"conditions": conditions},
    }

    assert neglected(migration, {"kind": kind, "metadata": {"name": "acme"}}) == expected


@pytest.mark.parametrize(
    ("edit", "outlived"),
    [
        pytest.param({"mattermostEnv": [{"name": "A", "value": "b"}]}, True, id="environment"),
        pytest.param({"version": "7.8.16"}, True, id="image"),
        pytest.param({"replicas": 3}, False, id="replicas"),
        pytest.param({"ingressAnnotations": {"a": "b"}}, False, id="Ingress"),
    ],
)
def test_a_pin_is_dropped_with_an_edit_of_the_pods(edit: dict[str, Any], outlived: bool) -> None:  # noqa: FBT001 - of the table
    cluster = migrated()
    migration = cluster.find(INSTALLATION_MIGRATION, "acme")
    mattermost = cluster.find(MATTERMOST, "acme")
    assert migration is not None
    assert mattermost is not None
    generation = mattermost["metadata"]["generation"]
    succeeded = {"type": Condition.SUCCEEDED, "status": "True"}
    migration["status"] = {"pinnedGeneration": generation, "conditions": [succeeded]}
    assert not neglected(migration, mattermost)
    mattermost["spec"].update(edit)
    mattermost["metadata"]["generation"] = generation + 1

    assert neglected(migration, mattermost)
    assert asked(cluster).verdict == Look(Part.EXISTING)
    decision = asked(cluster, Part.EXISTING)

    assert isinstance(decision.verdict, Act) == outlived
