"""Whose selectors mean an installation by the labels of the old kind."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.neighbours import neighbours

OLD = "v1alpha1.mattermost.com/installation"


def obj(kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "theirs", **metadata}, "spec": spec}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(obj("Service", {"selector": {OLD: "chat"}}), id="a Service"),
        pytest.param(
            obj("PodDisruptionBudget", {"selector": {"matchLabels": {OLD: "chat"}}}), id="a budget"
        ),
        pytest.param(
            obj("NetworkPolicy", {"podSelector": {"matchLabels": {OLD: "chat"}}}), id="a policy"
        ),
        pytest.param(
            obj(
                "NetworkPolicy",
                {"egress": [{"to": [{"podSelector": {"matchLabels": {OLD: "chat"}}}]}]},
            ),
            id="a policy that lets others speak to it",
        ),
        pytest.param(
            obj(
                "ServiceMonitor",
                {"selector": {"matchExpressions": [{"key": OLD, "operator": "Exists"}]}},
            ),
            id="a monitor of all installations",
        ),
        pytest.param(
            obj(
                "HorizontalPodAutoscaler",
                {"scaleTargetRef": {"kind": "Deployment", "name": "chat"}},
            ),
            id="an autoscaler",
        ),
    ],
)
def test_who_means_it_is_named(found: dict[str, Any]) -> None:
    (neighbour,) = neighbours("chat", [found])

    assert str(neighbour).startswith(f"{found['kind']} theirs: s")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(obj("Service", {"selector": {OLD: "talk"}}), id="another installation's"),
        pytest.param(obj("Service", {"selector": {"app": "mattermost"}}), id="other labels"),
        pytest.param(obj("NetworkPolicy", {"podSelector": {}}), id="every pod"),
        pytest.param(
            obj("Service", {"selector": {OLD: "chat"}}, ownerReferences=[{"uid": "u"}]),
            id="the operator's own",
        ),
        pytest.param(
            obj(
                "HorizontalPodAutoscaler",
                {"scaleTargetRef": {"kind": "StatefulSet", "name": "chat"}},
            ),
            id="an autoscaler of something else",
        ),
    ],
)
def test_who_does_not_mean_it_is_not(found: dict[str, Any]) -> None:
    assert neighbours("chat", [found]) == ()
