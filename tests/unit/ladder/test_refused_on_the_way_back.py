"""An edit without a place in a ClusterInstallation is refused before the first write, and told."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Strategy
from mattermost_migrate.domain.steps import Refuse
from mattermost_migrate.domain.writes import patch
from mattermost_migrate.testing.fault_schedules import beginning
from mattermost_migrate.testing.ladder import climb, decision, desire


@pytest.mark.parametrize(
    ("edit", "reason", "field"),
    [
        pytest.param({"dnsPolicy": "Default"}, "NoPlace", "spec.dnsPolicy", id="no such field"),
        pytest.param(
            {"ingress": {"enabled": False}, "useServiceLoadBalancer": True},
            "NoPlace",
            "spec.ingress.host",
            id="a host taken away",
        ),
        pytest.param(
            {"ingressName": "", "ingress": {"enabled": False}, "useServiceLoadBalancer": True},
            "NotConvertible",
            "spec.ingress.host",
            id="no host left",
        ),
    ],
)
@pytest.mark.parametrize("strategy", list(Strategy))
def test_it_names_the_field(
    strategy: Strategy, edit: dict[str, Any], reason: str, field: str
) -> None:
    start, _ = beginning(2, strategy)
    cluster = copy.deepcopy(start)
    climb(cluster)
    cluster.apply(patch(MATTERMOST, "acme", {"spec": edit}))
    cluster.settle()
    version = cluster.version

    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    verdict = decision(cluster).verdict

    assert isinstance(verdict, Refuse)
    assert verdict.reason == reason
    assert field in verdict.message
    assert cluster.version == version + 1, "the wish alone was written"
