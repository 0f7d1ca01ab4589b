"""Runs the update Job of a namespace; what is to be done is decided in the domain."""

from __future__ import annotations

from controller.builtin.children import Children
from controller.builtin.outcomes import NotReadyError, ProblemError
from mattermost_migrate.domain.children.update_job import Step, check, is_spent
from mattermost_migrate.domain.inventory import UPDATE_JOB
from mattermost_migrate.domain.names import JOB
from mattermost_migrate.domain.objects import JsonObject, namespace_of

__all__ = ["finish", "run"]


async def run(children: Children, live: JsonObject, desired: JsonObject) -> None:
    """See to it that the database is ready for what a Deployment is about to run.

    Args:
        children: of the installation.
        live: its Deployment as it is.
        desired: its Deployment as rendered.

    Raises:
        NotReadyError: the Job has not finished.
        ProblemError: it failed for good.
    """
    found = _seen(children)
    verdict = check(children.owner, live, desired, job=found)
    if verdict.step is Step.PROCEED:
        return
    if verdict.step is Step.FAIL:
        raise ProblemError(verdict.message)
    if verdict.step is Step.RESTART and found is not None:
        await children.delete(JOB, found)
    if verdict.job is not None:
        await children.create(JOB, verdict.job)
    raise NotReadyError(verdict.message)


async def finish(children: Children) -> None:
    """Remove the Job and its pods once the Deployment runs what it prepared."""
    found = _seen(children)
    if found is not None and is_spent(children.owner, found):
        await children.delete(JOB, found)


def _seen(children: Children) -> JsonObject | None:
    return children.known.seen(JOB, namespace_of(children.owner), UPDATE_JOB)
