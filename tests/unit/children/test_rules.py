"""The special rules of the generators, one table each."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mattermost_migrate.domain.children import render_cluster_installation, render_mattermost
from mattermost_migrate.domain.children.check_url import fault
from mattermost_migrate.domain.children.env import max_file_size, merged
from mattermost_migrate.domain.children.ingress import sanitized
from mattermost_migrate.domain.children.labels import MattermostLabels
from mattermost_migrate.domain.children.probes import liveness, readiness
from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.testing.golden import placeholder

BODY_SIZE = "nginx.ingress.kubernetes.io/proxy-body-size"
OURS = {
    "app": "mattermost",
    "installation.mattermost.com/installation": "acme",
    "installation.mattermost.com/resource": "acme",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("50m", 50 * 1048576),
        ("50M", 50 * 1048576),
        ("1g", 1048576000),
        ("2G", 2 * 1048576000),
        ("1.5G", 0),
        ("-5m", -5 * 1048576),
        ("0m", 0),
        ("100k", 1048576000),
        ("1000", 1048576000),
        ("m", 0),
        ("0" * 5000 + "5m", 5 * 1048576),
        ("9" * 5000 + "m", -1048576),
        ("-" + "9" * 5000 + "m", 0),
        ("5 m", 0),
        ("+7m", 7 * 1048576),
    ],
)
def test_the_file_size_follows_the_ingress(given: str, expected: int) -> None:
    assert max_file_size({BODY_SIZE: given}, load_balancer=False) == str(expected)


def test_behind_a_load_balancer_the_file_size_is_the_default() -> None:
    assert max_file_size({BODY_SIZE: "1m"}, load_balancer=True) == "1048576000"
    assert max_file_size({}, load_balancer=False) == "1048576000"


def test_an_empty_file_size_stops_the_operator() -> None:
    with pytest.raises(ChildError, match="index out of range"):
        max_file_size({BODY_SIZE: ""}, load_balancer=False)


def test_own_variables_replace_in_place_and_append_in_order() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}, {"name": "C"}]
    own = [{"name": "Z"}, {"name": "B", "value": "2"}, {"name": "Y"}, {"name": "Z", "value": "3"}]
    assert merged(env, own) == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
        {"name": "C"},
        {"name": "Z", "value": "3"},
        {"name": "Y"},
    ]


def test_a_probe_is_overridden_field_by_field() -> None:
    own = {"periodSeconds": 7, "failureThreshold": 0, "terminationGracePeriodSeconds": 9}
    assert liveness(own) == {
        "httpGet": {"path": "/api/v4/system/ping", "port": 8065},
        "initialDelaySeconds": 10,
        "periodSeconds": 7,
        "failureThreshold": 3,
    }


def test_a_probes_handler_is_replaced_whole() -> None:
    own = {"exec": {"command": ["true"]}}
    assert readiness(own) == {
        "exec": {"command": ["true"]},
        "initialDelaySeconds": 10,
        "periodSeconds": 5,
        "failureThreshold": 6,
    }


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("a/b", "c", True),
        ("a/configuration-snippet", "c", False),
        ("a/SNIPPETs", "c", False),
        ("a/b", "snippet", True),
        ("a/b", "x\ny", False),
        ("a/b", "x\ry", False),
        ("a/b", "x\ty", True),
        ("a/b", "", True),
    ],
)
def test_annotations_that_could_inject_are_dropped(key: str, value: str, *, kept: bool) -> None:
    assert (key in sanitized({key: value})) is kept


def test_labels_without_user_labels() -> None:
    labels = MattermostLabels("acme", {"podTemplate": {"extraLabels": {"x": "1", "app": "no"}}})
    assert labels.objects() == labels.deployment() == labels.job_server() == OURS
    assert labels.pods() == {**OURS, "x": "1"}
    assert labels.job_server_pods() == {**OURS, "x": "1", "app": "mattermost-jobserver"}


def test_with_user_labels_the_deployment_shares_the_pods_map() -> None:
    spec = {"resourceLabels": {"team": "a"}, "podTemplate": {"extraLabels": {"x": "1"}}}
    labels = MattermostLabels("acme", spec)
    assert labels.objects() == {**OURS, "team": "a"}
    assert labels.deployment() == labels.pods() == {**OURS, "team": "a", "x": "1"}
    assert labels.job_server() == labels.job_server_pods()


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("postgres://u:p@db:5432/x", "postgres", None),
        (" http://db ", "postgres", None),
        ("POSTGRES://db", "postgres", None),
        ("mysql://db", "unknown", None),
        ("", "mysql", "URL is empty"),
        ("  ", "mysql", "URL is empty"),
        ("http://", "mysql", "URL must contain a hostname"),
        ("http://:80/x", "mysql", "URL must contain a hostname"),
        ("db", "mysql", 'scheme "" is not allowed for database type "mysql"'),
        (
            "postgresql://db",
            "postgres",
            'scheme "postgresql" is not allowed for database type "postgres"',
        ),
        (
            "postgres://u:p%zz@db",
            "postgres",
            'failed to parse URL: parse "postgres://u:p%zz@db": invalid URL escape "%zz"',
        ),
        (
            "http://db:x/",
            "mysql",
            'failed to parse URL: parse "http://db:x/": invalid port ":x" after host',
        ),
        (
            "http://a b/",
            "mysql",
            'failed to parse URL: parse "http://a b/": invalid character " " in host name',
        ),
        (
            "db:5432/x y",
            "mysql",
            'scheme "db" is not allowed for database type "mysql"',
        ),
        (
            "10.0.0.1:5432",
            "mysql",
            (
                'failed to parse URL: parse "10.0.0.1:5432": '
                "first path segment in URL cannot contain colon"
            ),
        ),
        (
            "http://[::1",
            "mysql",
            "failed to parse URL: parse \"http://[::1\": missing ']' in host",
        ),
    ],
)
def test_a_check_url_is_judged_as_go_does(url: str, kind: str, expected: str | None) -> None:
    assert fault(url, kind) == expected


def secret(name: str, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "ns"}, "data": encoded}


DATABASE = secret("dbsec", DB_CONNECTION_STRING="postgres://db/x")
BUCKET = secret("s3sec", accesskey="a", secretkey="b")


def ci(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "ClusterInstallation",
        "metadata": {"name": "acme", "namespace": "ns", "uid": "u"},
        "spec": {
            "ingressName": "chat.example",
            "database": {"secret": "dbsec"},
            "minio": {"externalURL": "s3", "secret": "s3sec"},
            **spec,
        },
    }


def mm(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Mattermost",
        "metadata": {"name": "acme", "namespace": "ns", "uid": "u"},
        "spec": {
            "ingressName": "chat.example",
            "database": {"external": {"secret": "dbsec"}},
            "fileStore": {"external": {"url": "s3", "bucket": "b", "secret": "s3sec"}},
            **spec,
        },
    }


def removals_of(installation: dict[str, Any]) -> list[str]:
    render = render_mattermost if installation["kind"] == "Mattermost" else None
    render = render or render_cluster_installation
    rendered = render(installation, Existing.of([DATABASE, BUCKET]), generate=placeholder)
    assert rendered.error is None
    return [f"{removal.resource}/{removal.name}" for removal in rendered.removals]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, ["IngressClass/acme", "Deployment/acme-jobserver"], id="plain"),
        pytest.param(
            {"jobServer": {"dedicatedJobServer": True}}, ["IngressClass/acme"], id="job server"
        ),
        pytest.param(
            {"ingress": {"enabled": False}},
            ["IngressClass/acme", "Ingress/acme", "Deployment/acme-jobserver"],
            id="ingress off",
        ),
        pytest.param(
            {"useServiceLoadBalancer": True}, ["Deployment/acme-jobserver"], id="load balancer"
        ),
        pytest.param(
            {"awsLoadBalancerController": {"enabled": True, "hosts": [{"hostName": "a"}]}},
            ["Deployment/acme-jobserver"],
            id="own ingress class",
        ),
    ],
)
def test_what_a_mattermost_must_not_have(spec: dict[str, Any], expected: list[str]) -> None:
    assert removals_of(mm(**spec)) == expected


def test_what_is_left_of_blue_and_green_goes() -> None:
    installation = {**ci(), "status": {"blueName": "acme-blue", "greenName": "acme-green"}}
    assert removals_of(installation) == [
        f"{kind}/acme-{colour}"
        for colour in ("blue", "green")
        for kind in ("Deployment", "Service", "Ingress")
    ]


def test_with_blue_and_green_the_plain_deployment_goes() -> None:
    app = {"image": "mm", "version": "1"}
    spec = {"enable": True, "productionDeployment": "Blue", "blue": app, "green": app}
    assert removals_of(ci(blueGreen=spec)) == ["Deployment/acme"]


def test_secrets_of_a_manifest_may_be_plain_text() -> None:
    plain = {
        "kind": "Secret",
        "metadata": {"name": "dbsec"},
        "stringData": {"DB_CONNECTION_STRING": "mysql://db"},
    }
    rendered = render_mattermost(mm(), Existing.of([plain, BUCKET]), generate=placeholder)
    assert rendered.error is None


def test_an_existing_claim_gets_no_owner() -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "acme"}, "spec": {}}
    spec = {"fileStore": {"local": {"enabled": True}}}
    fresh, found = (
        render_mattermost(mm(**spec), Existing.of([DATABASE, *others]), generate=placeholder)
        for others in ((), (claim,))
    )
    owned = ["ownerReferences" in r.children[0]["metadata"] for r in (fresh, found)]
    assert owned == [True, False]


def test_random_text_is_asked_for_by_purpose() -> None:
    asked: list[tuple[str, int]] = []

    def generate(purpose: str, length: int) -> str:
        asked.append((purpose, length))
        return "x" * length

    minio = {
        "kind": "Service",
        "metadata": {"name": "acme-minio-hl-svc"},
        "spec": {"ports": [{"port": 9000}]},
    }
    installation = ci(database={}, minio={})
    rendered = render_cluster_installation(installation, Existing.of([minio]), generate=generate)
    assert rendered.error is None
    assert asked == [
        ("minio-accesskey", 16),
        ("minio-secretkey", 28),
        ("mysql-root-password", 16),
        ("mysql-password", 16),
    ]
