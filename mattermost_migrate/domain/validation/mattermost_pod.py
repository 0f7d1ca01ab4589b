"""What a Mattermost says about its pods: volumes, further containers, labels, scheduling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.names import V1BETA1
from mattermost_migrate.domain.validation import containers, scheduling, syntax
from mattermost_migrate.domain.validation.field import Field, Finding, Rules

__all__ = ["findings"]

#: Names the operator gives to volumes and containers of its own (operator facts 0.2, 0.5, 3.3).
_VOLUMES: Final = frozenset({"mattermost-data", "mattermost-license"})
_CONTAINERS: Final = frozenset(
    {
        "mattermost",
        "init-check-database",
        "init-check-operator-mysql",
        "create-minio-bucket",
        "init-check-minio",
        "init-wait-for-db-setup",
    }
)
_DNS_POLICIES: Final = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")


def findings(spec: Field) -> Iterator[Finding]:
    """All there is to say about the pods of a Mattermost."""
    yield from _volumes(spec)
    yield from _template(spec)
    yield from spec.each(_RULES)
    yield from _network(spec)


def _volumes(spec: Field) -> Iterator[Finding]:
    names: set[str] = set()
    for volume in spec / "volumes":
        name = volume / "name"
        yield from syntax.object_name(name)
        if name.text in _VOLUMES:
            yield name.invalid("is the name of a volume of the operator's")
        elif name.text in names:
            yield name.duplicate()
        names.add(name.text)
    paths: set[str] = set()
    for mount in spec / "volumeMounts":
        name, path = mount / "name", mount / "mountPath"
        if name.text not in names | _VOLUMES:
            yield name.invalid("must be the name of one of spec.volumes")
        if not path.text or ":" in path.text:
            yield path.invalid("must be a path without ':'")
        elif path.text in paths:
            yield path.duplicate()
        paths.add(path.text)


def _template(spec: Field) -> Iterator[Finding]:
    template, deployment = spec / "podTemplate", spec / "deploymentTemplate"
    yield from template.each(_LABELS)
    extra = template / "extraLabels"
    own = {"app", V1BETA1.installation, V1BETA1.resource}
    exposed = (spec / "ingress").value is None or (spec / "ingress" / "enabled").value is True
    if any(key not in own for key, _ in extra.entries()) and (
        exposed or (spec / "useServiceLoadBalancer").value is True
    ):
        yield extra.caution("with these the operator never reports this stable: use resourceLabels")
    strategy = deployment / "deploymentStrategyType"
    if strategy and strategy.value not in {"Recreate", "RollingUpdate"}:
        yield strategy.caution("is taken for RollingUpdate")
    yield from syntax.count(deployment / "revisionHistoryLimit")


def _extensions(at: Field) -> Iterator[Finding]:
    names = set(_CONTAINERS)
    for kind in ("initContainers", "sidecarContainers"):
        for container in at / kind:
            name = container / "name"
            if not name.text:
                yield name.required("each container needs a name")
            elif name.text in names:
                yield name.duplicate()
            yield from syntax.object_name(name)
            names.add(name.text)
            if not (container / "image").text:
                yield (container / "image").required("each container needs an image")
            yield from containers.env(container / "env")
            yield from containers.resources(container / "resources")
            yield from syntax.pull_policy(container / "imagePullPolicy")
    yield from containers.ports(
        at / "containerPorts",
        taken=frozenset({"app", "metrics"}),
        numbers=frozenset({8065, 8067}),
    )


def _pull_secrets(at: Field) -> Iterator[Finding]:
    for reference in at:
        yield from syntax.secret_name(reference / "name")


def _network(spec: Field) -> Iterator[Finding]:
    policy = spec / "dnsPolicy"
    yield from syntax.one_of(policy, *_DNS_POLICIES)
    if policy.value == "None" and not spec / "dnsConfig" / "nameservers":
        yield (spec / "dnsConfig" / "nameservers").required("needed with dnsPolicy None")


_LABELS: Final[Rules] = {"extraAnnotations": syntax.annotation_map, "extraLabels": syntax.labels}
_RULES: Final[Rules] = {
    "podExtensions": _extensions,
    "scheduling": {
        "resources": containers.resources,
        "nodeSelector": syntax.labels,
        "affinity": scheduling.affinity,
        "tolerations": scheduling.tolerations,
    },
    "probes": {
        "livenessProbe": containers.liveness_probe,
        "readinessProbe": containers.readiness_probe,
    },
    "updateJob": _LABELS,
    "imagePullSecrets": _pull_secrets,
}
