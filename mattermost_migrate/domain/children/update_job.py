"""The Job that migrates the database before the Deployment gets a new image.

After operator facts 2.5 and 3.7, with these differences (docs/reference/rendering.md): a Job that
succeeded after a failed pod has succeeded; one that failed for good is told and stays, with its
logs, until the image changes or somebody deletes it; and two installations of one namespace, which
share the Job's one name, wait for each other instead of deleting each other's Job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from mattermost_migrate.domain.children.deployment import APP_CONTAINER
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.inventory import UPDATE_JOB
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, JOB, MATTERMOST, V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import (
    JsonObject,
    controller_of,
    name_of,
    namespace_of,
    uid_of,
)

__all__ = ["Step", "UpdateCheck", "check", "is_spent", "require_app", "update_job"]

_SETUP_WAIT: Final = "init-wait-for-db-setup"
_PROBES: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe"})
_RETRIES: Final = 10


class Step(Enum):
    """What to do about the Job before the Deployment may be written."""

    PROCEED = auto()  # no Job is needed, or it succeeded: write the Deployment
    START = auto()  # create the Job, then wait
    RESTART = auto()  # delete the Job with its pods; the next round starts anew
    WAIT = auto()  # a Job runs: its own, or another installation's
    FAIL = auto()  # it failed for good: report it


@dataclass(frozen=True, slots=True)
class UpdateCheck:
    """The step, the Job to create where it says so, and what to report meanwhile."""

    step: Step
    job: JsonObject | None = None
    message: str = ""


def check(
    owner: JsonObject, live: JsonObject, desired: JsonObject, *, job: JsonObject | None
) -> UpdateCheck:
    """What the update job says about writing a Deployment.

    Args:
        owner: the ClusterInstallation or Mattermost.
        live: the Deployment as it is; without an app container its image counts as another.
        desired: the Deployment as rendered.
        job: the namespace's update Job, if there is one.
    """
    same = _image(owner, live) == _image(owner, desired)
    if same or (owner["spec"].get("updateJob") or {}).get("disabled"):
        return UpdateCheck(Step.PROCEED)
    if job is None:
        return UpdateCheck(Step.START, update_job(owner, desired), "Began update image job")
    if not _owns(owner, job) and not _is_over(job):
        other = controller_of(job) or {"kind": "nobody", "name": ""}
        whose = f"{other['kind']} {other['name']}".strip()
        return UpdateCheck(Step.WAIT, message=f"update image job of {whose} still running")
    if not _owns(owner, job) or _image(owner, job) != _image(owner, desired):
        return UpdateCheck(Step.RESTART, message="Restarted update image job")
    return _progress(job)


def is_spent(owner: JsonObject, job: JsonObject | None) -> bool:
    """Whether the Job is this installation's and over: gone once the Deployment is written."""
    return job is not None and _owns(owner, job) and _is_over(job)


def require_app(owner: JsonObject, deployment: JsonObject) -> None:
    """Make sure a Deployment has the container whose image decides about updates.

    Raises:
        ChildError: it has not, as after a patch that renamed it.
    """
    if _image(owner, deployment) is None:
        which = f"{namespace_of(deployment)}/{name_of(deployment)}"
        raise ChildError(
            f"failed to compare deployment images, deployments: {which}, {which}: "
            "failed to find main container in a list while comparing images"
        )


def update_job(owner: JsonObject, deployment: JsonObject) -> dict[str, Any]:
    """The Job for a rendered Deployment: its pod, told to migrate the database and stop."""
    if owner["kind"] == MATTERMOST.kind:
        installation = Installation.of(owner, MATTERMOST, V1BETA1)
    else:
        installation = Installation.of(owner, CLUSTER_INSTALLATION, V1ALPHA1)
    settings = installation.spec.get("updateJob") or {}
    template = {
        "metadata": {
            "labels": {**(settings.get("extraLabels") or {}), "app": UPDATE_JOB},
            "annotations": settings.get("extraAnnotations") or {},
        },
        "spec": _pod(deployment["spec"]["template"]["spec"]),
    }
    metadata = {"name": UPDATE_JOB, "namespace": installation.namespace}
    return installation.adopted(
        JOB, metadata, spec={"backoffLimit": _RETRIES, "template": template}
    )


def _progress(job: JsonObject) -> UpdateCheck:
    if failure := _condition(job, "Failed"):
        where = f"Job {namespace_of(job)}/{UPDATE_JOB}"
        why = failure.get("message") or failure.get("reason") or "no reason given"
        told = (
            f"update image job failed: {why}; look at the logs of {where}, and delete it to retry"
        )
        return UpdateCheck(Step.FAIL, message=told)
    if not _is_over(job):
        return UpdateCheck(Step.WAIT, message="update image job still running")
    return UpdateCheck(Step.PROCEED)


def _is_over(job: JsonObject) -> bool:
    return bool((job.get("status") or {}).get("completionTime") or _condition(job, "Failed"))


def _condition(job: JsonObject, kind: str) -> Mapping[str, Any] | None:
    conditions: Iterable[Mapping[str, Any]] = (job.get("status") or {}).get("conditions") or ()
    return next(
        (c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None
    )


def _owns(owner: JsonObject, job: JsonObject) -> bool:
    controller = controller_of(job)
    return controller is not None and controller.get("uid") == uid_of(owner)


def _image(owner: JsonObject, obj: JsonObject) -> str | None:
    """The app container's image; a ClusterInstallation's may still be named like itself."""
    containers: Iterable[Mapping[str, Any]] = obj["spec"]["template"]["spec"]["containers"]
    images = {container["name"]: str(container.get("image", "")) for container in containers}
    if owner["kind"] == CLUSTER_INSTALLATION.kind:
        return images.get(APP_CONTAINER, images.get(name_of(owner)))
    return images.get(APP_CONTAINER)


def _pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    waits = [c for c in pod.get("initContainers") or () if c["name"] != _SETUP_WAIT]
    containers = [
        _migrating(container) if container["name"] == APP_CONTAINER else container
        for container in pod["containers"]
    ]
    return {**pod, "initContainers": waits, "containers": containers, "restartPolicy": "Never"}


def _migrating(container: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in container.items() if key not in _PROBES}
    return {**kept, "args": ["db", "migrate"]}
