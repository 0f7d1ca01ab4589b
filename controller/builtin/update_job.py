"""The Job that migrates the database before a new image runs (operator facts 2.5, 3.7).

Two things are better than in the operator: a Job that succeeded after a failed pod has succeeded,
and two installations of one namespace, which share the Job's one name, wait for each other instead
of deleting each other's Job. A Job that failed for good stays, with its logs, until the image
changes or somebody deletes it; the status says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from controller.builtin.children import Children
from controller.builtin.outcomes import NotReadyError, ProblemError
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.names import JOB
from mattermost_migrate.domain.objects import JsonObject, controller_of, namespace_of

__all__ = ["NAME", "finish", "image_of", "run", "update_job"]

NAME: Final = "mattermost-update-check"
_APP: Final = "mattermost"
_PROBES: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe"})
#: Reserved by the operator for a Job that waits for a database setup it never makes.
_NEVER: Final = "init-wait-for-db-setup"


def image_of(workload: JsonObject, *also: str) -> str | None:
    """The image of the app container of a Deployment or Job: ``mattermost``, or named otherwise."""
    containers = workload["spec"]["template"]["spec"].get("containers") or ()
    images = {container.get("name"): container.get("image") for container in containers}
    return next((images[name] for name in (_APP, *also) if name in images), None)


def update_job(
    installation: Installation, deployment: JsonObject, section: Mapping[str, Any]
) -> JsonObject:
    """The Job for a Deployment as it should become.

    Args:
        installation: whose Job it is.
        deployment: as rendered.
        section: ``spec.updateJob`` of a Mattermost; empty for a ClusterInstallation.
    """
    pod = deployment["spec"]["template"]["spec"]
    spec = {
        **pod,
        "containers": [_migrating(container) for container in pod["containers"]],
        "initContainers": [
            container
            for container in pod.get("initContainers") or ()
            if container.get("name") != _NEVER
        ],
        "restartPolicy": "Never",
    }
    metadata: dict[str, Any] = {"labels": {**(section.get("extraLabels") or {}), "app": NAME}}
    if annotations := section.get("extraAnnotations"):
        metadata["annotations"] = dict(annotations)
    return installation.adopted(
        JOB,
        {"name": NAME, "namespace": installation.namespace},
        spec={"template": {"metadata": metadata, "spec": spec}, "backoffLimit": 10},
    )


def _migrating(container: Mapping[str, Any]) -> dict[str, Any]:
    if container.get("name") != _APP:
        return dict(container)
    kept = {key: value for key, value in container.items() if key not in _PROBES}
    return {**kept, "args": ["db", "migrate"]}


async def run(children: Children, job: JsonObject) -> None:
    """See to it that the Job has run.

    Raises:
        NotReadyError: it has not finished.
        ProblemError: it failed for good.
    """
    live = children.known.seen(JOB, namespace_of(job), NAME)
    if live is None:
        await children.create(JOB, job)
        raise NotReadyError("Began update image job")
    if not children.owns(live) and not _over(live):
        other = controller_of(live) or {"kind": "nobody", "name": ""}
        raise NotReadyError(f"update image job of {other['kind']} {other['name']} still running")
    if not children.owns(live) or image_of(live) != image_of(job):
        await children.delete(JOB, live)
        raise NotReadyError("Restarted update image job")
    if failure := _condition(live, "Failed"):
        raise ProblemError(
            f"update image job failed: {failure.get('message') or failure.get('reason')}; "
            f"look at its logs and delete Job {namespace_of(job)}/{NAME} to try again"
        )
    if not (live.get("status") or {}).get("completionTime"):
        raise NotReadyError("update image job still running")


async def finish(children: Children) -> None:
    """Remove the Job and its pods once the Deployment runs what it prepared."""
    live = children.known.seen(JOB, namespace_of(children.owner), NAME)
    if live is not None and children.owns(live) and _over(live):
        await children.delete(JOB, live)


def _over(job: JsonObject) -> bool:
    return bool(_condition(job, "Failed") or (job.get("status") or {}).get("completionTime"))


def _condition(job: JsonObject, kind: str) -> JsonObject | None:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next(
        (c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None
    )
