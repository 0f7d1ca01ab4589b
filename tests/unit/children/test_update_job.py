"""The Job that tries an image before the Deployment gets it."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.children import ChildError
from mattermost_migrate.domain.children.update_job import (
    Step,
    check,
    is_spent,
    require_app,
    update_job,
)


def owner(kind: str = "Mattermost", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "acme", "namespace": "ns", "uid": "u"}, "spec": spec}


def deployment(image: str, *, container: str = "mattermost") -> dict[str, Any]:
    pod = {
        "containers": [
            {
                "name": container,
                "image": image,
                "livenessProbe": {},
                "readinessProbe": {},
                "startupProbe": {},
            },
            {"name": "sidecar", "image": "s", "livenessProbe": {"periodSeconds": 3}},
        ],
        "initContainers": [{"name": "init-wait-for-db-setup"}, {"name": "init-check-database"}],
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "acme", "namespace": "ns"},
        "spec": {"template": {"spec": pod}},
    }


def job(image: str, *, of: str = "u", **status: Any) -> dict[str, Any]:
    theirs = owner()
    theirs["metadata"] |= {"name": "other" if of != "u" else "acme", "uid": of}
    return {**update_job(theirs, deployment(image)), "status": status}


DONE = {"completionTime": "2026-01-01T00:00:00Z"}
FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}


@pytest.mark.parametrize(
    ("live", "found", "step"),
    [
        ("mm:2", None, Step.PROCEED),
        ("mm:1", None, Step.START),
        ("mm:1", job("mm:1"), Step.RESTART),
        ("mm:1", job("mm:2"), Step.WAIT),
        ("mm:1", job("mm:2", failed=3), Step.WAIT),
        ("mm:1", job("mm:2", **DONE), Step.PROCEED),
        ("mm:1", job("mm:2", **DONE, failed=1), Step.PROCEED),
        ("mm:1", job("mm:2", **FAILED), Step.FAIL),
        ("mm:1", job("mm:1", **FAILED), Step.RESTART),
        ("mm:1", job("mm:2", of="o"), Step.WAIT),
        ("mm:1", job("mm:2", of="o", **DONE), Step.RESTART),
        ("mm:1", job("mm:2", of="o", **FAILED), Step.RESTART),
    ],
)
def test_the_step_before_a_deployment_is_written(
    live: str, found: dict[str, Any] | None, step: Step
) -> None:
    verdict = check(owner(), deployment(live), deployment("mm:2"), job=found)
    assert verdict.step is step
    assert (verdict.job is not None) is (step is Step.START)


def test_who_waits_is_told_for_whom() -> None:
    running = job("mm:2", of="o")
    verdict = check(owner(), deployment("mm:1"), deployment("mm:2"), job=running)
    assert verdict.message == "update image job of Mattermost other still running"


def test_a_failed_job_is_told_with_its_reason_and_where_to_look() -> None:
    verdict = check(owner(), deployment("mm:1"), deployment("mm:2"), job=job("mm:2", **FAILED))
    assert "BackoffLimitExceeded" in verdict.message
    assert "Job ns/mattermost-update-check" in verdict.message


@pytest.mark.parametrize(
    ("found", "spent"),
    [
        (None, False),
        (job("mm:2"), False),
        (job("mm:2", **DONE), True),
        (job("mm:2", **FAILED), True),
        (job("mm:2", of="o", **DONE), False),
    ],
)
def test_only_an_own_job_that_is_over_goes(found: dict[str, Any] | None, *, spent: bool) -> None:
    assert is_spent(owner(), found) is spent


def test_a_disabled_job_lets_every_image_pass() -> None:
    verdict = check(
        owner(updateJob={"disabled": True}), deployment("mm:1"), deployment("mm:2"), job=None
    )
    assert verdict.step is Step.PROCEED


def test_the_job_migrates_the_database_and_ends() -> None:
    settings = {"extraLabels": {"app": "no", "c": "d"}, "extraAnnotations": {"a": "b"}}
    made = update_job(owner(updateJob=settings), deployment("mm:2"))
    template = made["spec"]["template"]

    assert made["spec"]["backoffLimit"] == 10
    assert template["metadata"] == {
        "labels": {"app": "mattermost-update-check", "c": "d"},
        "annotations": {"a": "b"},
    }
    assert template["spec"] == {
        "containers": [
            {"name": "mattermost", "image": "mm:2", "args": ["db", "migrate"], "resources": {}},
            {
                "name": "sidecar",
                "image": "s",
                "livenessProbe": {"periodSeconds": 3},
                "resources": {},
            },
        ],
        "initContainers": [{"name": "init-check-database", "resources": {}}],
        "restartPolicy": "Never",
    }


def test_an_old_container_named_like_the_cluster_installation_counts() -> None:
    ci = owner("ClusterInstallation")
    live = deployment("mm:1", container="acme")
    assert check(ci, live, deployment("mm:1"), job=None).step is Step.PROCEED
    assert check(owner(), live, deployment("mm:1"), job=None).step is Step.START
    require_app(ci, live)
    with pytest.raises(ChildError, match="ns/acme, ns/acme: failed to find main container"):
        require_app(owner(), live)
