"""What the API server fills into pod templates, said once more by hand."""

from typing import Any

import pytest

from mattermost_migrate.domain.pod_template import defaulted


def container(**fields: Any) -> dict[str, Any]:
    template = defaulted({"spec": {"containers": [{"name": "c", "image": "i:1", **fields}]}})
    found: dict[str, Any] = template["spec"]["containers"][0]
    return found


def test_a_pod_gets_what_the_api_server_fills_in() -> None:
    template = defaulted(
        {"metadata": {"creationTimestamp": None}, "spec": {"serviceAccountName": "a"}}
    )

    assert template == {
        "metadata": {},
        "spec": {
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "serviceAccount": "a",
            "serviceAccountName": "a",
            "terminationGracePeriodSeconds": 30,
        },
    }


def test_what_was_said_stays() -> None:
    said = {"restartPolicy": "Never", "dnsPolicy": "None", "terminationGracePeriodSeconds": 0}

    assert defaulted({"spec": said})["spec"].items() >= said.items()


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("mm", "Always"),
        ("mm:latest", "Always"),
        ("mm:7.8", "IfNotPresent"),
        ("reg:5000/mm", "Always"),
        ("reg:5000/mm:7.8", "IfNotPresent"),
        ("mm@sha256:0a", "IfNotPresent"),
        ("mm:latest@sha256:0a", "Always"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert container(image=image)["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("given", "live"),
    [
        (
            {"ports": [{"containerPort": 1}, {"containerPort": 2, "protocol": "UDP"}]},
            {
                "ports": [
                    {"containerPort": 1, "protocol": "TCP"},
                    {"containerPort": 2, "protocol": "UDP"},
                ]
            },
        ),
        (
            {"livenessProbe": {"httpGet": {"port": 1}, "periodSeconds": 5}},
            {
                "livenessProbe": {
                    "failureThreshold": 3,
                    "httpGet": {"path": "/", "port": 1, "scheme": "HTTP"},
                    "periodSeconds": 5,
                    "successThreshold": 1,
                    "timeoutSeconds": 1,
                }
            },
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {
                "env": [
                    {
                        "name": "A",
                        "valueFrom": {
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}
                        },
                    }
                ]
            },
        ),
        (
            {"lifecycle": {"preStop": {"httpGet": {"port": 1}}, "stopSignal": "SIGTERM"}},
            {
                "lifecycle": {
                    "preStop": {"httpGet": {"path": "/", "port": 1, "scheme": "HTTP"}},
                    "stopSignal": "SIGTERM",
                }
            },
        ),
    ],
)
def test_a_container_gets_what_the_api_server_fills_in(
    given: dict[str, Any], live: dict[str, Any]
) -> None:
    assert container(**given).items() >= live.items()


@pytest.mark.parametrize(
    ("given", "live"),
    [
        ({}, {"emptyDir": {}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"defaultMode": 420, "secretName": "s"}}),
        ({"configMap": {"defaultMode": 256}}, {"configMap": {"defaultMode": 256}}),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}}],
                }
            },
        ),
        (
            {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "f"}}]}},
            {
                "downwardAPI": {
                    "defaultMode": 420,
                    "items": [{"path": "p", "fieldRef": {"apiVersion": "v1", "fieldPath": "f"}}],
                }
            },
        ),
    ],
)
def test_a_volume_gets_what_the_api_server_fills_in(
    given: dict[str, Any], live: dict[str, Any]
) -> None:
    template = defaulted({"spec": {"volumes": [{"name": "v", **given}]}})

    assert template["spec"]["volumes"] == [{"name": "v", **live}]


def test_filling_in_twice_changes_nothing_and_the_input_stays() -> None:
    given = {
        "metadata": {"labels": {"pod-template-hash": "5d9f", "a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i", "livenessProbe": {}}]},
    }

    once = defaulted(given)

    assert defaulted(once) == once
    assert once["metadata"]["labels"] == {"a": "b"}
    assert given["spec"]["containers"] == [{"name": "c", "image": "i", "livenessProbe": {}}]
