"""The operator's health check, and the status it gives (operator facts 0.8, 2.3, 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.children.cluster_installation import object_labels
from mattermost_migrate.domain.children.labels import MattermostLabels
from mattermost_migrate.domain.inventory import job_server
from mattermost_migrate.domain.names import REVISION_ANNOTATION
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    labels_of,
    name_of,
)

__all__ = [
    "NOT_AVAILABLE",
    "Health",
    "Seen",
    "cluster_installation_health",
    "failed_cluster_installation",
    "failed_mattermost",
    "mattermost_health",
]

#: The endpoint of an installation that has none, or none yet.
NOT_AVAILABLE: Final = "not available"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the namespace shows; lists may hold foreign objects, labels decide.

    Attributes:
        deployments: by name.
        replica_sets: of the namespace.
        ingresses: of the namespace.
        services: of the namespace.
    """

    deployments: Mapping[str, JsonObject]
    replica_sets: tuple[JsonObject, ...] = ()
    ingresses: tuple[JsonObject, ...] = ()
    services: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict.

    Attributes:
        status: the whole new ``status``, as it is stored.
        problem: why it is not healthy, in the operator's words; empty when it is.
    """

    status: Mapping[str, Any]
    problem: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self.problem


class _UnhealthyError(Exception):
    """The check ends here; the text is the operator's."""


@dataclass(frozen=True, slots=True)
class _Rollout:
    replicas: int
    updated: int

    def require(self, wanted: int) -> None:
        if self.updated != wanted:
            raise _UnhealthyError(f"found {self.updated} updated replicas, but wanted {wanted}")
        if self.replicas != wanted:
            raise _UnhealthyError(f"found {self.replicas} pods, but wanted {wanted}")


def _labelled(objects: Iterable[JsonObject], labels: Mapping[str, str]) -> list[JsonObject]:
    return [obj for obj in objects if labels.items() <= labels_of(obj).items()]


def _rollout(seen: Seen, name: str, labels: Mapping[str, str]) -> _Rollout:
    """How far the Deployment's current revision is (operator facts 0.8)."""
    deployment = seen.deployments.get(name)
    if deployment is None:
        raise _UnhealthyError(f'failed to get deployment: deployments.apps "{name}" not found')
    status = deployment.get("status") or {}
    if deployment["metadata"].get("generation", 0) != status.get("observedGeneration", 0):
        raise _UnhealthyError(
            "mattermost deployment not yet picked up by the Deployment controller"
        )
    revision = annotations_of(deployment).get(REVISION_ANNOTATION)
    for replica_set in _labelled(seen.replica_sets, labels):
        progress = replica_set.get("status") or {}
        current = annotations_of(replica_set).get(REVISION_ANNOTATION) == revision
        if current and progress.get("observedGeneration", 0) > 0:
            return _Rollout(status.get("replicas", 0), progress.get("availableReplicas", 0))
    raise _UnhealthyError("replicaSet did not start rolling pods")


def _only(kind: str, objects: Iterable[JsonObject], labels: Mapping[str, str]) -> JsonObject:
    found = _labelled(objects, labels)
    if len(found) != 1:
        raise _UnhealthyError(f"expected one {kind}, but found {len(found)}")
    return found[0]


def _ingress_endpoint(seen: Seen, labels: Mapping[str, str]) -> str:
    ingress = _only("ingress", seen.ingresses, labels)
    rules = (ingress.get("spec") or {}).get("rules") or [{}]
    return str(rules[0].get("host") or "")


def _balancer_endpoint(seen: Seen, labels: Mapping[str, str]) -> str:
    service = _only("service", seen.services, labels)
    points = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if not points:
        raise _UnhealthyError("waiting for the Load Balancer to be active")
    return str(points[0].get("hostname") or points[0].get("ip") or "")


def _endpoint(seen: Seen, labels: Mapping[str, str], *, balancer: bool) -> str:
    words = "service load balancer" if balancer else "ingress load balancer"
    try:
        found = _balancer_endpoint(seen, labels) if balancer else _ingress_endpoint(seen, labels)
    except _UnhealthyError as error:
        raise _UnhealthyError(f"failed to check {words}: {error}") from None
    return found or NOT_AVAILABLE


def _stored(**status: Any) -> dict[str, Any]:
    """A status as it is stored: zeroes and empty texts are absent."""
    return {key: value for key, value in status.items() if value}


@dataclass(frozen=True, slots=True)
class _App:
    """One Deployment of a ClusterInstallation: itself or a colour."""

    name: str
    image: str
    version: str


