from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.domain.validation import Verdict, validate


def judged(name: str = "chat", **spec: Any) -> Verdict:
    body = {"metadata": {"name": name}, "spec": {"ingressName": "chat.example.com", **spec}}
    return validate(CLUSTER_INSTALLATION.kind, None, body)


def fields(verdict: Verdict) -> list[str]:
    return [fault.field for fault in verdict.faults]


def test_the_smallest_sample_has_nothing_wrong() -> None:
    assert judged() == Verdict()


def test_all_faults_are_named_at_once() -> None:
    verdict = judged(
        "Chat",
        ingressName="",
        version="no tag",
        minio={"storageSize": "200Gb"},
        mattermostEnv=[{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
        database={"type": "postgres", "replicas": -1},
    )

    assert fields(verdict) == [
        "metadata.name",
        "spec.ingressName",
        "spec.version",
        "spec.mattermostEnv[0].valueFrom",
        "spec.minio.storageSize",
        "spec.database.type",
        "spec.database.replicas",
    ]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"ingressName": "https://a.b"}, "spec.ingressName", id="host with scheme"),
        pytest.param({"ingressName": "A.example.com"}, "spec.ingressName", id="upper case"),
        pytest.param({"image": "repo/image:tag"}, "spec.image", id="image with tag"),
        pytest.param({"version": "sha256:12"}, "spec.version", id="half a digest"),
        pytest.param({"imagePullPolicy": "Sometimes"}, "spec.imagePullPolicy", id="pull policy"),
        pytest.param({"mattermostEnv": [{"value": "x"}]}, "spec.mattermostEnv[0].name", id="env"),
        pytest.param(
            {"mattermostEnv": [{"name": "A=B"}]}, "spec.mattermostEnv[0].name", id="env with ="
        ),
        pytest.param(
            {"mattermostEnv": [{"name": "A", "valueFrom": {}}]},
            "spec.mattermostEnv[0].valueFrom",
            id="env from nowhere",
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}},
            "spec.resources.requests[cpu]",
            id="request above limit",
        ),
        pytest.param(
            {"resources": {"limits": {"memory": "2GiB"}}},
            "spec.resources.limits[memory]",
            id="no quantity",
        ),
        pytest.param(
            {"database": {"resources": {"limits": {"cpu": "-1"}}}},
            "spec.database.resources.limits[cpu]",
            id="a negative quantity",
        ),
        pytest.param(
            {"livenessProbe": {"successThreshold": 2}},
            "spec.livenessProbe.successThreshold",
            id="liveness threshold",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": 70000}}},
            "spec.readinessProbe.httpGet.port",
            id="port",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": "9" * 5000}}},
            "spec.readinessProbe.httpGet.port",
            id="a port of 5000 digits",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": 1}, "exec": {"command": ["x"]}}},
            "spec.readinessProbe",
            id="two handlers",
        ),
        pytest.param({"nodeSelector": {"a b": "c"}}, "spec.nodeSelector[a b]", id="label key"),
        pytest.param({"nodeSelector": {"a": "c d"}}, "spec.nodeSelector[a]", id="label value"),
        pytest.param(
            {
                "affinity": {
                    "nodeAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0}]
                    }
                }
            },
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
            id="affinity weight",
        ),
        pytest.param(
            {"resourceLabels": {"app": "mine"}}, "spec.resourceLabels[app]", id="selector label"
        ),
        pytest.param(
            {"ingressAnnotations": {"nginx.ingress.kubernetes.io/proxy-body-size": ""}},
            "spec.ingressAnnotations[nginx.ingress.kubernetes.io/proxy-body-size]",
            id="the annotation that panics",
        ),
        pytest.param({"minio": {"secret": "A_B"}}, "spec.minio.secret", id="no Secret's name"),
        pytest.param(
            {"blueGreen": {"enable": True, "productionDeployment": "red"}},
            "spec.blueGreen.productionDeployment",
            id="production colour",
        ),
        pytest.param(
            {"canary": {"enable": True, "deployment": {"image": "i"}}},
            "spec.canary.deployment.version",
            id="canary without version",
        ),
    ],
)
def test_what_the_operator_would_choke_on_is_refused(spec: dict[str, Any], field: str) -> None:
    assert field in fields(judged(**spec))


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"version": "10.6.1@sha256:" + "0" * 64}, id="tag and digest"),
        pytest.param({"image": "registry.example.com:5000/a/b_c"}, id="a registry with port"),
        pytest.param({"ingressName": "*.example.com"}, id="wildcard host"),
        pytest.param(
            {"ingressName": "chat:8443", "useServiceLoadBalancer": True}, id="host without Ingress"
        ),
        pytest.param(
            {"database": {"type": "postgres", "secret": "db"}}, id="external: type unread"
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": "1e-1"}, "limits": {"cpu": 1}}}, id="exponents"
        ),
        pytest.param(
            {"minio": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}},
            id="resources that are never used",
        ),
        pytest.param(
            {"readinessProbe": {"httpGet": {"port": "app"}, "periodSeconds": 1}}, id="port by name"
        ),
    ],
)
def test_what_works_is_let_through(spec: dict[str, Any]) -> None:
    assert judged(**spec).faults == ()


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        pytest.param({"size": "250000users"}, "spec.size: unknown to the operator", id="size"),
        pytest.param({"replicas": -1}, "spec.replicas: is taken for 0", id="negative replicas"),
        pytest.param(
            {"blueGreen": {"enable": True}}, "spec.blueGreen.enable: switch", id="blue/green"
        ),
        pytest.param({"canary": {"enable": True}}, "spec.canary.enable: switch", id="canary"),
        pytest.param(
            {"minio": {"externalURL": "s3.example.com", "secret": "s"}},
            "spec.minio.externalURL: v1alpha1 speaks plain HTTP",
            id="plain HTTP to S3",
        ),
        pytest.param(
            {"minio": {"externalURL": "s3.example.com"}}, "spec.minio.secret: is missing", id="keys"
        ),
        pytest.param(
            {"minio": {"secret": "mine"}}, "spec.minio.secret: a custom Secret", id="custom Secret"
        ),
        pytest.param(
            {"resourceLabels": {"installation.mattermost.com/installation": "x"}},
            "a Mattermost's operator writes its own value over this label",
            id="label override",
        ),
        pytest.param(
            {"mattermostEnv": [{"name": "A"}, {"name": "A"}]},
            "spec.mattermostEnv[1].name: is there twice",
            id="env twice",
        ),
        pytest.param(
            {"ingressAnnotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"}},
            "drops annotations with snippet",
            id="snippet",
        ),
        pytest.param(
            {"ingressAnnotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1.5G"}},
            "uploads are limited to 0 bytes",
            id="a fraction of a gigabyte",
        ),
    ],
)
def test_what_will_hurt_is_said_in_one_short_line(spec: dict[str, Any], warning: str) -> None:
    said = judged(**spec).warnings

    assert any(warning in line for line in said), said
    assert all(len(line) <= 120 for line in said)
