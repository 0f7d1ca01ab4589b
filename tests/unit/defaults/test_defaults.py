"""Defaults and refusals beyond the recorded cases."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.defaults.sizes import SIZES
from mattermost_migrate.domain.errors import RefusedError

APP = {"image": "mm", "version": "1"}


def ci(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "acme"}, "spec": {"ingressName": "chat.example", **spec}}


def mm(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "acme"}, "spec": {"ingressName": "chat.example", **spec}}


@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_known_size_overrides_everything_in_both_kinds(size: str) -> None:
    own = {"replicas": 9, "resources": {"limits": {"cpu": "9"}}}
    old = default_cluster_installation(ci(size=size, **own, minio=own, database=own))["spec"]
    new = default_mattermost(
        mm(
            size=size,
            replicas=9,
            scheduling={"resources": {"limits": {"cpu": "9"}}},
            fileStore={"operatorManaged": own},
            database={"operatorManaged": own},
        )
    )["spec"]
    wanted = SIZES[size]

    for component, one, two in (
        (wanted.app, old, {**new, **new["scheduling"]}),
        (wanted.file_store, old["minio"], new["fileStore"]["operatorManaged"]),
        (wanted.database, old["database"], new["database"]["operatorManaged"]),
    ):
        for section in (one, two):
            assert section["replicas"] == component.replicas
            assert section["resources"] == component.resources()
    assert "size" not in old
    assert "size" not in new


def test_an_unknown_size_only_fills() -> None:
    spec = default_cluster_installation(ci(size="5000Users", replicas=9))["spec"]
    assert spec["replicas"] == 9
    assert spec["minio"]["replicas"] == 4
    assert "size" not in spec


@pytest.mark.parametrize(("size", "replicas"), [(None, None), ("unknown", None), ("1000users", 2)])
def test_a_restoring_database_keeps_no_replicas(size: str | None, replicas: int | None) -> None:
    given = {"database": {"initBucketURL": "s3://b"}, **({"size": size} if size else {})}
    spec = default_cluster_installation(ci(**given))["spec"]
    assert spec["database"].get("replicas") == replicas


def test_zero_replicas_mean_unset_in_the_old_kind_and_none_in_the_new() -> None:
    assert default_cluster_installation(ci(replicas=0))["spec"]["replicas"] == 2
    assert default_mattermost(mm(replicas=0))["spec"]["replicas"] == 0


def test_another_database_type_gets_no_version() -> None:
    spec = default_cluster_installation(ci(database={"type": "postgres"}))["spec"]
    assert "version" not in spec["database"]


def test_colours_get_names_and_hosts() -> None:
    colours = {"enable": True, "productionDeployment": "GREEN", "blue": APP, "green": APP}
    made = default_cluster_installation(ci(blueGreen=colours))["spec"]["blueGreen"]
    assert made["productionDeployment"] == "green"
    assert made["blue"] == {**APP, "name": "acme-blue", "ingressName": "blue.chat.example"}


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        pytest.param(
            {"ingressName": ""}, ["IngressName required, but not set"], id="no host at all"
        ),
        pytest.param(
            {"blueGreen": {"enable": True, "productionDeployment": "Red"}},
            [
                "red is not a valid ProductionDeployment value, must be 'blue' or 'green'",
                "Both Blue and Green deployment versions required, but not set",
                "Both Blue and Green deployment images required, but not set",
            ],
            id="blue and green with nothing",
        ),
        pytest.param(
            {"canary": {"enable": True}},
            [
                "Canary version required, but not set",
                "Canary deployment image required, but not set",
            ],
            id="canary with nothing",
        ),
    ],
)
def test_a_cluster_installation_is_refused(spec: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(RefusedError) as refused:
        default_cluster_installation(ci(**spec))
    assert [fault.message for fault in refused.value.faults] == messages


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ingressName": ""}, "spec.ingressName"),
        ({"ingress": {"enabled": True}}, "spec.ingress.host"),
        ({"ingressName": "", "useServiceLoadBalancer": True}, "spec.ingressName"),
        (
            {"awsLoadBalancerController": {"enabled": True}},
            "spec.awsLoadBalancerController.hosts",
        ),
        (
            {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "hostPath": {"path": "/"}}]},
            "spec.volumes[1]",
        ),
    ],
)
def test_a_mattermost_is_refused(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        default_mattermost(mm(**spec))
    assert [fault.field for fault in refused.value.faults] == [field]


def test_defaults_of_defaults_change_nothing() -> None:
    old, new = default_cluster_installation(ci()), default_mattermost(mm())
    assert default_cluster_installation(old) == old
    assert default_mattermost(new) == new
