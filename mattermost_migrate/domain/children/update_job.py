"""The Job that tries a new image before the Deployment gets it (operator facts 2.5, 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from mattermost_migrate.domain.children.deployment import APP_CONTAINER
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, JOB, MATTERMOST, V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of

__all__ = ["UPDATE_JOB", "Step", "UpdateCheck", "check", "require_app", "update_job"]

#: One name for every installation of a namespace, as the operator has it.
UPDATE_JOB: Final = "mattermost-update-check"
_SETUP_WAIT: Final = "init-wait-for-db-setup"
_RETRIES: Final = 10


class Step(Enum):
    """What to do about the Job before the Deployment may be written."""

    PROCEED = auto()  # no Job is needed: write the Deployment
    START = auto()  # create the Job, then wait
    RESTART = auto()  # delete the Job with its pods, create the new one, then wait
    WAIT = auto()  # it runs
    FINISH = auto()  # it succeeded: write the Deployment, then delete the Job with its pods
    FAIL = auto()  # it failed: delete it with its pods and report; the next round starts anew


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
        live: the Deployment as it is.
        desired: the Deployment as rendered.
        job: the namespace's update Job, if there is one.

    Raises:
        ChildError: a Deployment or the Job has no app container; in the operator's words.
    """
    same = _app_image(owner, live, desired) == _app_image(owner, desired, live)
    if same or (owner["spec"].get("updateJob") or {}).get("disabled"):
        return UpdateCheck(Step.PROCEED)
    if job is None:
        return UpdateCheck(Step.START, update_job(owner, desired), "Began update image job")
    if _image(owner, job) != _image(owner, desired):
        return UpdateCheck(Step.RESTART, update_job(owner, desired), "Restarted update image job")
    return _progress(job)


def _progress(job: JsonObject) -> UpdateCheck:
    status = job.get("status") or {}
    if not status.get("completionTime"):
        return UpdateCheck(Step.WAIT, message="update image job still running")
    if status.get("failed", 0) > 0:
        return UpdateCheck(Step.FAIL, message="update image job failed")
    return UpdateCheck(Step.FINISH)


def require_app(owner: JsonObject, deployment: JsonObject) -> None:
    """Make sure a Deployment has the container whose image decides about updates.

    Raises:
        ChildError: it has not, as after a patch that renamed it.
    """
    _app_image(owner, deployment, deployment)


def _app_image(owner: JsonObject, deployment: JsonObject, other: JsonObject) -> str:
    image = _image(owner, deployment)
    if image is None:
        one, two = (f"{namespace_of(obj)}/{name_of(obj)}" for obj in (deployment, other))
        raise ChildError(
            f"failed to compare deployment images, deployments: {one}, {two}: "
            "failed to find main container in a list while comparing images"
        )
    return image


def _image(owner: JsonObject, obj: JsonObject) -> str | None:
    """The app container's image; a ClusterInstallation's may still be named like itself."""
    containers: Iterable[Mapping[str, Any]] = obj["spec"]["template"]["spec"]["containers"]
    images = {container["name"]: str(container.get("image", "")) for container in containers}
    if owner["kind"] == CLUSTER_INSTALLATION.kind:
        return images.get(APP_CONTAINER, images.get(name_of(owner)))
    return images.get(APP_CONTAINER)


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


def _pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    waits = [c for c in pod.get("initContainers") or () if c["name"] != _SETUP_WAIT]
    containers = [
        _migrating(container) if container["name"] == APP_CONTAINER else container
        for container in pod["containers"]
    ]
    return {**pod, "initContainers": waits, "containers": containers, "restartPolicy": "Never"}


def _migrating(container: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in container.items() if k not in {"livenessProbe", "readinessProbe"}}
    return {**kept, "args": ["db", "migrate"]}
