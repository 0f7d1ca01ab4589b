"""The Deployment that runs Mattermost, of either kind (operator facts 0.5, 2.4, 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.names import DEPLOYMENT

__all__ = [
    "APP_CONTAINER",
    "LICENSE_ANNOTATIONS",
    "LICENSE_MOUNT",
    "LICENSE_VARIABLE",
    "POD_PORTS",
    "REVISIONS",
    "ROLLING",
    "AppContainer",
    "Shape",
    "deployment",
    "image_name",
    "license_volume",
]

APP_CONTAINER: Final = "mattermost"
POD_PORTS: Final = (
    {"name": "app", "containerPort": 8065},
    {"name": "metrics", "containerPort": 8067},
)
ROLLING: Final = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
}
LICENSE_VARIABLE: Final = {
    "name": "MM_SERVICESETTINGS_LICENSEFILELOCATION",
    "value": "/mattermost-license/license",
}
LICENSE_MOUNT: Final = {
    "name": "mattermost-license",
    "mountPath": "/mattermost-license",
    "readOnly": True,
}
LICENSE_ANNOTATIONS: Final = {
    "prometheus.io/path": "/metrics",
    "prometheus.io/port": "8067",
    "prometheus.io/scrape": "true",
}
#: How many old ReplicaSets are kept unless the spec says otherwise.
REVISIONS: Final = 5


def license_volume(secret: str) -> dict[str, Any]:
    """The volume that brings the license into the pod."""
    return {"name": "mattermost-license", "secret": {"secretName": secret}}


def image_name(image: str, version: str, *, digest: bool) -> str:
    """The image to run; a digest is joined by ``@``."""
    return f"{image}{'@' if digest else ':'}{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContainer:
    """The one container both kinds always have."""

    image: str
    pull_policy: str
    env: Iterable[Mapping[str, Any]]
    liveness: Mapping[str, Any]
    readiness: Mapping[str, Any]
    resources: Mapping[str, Any]
    mounts: Iterable[Mapping[str, Any]]
    command: Iterable[str] = ("mattermost",)
    ports: Iterable[Mapping[str, Any]] = POD_PORTS
    security_context: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a container of a pod."""
        return {
            "name": APP_CONTAINER,
            "image": self.image,
            "imagePullPolicy": self.pull_policy,
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "command": list(self.command),
            "env": list(self.env),
            "ports": list(self.ports),
            "readinessProbe": self.readiness,
            "livenessProbe": self.liveness,
            "volumeMounts": list(self.mounts),
            "resources": self.resources,
            "securityContext": self.security_context,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What surrounds the containers of a Deployment.

    Attributes:
        labels: of the Deployment.
        pod_labels: of its pods.
        pod_annotations: of its pods.
        replicas: wanted.
        strategy: how it rolls.
        revisions: how many old ReplicaSets it keeps.
        selector: by which it knows its pods; the kind's own when None.
    """

    labels: Mapping[str, str]
    pod_labels: Mapping[str, str]
    pod_annotations: Mapping[str, str]
    replicas: int
    strategy: Mapping[str, Any] = field(default_factory=lambda: ROLLING)
    revisions: int = REVISIONS
    selector: Mapping[str, str] | None = None


def deployment(
    installation: Installation, name: str, shape: Shape, pod: Mapping[str, Any]
) -> dict[str, Any]:
    """A Deployment of that name; its pods run under the installation's ServiceAccount."""
    selector = shape.selector or installation.keys.selector(name)
    return installation.child(
        DEPLOYMENT,
        installation.metadata(name, labels=shape.labels),
        spec={
            "replicas": shape.replicas,
            "revisionHistoryLimit": shape.revisions,
            "selector": {"matchLabels": dict(selector)},
            "strategy": shape.strategy,
            "template": {
                "metadata": {
                    "labels": dict(shape.pod_labels),
                    "annotations": dict(shape.pod_annotations),
                },
                "spec": {"serviceAccountName": installation.name, **pod},
            },
        },
    )
