"""What the trip through Go's types keeps, drops and adds."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.canonical import cluster_installation_spec, mattermost_spec
from mattermost_migrate.domain.canonical.types import MismatchError, compared, written


def through(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return written(kind)(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        pytest.param(
            "EnvVar", {"name": "A", "value": ""}, {"name": "A"}, id="an empty text vanishes"
        ),
        pytest.param("EnvVar", {"value": "1"}, {"name": "", "value": "1"}, id="a name is written"),
        pytest.param(
            "SecretKeySelector",
            {"key": "k", "optional": False},
            {"key": "k", "optional": False},
            id="false behind a pointer stays",
        ),
        pytest.param(
            "VolumeMount",
            {"name": "v", "mountPath": "/m", "readOnly": False},
            {"name": "v", "mountPath": "/m"},
            id="plain false vanishes",
        ),
        pytest.param(
            "ResourceFieldSelector",
            {"resource": "limits.cpu"},
            {"resource": "limits.cpu", "divisor": "0"},
            id="a quantity that is no pointer is zero",
        ),
        pytest.param(
            "ResourceRequirements",
            {"limits": {"cpu": 2, "memory": "0.5Gi"}, "requests": {}},
            {"limits": {"cpu": "2", "memory": "512Mi"}},
            id="quantities are canonical, empty maps vanish",
        ),
        pytest.param(
            "ProjectedVolumeSource", {}, {"sources": None}, id="a required list is null when absent"
        ),
        pytest.param(
            "PreferredSchedulingTerm",
            {},
            {"weight": 0, "preference": {}},
            id="required zeroes are written",
        ),
        pytest.param("Toleration", {"tolerationSeconds": 0}, {"tolerationSeconds": 0}, id="*int64"),
        pytest.param(
            "HTTPGetAction", {"port": "8065"}, {"port": "8065"}, id="a port keeps its spelling"
        ),
        pytest.param("HTTPGetAction", {"path": "/"}, {"path": "/", "port": 0}, id="no port is 0"),
        pytest.param(
            "EmptyDirVolumeSource", {"sizeLimit": "0"}, {"sizeLimit": "0"}, id="*Quantity stays"
        ),
        pytest.param("Affinity", {"podAffinity": {}}, {"podAffinity": {}}, id="empty pointer"),
        pytest.param("Probe", {"httpGet": None, "bogus": 1}, {}, id="null and unknown vanish"),
        pytest.param(
            "Volume", {"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}, id="inlined"
        ),
    ],
)
def test_a_value_after_the_trip(kind: str, value: dict[str, Any], expected: dict[str, Any]) -> None:
    assert through(kind, value) == expected


def test_a_container_always_has_resources() -> None:
    assert through("Container", {"name": "c"}) == {"name": "c", "resources": {}}


def test_an_empty_cluster_installation_has_its_structs() -> None:
    assert cluster_installation_spec({}) == {
        "blueGreen": {"blue": {}, "green": {}},
        "canary": {"deployment": {}},
        "database": {"resources": {}},
        "elasticSearch": {},
        "ingressName": "",
        "livenessProbe": {},
        "minio": {"resources": {}},
        "readinessProbe": {},
        "resources": {},
    }


def test_an_empty_mattermost_has_its_structs() -> None:
    assert mattermost_spec({"database": {"readinessCheck": {"timeout": "90s"}}}) == {
        "database": {"readinessCheck": {"timeout": "1m30s"}},
        "elasticSearch": {},
        "fileStore": {},
        "ingressName": "",
        "podExtensions": {},
        "probes": {"livenessProbe": {}, "readinessProbe": {}},
        "scheduling": {"resources": {}},
    }


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (0, None),
        ("0", None),
        ("", None),
        ("8065", 8065),
        (8065, 8065),
        ("app", "app"),
        pytest.param("9" * 5000, 2**63 - 1, id="a number of 5000 digits"),
    ],
)
def test_a_port_in_the_annotation(port: int | str, expected: int | str | None) -> None:
    assert compared("HTTPGetAction")({"port": port}) == {"port": expected}


def test_the_input_is_not_touched() -> None:
    spec = {"resources": {"limits": {"cpu": "2000m"}}}
    cluster_installation_spec(spec)
    assert spec == {"resources": {"limits": {"cpu": "2000m"}}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"spec": {"replicas": "x"}},
            (
                "json: cannot unmarshal string into Go struct field "
                "DeploymentSpec.spec.replicas of type int32"
            ),
        ),
        (
            {"spec": {"template": {"spec": {"volumes": {}}}}},
            (
                "json: cannot unmarshal object into Go struct field "
                "PodSpec.spec.template.spec.volumes of type []v1.Volume"
            ),
        ),
        (
            {"spec": {"paused": 1}},
            (
                "json: cannot unmarshal number into Go struct field "
                "DeploymentSpec.spec.paused of type bool"
            ),
        ),
    ],
)
def test_a_wrong_type_is_refused_in_gos_words(value: dict[str, Any], message: str) -> None:
    with pytest.raises(MismatchError) as refused:
        through("Deployment", value)
    assert str(refused.value) == message
