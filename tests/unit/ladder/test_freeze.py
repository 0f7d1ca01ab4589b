"""The freeze, and what is left of an object when it is taken back."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.freeze import (
    acknowledged,
    bears_freeze,
    frozen,
    frozen_spec,
    thawed_spec,
)
from mattermost_migrate.testing.builders import cluster_installation
from mattermost_migrate.testing.simulated_store import merge_patch

CANARY = {"canary": {"deployment": {"image": "old"}}}


def mattermost(**spec: Any) -> dict[str, Any]:
    return {"kind": "Mattermost", "metadata": {"name": "acme"}, "spec": {"replicas": 2, **spec}}


SAVED = [
    pytest.param(cluster_installation(), id="ClusterInstallation"),
    pytest.param(cluster_installation(**CANARY), id="with a canary of old"),
    pytest.param(cluster_installation(canary={"deployment": {}}), id="with an empty canary"),
    pytest.param(mattermost(), id="Mattermost"),
    pytest.param(
        mattermost(ingress={"enabled": True, "host": "a", "tlsSecret": "t"}), id="Ingress"
    ),
    pytest.param(
        mattermost(awsLoadBalancerController={"enabled": True, "hosts": [{"hostName": "a"}]}),
        id="AWS load balancer",
    ),
]


def freeze(saved: dict[str, Any]) -> dict[str, Any]:
    """As the API server would store it."""
    fresh = copy.deepcopy(saved)
    return {**fresh, "spec": merge_patch(fresh["spec"], frozen_spec(fresh))}


@pytest.mark.parametrize("saved", SAVED)
def test_thawed_it_is_what_it_was(saved: dict[str, Any]) -> None:
    cold = freeze(saved)

    assert frozen(cold)
    assert bears_freeze(cold, saved)
    assert not bears_freeze(saved, saved)
    assert thawed_spec(cold, saved) == saved["spec"]


@pytest.mark.parametrize("saved", SAVED)
def test_an_edit_made_meanwhile_stays(saved: dict[str, Any]) -> None:
    cold = freeze(saved)
    cold["spec"]["version"] = "7.8.16"

    assert thawed_spec(cold, saved) == {**saved["spec"], "version": "7.8.16"}


@pytest.mark.parametrize(
    "cleared", [{"migrate": False}, {"canary": None}], ids=["migrate cleared", "canary cleared"]
)
def test_half_a_freeze_is_told_from_an_edit(cleared: dict[str, Any]) -> None:
    """What an apply by force leaves, of which each half is harmful alone."""
    saved = cluster_installation()
    cold = freeze(saved)
    half = {**cold, "spec": merge_patch(cold["spec"], cleared)}

    assert not frozen(half)
    assert bears_freeze(half, saved)
    assert thawed_spec(half, saved) == saved["spec"]


def test_a_wish_to_migrate_that_was_there_before_is_no_freeze() -> None:
    asked = cluster_installation(migrate=True)

    assert not bears_freeze(asked, asked)


def test_a_canary_with_a_version_is_the_users() -> None:
    edited = cluster_installation(canary={"enable": True, "deployment": {"version": "8"}})

    assert not bears_freeze(edited, cluster_installation())


@pytest.mark.parametrize(
    ("generation", "leaving", "holds"),
    [(2, False, True), (3, False, False), (3, True, True), (4, True, False)],
)
def test_a_mattermost_that_is_deleted_is_acknowledged_as_before(
    generation: int, *, leaving: bool, holds: bool
) -> None:
    """Kubernetes raises the generation for a deletion that waits for finalizers."""
    cold = freeze(mattermost(ingress={"enabled": True, "host": "a"}))
    cold["metadata"]["generation"] = generation
    if leaving:
        cold["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cold["status"] = {"observedGeneration": 2, "error": "ingress.host required"}

    assert acknowledged(cold) is holds
