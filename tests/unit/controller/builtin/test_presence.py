from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.builtin.presence import signs_of_operator

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def lease(age: float, holder: str = "operator-1") -> dict[str, Any]:
    return {
        "metadata": {"namespace": "mm", "name": "b78a986e.mattermost.com"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": (NOW - timedelta(seconds=age)).isoformat(),
        },
    }


def deployment(image: str, ready: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "mm", "name": "mattermost-operator"},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"readyReplicas": ready},
    }


@pytest.mark.parametrize(
    ("leases", "deployments", "signs"),
    [
        pytest.param((), (), 0, id="nothing"),
        pytest.param((lease(5),), (), 1, id="a Lease just renewed"),
        pytest.param((lease(60),), (), 0, id="a Lease long expired"),
        pytest.param((lease(5, holder=""),), (), 0, id="a Lease given back"),
        pytest.param((lease(-8),), (), 1, id="a clock that is ahead of ours"),
        pytest.param((), (deployment("mattermost/mattermost-operator:v1.25.9"),), 1, id="running"),
        pytest.param(
            (),
            (deployment("mirror.example/mattermost/mattermost-operator@sha256:1"),),
            1,
            id="mirror",
        ),
        pytest.param((), (deployment("mattermost/mattermost-operator:v1", 0),), 0, id="stopped"),
        pytest.param((), (deployment("mattermost/mattermost-team-edition:9"),), 0, id="a server"),
    ],
)
def test_the_operator_is_known_by_its_lease_and_its_image(
    leases: tuple[dict[str, Any], ...], deployments: tuple[dict[str, Any], ...], signs: int
) -> None:
    assert len(list(signs_of_operator(leases, deployments, now=NOW))) == signs