def cluster_installation_health(ci: JsonObject, seen: Seen) -> Health:
    """The health of a ClusterInstallation with defaults, and its new status."""
    spec = ci["spec"]
    colours = spec["blueGreen"]
    if not colours.get("enable"):
        return _app_health(_App(name_of(ci), spec["image"], spec["version"]), spec, seen)
    checked = {
        colour: _app_health(_App(app["name"], app["image"], app["version"]), spec, seen)
        for colour, app in (("blue", colours["blue"]), ("green", colours["green"]))
    }
    names = {"blueName": colours["blue"]["name"], "greenName": colours["green"]["name"]}
    problems = [
        f"{colour} installation validation failed: {health.problem}"
        for colour, health in checked.items()
        if not health.healthy
    ]
    status = checked[colours["productionDeployment"]].status
    return Health({**status, **names}, problems[0] if problems else "")


def _app_health(app: _App, spec: Mapping[str, Any], seen: Seen) -> Health:
    labels = object_labels(app.name, spec)
    status: dict[str, Any] = {"state": "reconciling"}
    try:
        rollout = _started(seen, app.name, labels, "rollout not yet started")
        status |= _stored(replicas=rollout.replicas, updatedReplicas=rollout.updated)
        rollout.require(max(spec["replicas"], 0))
        status |= {"image": app.image, "version": app.version, "endpoint": NOT_AVAILABLE}
        balancer = bool(spec.get("useServiceLoadBalancer"))
        status["endpoint"] = _endpoint(seen, labels, balancer=balancer)
    except _UnhealthyError as error:
        return Health(status, str(error))
    return Health({**status, "state": "stable"})


def _started(seen: Seen, name: str, labels: Mapping[str, str], words: str) -> _Rollout:
    try:
        return _rollout(seen, name, labels)
    except _UnhealthyError as error:
        raise _UnhealthyError(f"{words}: {error}") from None


def mattermost_health(mm: JsonObject, seen: Seen, *, patches: Mapping[str, Any]) -> Health:
    """The health of a Mattermost with defaults, and its new status.

    Args:
        mm: the custom resource; its generation is the one observed.
        seen: what the namespace shows.
        patches: ``status.resourcePatch`` as this round left it; empty when there is none.
    """
    status = _stored(
        state="reconciling",
        observedGeneration=mm["metadata"].get("generation", 0),
        resourcePatch=patches,
    )
    try:
        _check_mattermost(mm, seen, status)
    except _UnhealthyError as error:
        return Health(status, str(error))
    return Health({**status, "state": "stable"})


def _check_mattermost(mm: JsonObject, seen: Seen, status: dict[str, Any]) -> None:
    """Fill the status step by step; what is reached stays when a later step fails."""
    spec, name = mm["spec"], name_of(mm)
    labels = MattermostLabels(name, spec)
    rollout = _started(seen, name, labels.pods(), "rollout not yet started")
    status |= _stored(replicas=rollout.replicas, updatedReplicas=rollout.updated)
    wanted = spec.get("replicas", 1)
    if wanted > 0 and not rollout.updated:
        raise _UnhealthyError("mattermost pods not yet updated")
    status |= {"image": spec["image"], "version": spec["version"], "endpoint": NOT_AVAILABLE}
    ingress = spec.get("ingress")
    balancer = bool(spec.get("useServiceLoadBalancer"))
    if balancer or ingress is None or ingress["enabled"]:
        status["endpoint"] = _endpoint(seen, labels.pods(), balancer=balancer)
    if wanted > 0:
        status["state"] = "ready"
    rollout.require(wanted)
    if (spec.get("jobServer") or {}).get("dedicatedJobServer"):
        _check_job_server(seen, name, labels)


def _check_job_server(seen: Seen, name: str, labels: MattermostLabels) -> None:
    words = "failed to check job server health"
    rollout = _started(
        seen,
        job_server(name),
        labels.job_server_pods(),
        f"{words}: job server pod rollout not yet started",
    )
    if not rollout.updated:
        raise _UnhealthyError(f"{words}: mattermost job server pods not yet updated")
    if rollout.updated != 1:
        raise _UnhealthyError(
            f"{words}: found {rollout.updated} updated job server replicas, but wanted 1"
        )
    if rollout.replicas != 1:
        raise _UnhealthyError(f"{words}: found job server {rollout.replicas} pods, but wanted 1")


def failed_cluster_installation(ci: JsonObject) -> dict[str, Any]:
    """The status after a round that stopped with an error: the old one, reconciling."""
    return {**(ci.get("status") or {}), "state": "reconciling"}


def failed_mattermost(
    mm: JsonObject, error: str, *, patches: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The status after a round that stopped: the old one with the error, reconciling.

    Args:
        mm: the custom resource; its generation is the one observed.
        error: why the round stopped.
        patches: ``status.resourcePatch`` as far as this round came; None leaves the old.
    """
    before = mm.get("status") or {}
    changed = {
        "state": "reconciling",
        "error": error,
        "observedGeneration": mm["metadata"].get("generation", 0),
        "resourcePatch": before.get("resourcePatch") if patches is None else patches,
    }
    return _stored(**{**before, **changed})
