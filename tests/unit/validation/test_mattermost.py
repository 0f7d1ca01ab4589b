from __future__ import annotations

import json
from typing import Any

import pytest

from mattermost_migrate.domain.names import MATTERMOST
from mattermost_migrate.domain.validation import Verdict, validate

INGRESS = {"enabled": True, "host": "chat.example.com"}


def judged(name: str = "chat", **spec: Any) -> Verdict:
    return validate(
        MATTERMOST.kind, None, {"metadata": {"name": name}, "spec": {"ingress": INGRESS, **spec}}
    )


def fields(verdict: Verdict) -> list[str]:
    return [fault.field for fault in verdict.faults]


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"resourcePatch": {"deployment": {"patch": json.dumps(operations)}}}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="the smallest"),
        pytest.param(
            {"ingress": {"enabled": False}, "useServiceLoadBalancer": True}, id="load balancer"
        ),
        pytest.param(
            {"fileStore": {"external": {"url": "s3", "bucket": "b", "useServiceAccount": True}}},
            id="S3 by service account",
        ),
        pytest.param({"database": {"external": {"secret": "db"}}}, id="external database"),
        pytest.param(
            {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            },
            id="a volume and its mount",
        ),
        pytest.param(
            patch({"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": []}),
            id="the pin's own patch",
        ),
    ],
)
def test_what_works_is_let_through(spec: dict[str, Any]) -> None:
    assert judged(**spec) == Verdict()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param({"ingress": {"enabled": True}}, "spec.ingress.host", id="no host"),
        pytest.param(
            {"ingress": {"enabled": True, "host": ""}, "useServiceLoadBalancer": True},
            "spec.ingress.host",
            id="no host, not even with a load balancer",
        ),
        pytest.param({"ingress": None}, "spec.ingressName", id="neither the old field"),
        pytest.param(
            {"awsLoadBalancerController": {"enabled": True}},
            "spec.awsLoadBalancerController.hosts",
            id="ALB without hosts",
        ),
        pytest.param({"replicas": -1}, "spec.replicas", id="negative replicas"),
        pytest.param(
            {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "spec.volumes[0]", id="source"
        ),
        pytest.param(
            {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            "spec.volumeMounts[0].name",
            id="a mount of no volume",
        ),
        pytest.param(
            {"volumes": [{"name": "mattermost-data", "emptyDir": {}}]},
            "spec.volumes[0].name",
            id="a volume of the operator's name",
        ),
        pytest.param(
            {"fileStore": {"external": {"url": "s3"}}}, "spec.fileStore.external.bucket", id="S3"
        ),
        pytest.param(
            {"fileStore": {"external": {"url": "s3", "bucket": "b"}}},
            "spec.fileStore.external.secret",
            id="S3 without keys",
        ),
        pytest.param(
            {"fileStore": {"local": {"enabled": True, "accessModes": ["Both"]}}},
            "spec.fileStore.local.accessModes[0]",
            id="access mode",
        ),
        pytest.param(
            {"database": {"operatorManaged": {"type": "postgres"}}},
            "spec.database.operatorManaged.type",
            id="postgres by the operator",
        ),
        pytest.param(
            {"podExtensions": {"sidecarContainers": [{"name": "mattermost", "image": "x"}]}},
            "spec.podExtensions.sidecarContainers[0].name",
            id="a sidecar of the app's name",
        ),
        pytest.param(
            {"podExtensions": {"containerPorts": [{"name": "app", "containerPort": 1}]}},
            "spec.podExtensions.containerPorts[0].name",
            id="a port of the app's name",
        ),
        pytest.param(
            {"scheduling": {"tolerations": [{"operator": "Equal"}]}},
            "spec.scheduling.tolerations[0].operator",
            id="toleration",
        ),
        pytest.param({"dnsPolicy": "None"}, "spec.dnsConfig.nameservers", id="DNS"),
        pytest.param(
            {"resourcePatch": {"deployment": {"patch": "not json"}}},
            "spec.resourcePatch.deployment.patch",
            id="a patch that is no JSON",
        ),
        pytest.param(
            patch({"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}),
            "spec.resourcePatch.deployment.patch[0].path",
            id="a forbidden patch",
        ),
        pytest.param(
            patch(
                {"op": "add", "path": "/a/securityContext/runAsUser", "value": 0},
            ),
            "spec.resourcePatch.deployment.patch[0].path",
            id="a forbidden part of a path",
        ),
        pytest.param(
            patch({"op": "put", "path": "/a"}),
            "spec.resourcePatch.deployment.patch[0].op",
            id="no operation of JSON Patch",
        ),
        pytest.param(
            {"serviceAnnotations": {"note": "ü" * 128 * 1024}},
            "spec.serviceAnnotations",
            id="annotations of too many bytes",
        ),
    ],
)
def test_what_the_operator_would_choke_on_is_refused(spec: dict[str, Any], field: str) -> None:
    assert field in fields(judged(**spec))


def test_a_disabled_patch_is_not_looked_at() -> None:
    patched = {"deployment": {"patch": "not json", "disable": True}}

    assert judged(resourcePatch=patched) == Verdict()


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        pytest.param({"ingressName": "x"}, "spec.ingressName: is ignored", id="deprecated field"),
        pytest.param(
            {"podTemplate": {"extraLabels": {"a": "b"}}}, "never reports this stable", id="labels"
        ),
        pytest.param(
            {"deploymentTemplate": {"deploymentStrategyType": "Slow"}}, "RollingUpdate", id="word"
        ),
        pytest.param(
            {"fileStore": {"local": {"enabled": True}, "operatorManaged": {"replicas": 1}}},
            "spec.fileStore.operatorManaged: is ignored, because local is given",
            id="two stores",
        ),
        pytest.param({"version": "latest"}, "spec.version: a moving tag", id="latest"),
    ],
)
def test_what_will_hurt_is_said(spec: dict[str, Any], warning: str) -> None:
    assert any(warning in line for line in judged(**spec).warnings)
