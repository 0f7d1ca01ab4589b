"""The Job that tries an image before the Deployment gets it."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.children import ChildError
from mattermost_migrate.domain.children.update_job import Step, check, update_job


def owner(kind: str = "Mattermost", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "acme", "namespace": "ns", "uid": "u"}, "spec": spec}


def deployment(image: str, *, container: str = "mattermost") -> dict[str, Any]:
    pod = {
        "containers": [
            {"name": container, "image": image, "livenessProbe": {}, "readinessProbe": {}},
            {"name": "sidecar", "image": "s", "livenessProbe": {"periodSeconds": 3}},
        ],
        "initContainers": [{"name": "init-wait-for-db-setup"}, {"name": "init-check-database"}],
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "acme", "namespace": "ns"},
        "spec": {"template": {"spec": pod}},
    }


def job(image: str, **status: Any) -> dict[str, Any]:
    return {**update_job(owner(), deployment(image)), "status": status}


DONE = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("live", "found", "step"),
    [
        ("mm:2", None, Step.PROCEED),
        ("mm:1", None, Step.START),
        ("mm:1", job("mm:1"), Step.RESTART),
        ("mm:1", job("mm:2"), Step.WAIT),
        ("mm:1", job("mm:2", failed=3), Step.WAIT),
        ("mm:1", job("mm:2", completionTime=DONE), Step.FINISH),
        ("mm:1", job("mm:2", completionTime=DONE, failed=1), Step.FAIL),
    ],
)
def test_the_step_before_a_deployment_is_written(
    live: str, found: dict[str, Any] | None, step: Step
) -> None:
    verdict = check(owner(), deployment(live), deployment("mm:2"), job=found)
    assert verdict.step is step
    assert (verdict.job is not None) is (step in {Step.START, Step.RESTART})


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
    with pytest.raises(ChildError, match="ns/acme, ns/acme: failed to find main container"):
        check(owner(), live, deployment("mm:1"), job=None)
