"""What was asked of the pods, and does not run yet."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, DEPLOYMENT, MATTERMOST, Strategy
from mattermost_migrate.domain.pending import asked, pending
from mattermost_migrate.domain.preflight import obstacles
from mattermost_migrate.domain.writes import Verb, Write, patch
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.ladder import climb, climb_until
from mattermost_migrate.testing.simulation import Simulation


def running(cluster: Simulation) -> dict[str, Any]:
    deployment = cluster.find(DEPLOYMENT, "acme")
    assert deployment is not None
    template: dict[str, Any] = deployment["spec"]["template"]
    return template


def edit(cluster: Simulation, **spec: Any) -> dict[str, Any]:
    cluster.apply(patch(CLUSTER_INSTALLATION, "acme", {"spec": spec}))
    found = cluster.find(CLUSTER_INSTALLATION, "acme")
    assert found is not None
    return found


SECRET_VALUE = [{"name": "MM_TOKEN", "value": "s3cret"}]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, []),
        ({"replicas": 5}, []),
        ({"version": "7.8.99"}, ["spec.containers[mattermost].image"]),
        ({"image": "example.com/mm"}, ["spec.containers[mattermost].image"]),
        ({"version": "sha256:abc"}, ["spec.containers[mattermost].image"]),
        ({"mattermostEnv": SECRET_VALUE}, ["spec.containers[mattermost].env[MM_TOKEN]"]),
        ({"image": None, "version": None}, []),
    ],
)
def test_image_and_env_are_compared_with_what_runs(spec: dict[str, Any], told: list[str]) -> None:
    cluster = installed()

    found = pending(edit(cluster, **spec), running(cluster))

    assert [each.field for each in found] == told


def test_what_is_spelled_otherwise_runs_already() -> None:
    """As the API server stores a reference: with what it fills in."""
    own = {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    cluster = installed()
    ci, template = edit(cluster, mattermostEnv=[own]), copy.deepcopy(running(cluster))
    stored = copy.deepcopy(own)
    stored["valueFrom"]["fieldRef"]["apiVersion"] = "v1"  # type: ignore[index]
    template["spec"]["containers"][0]["env"].insert(0, stored)

    assert pending(ci, template) == ()


@pytest.mark.parametrize("divisor", [1, "1", "1000m"])
def test_a_quantity_is_compared_as_the_operator_writes_it(divisor: Any) -> None:
    def of_cpu(divisor: Any) -> dict[str, Any]:
        field = {"resource": "limits.cpu", "divisor": divisor}
        return {"name": "GOMAXPROCS", "valueFrom": {"resourceFieldRef": field}}

    cluster = installed()
    ci, template = edit(cluster, mattermostEnv=[of_cpu(divisor)]), running(cluster)
    template["spec"]["containers"][0]["env"].append(of_cpu("1"))

    assert pending(ci, template) == ()


@pytest.mark.parametrize("own", [[{"name": 1}], [{"name": "X", "value": {}}]], ids=str)
def test_what_is_no_variable_is_the_conversions_to_refuse(own: list[Any]) -> None:
    cluster = installed()

    assert pending(edit(cluster, mattermostEnv=own), running(cluster)) == ()


@pytest.mark.parametrize("empty", [{}, {"value": ""}, {"value": None}], ids=str)
def test_a_variable_without_a_value_is_one(empty: dict[str, Any]) -> None:
    cluster = installed()
    ci, template = edit(cluster, mattermostEnv=[{"name": "X", **empty}]), running(cluster)
    template["spec"]["containers"][0]["env"].append({"name": "X"})

    assert pending(ci, template) == ()


def test_without_an_app_container_nothing_is_compared() -> None:
    cluster = installed()
    template = {"spec": {"containers": [{"name": "other", "image": "x"}]}}

    assert asked(edit(cluster, version="9"), template) is template


@pytest.mark.parametrize(
    ("wish", "refused"),
    [
        ({}, True),
        ({"pinPodTemplate": False}, False),
        ({"strategy": Strategy.RECREATE.value}, False),
    ],
    ids=str,
)
def test_what_has_yet_to_be_rolled_out_is_not_pinned_away(
    wish: dict[str, Any], *, refused: bool
) -> None:
    cluster = installed(**wish)
    edit(cluster, version="7.8.99", mattermostEnv=SECRET_VALUE)

    found = [each for each in obstacles(cluster.look("acme")) if each.reason == "NotRolledOut"]

    assert bool(found) == refused
    assert all("7.8.99" in each.message and "MM_TOKEN" in each.message for each in found)
    assert all("s3cret" not in each.message for each in found)


def locked(write: Write) -> bool:
    return write.verb is Verb.DELETE and write.resource is DEPLOYMENT


def test_what_is_edited_after_the_lock_is_what_the_mattermost_asks_for() -> None:
    """By somebody whom no webhook stopped: it rolls once there is a Mattermost."""
    cluster = installed()
    climb_until(cluster, locked)
    edit(cluster, version="7.8.99", mattermostEnv=SECRET_VALUE)

    climb(cluster)

    mm = cluster.find(MATTERMOST, "acme")
    assert mm is not None
    assert mm["spec"]["version"] == "7.8.99"
    pinned = mm["spec"]["resourcePatch"]["deployment"]["patch"]
    assert "7.8." not in pinned
