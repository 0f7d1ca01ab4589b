"""The whole chart on a real API server by both Helm majors: install, upgrade, uninstall.

On a cluster of its own: its objects are cluster-wide and have fixed names.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.injection import VALIDATING, bundles_in
from mattermost_migrate.domain.names import (
    CRD,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    SECRET,
    SERVICE,
)
from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.tools import Toolbox

ROOT = Path(__file__).parents[3]
PLACE = ("--namespace", "mattermost-migrate")
Run = Callable[..., str]


def webhooks(cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster.admin.get(VALIDATING, None, "mattermost-migrate")[
        "webhooks"
    ]
    return found


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_an_upgrade_keeps_the_bundle_and_an_uninstall_the_migrations(
    own_cluster: Cluster, tools: Toolbox, run: Run, helm: str
) -> None:
    install = (tools[helm], "upgrade", "--install", "mm", ROOT / "deploy" / "chart", *PLACE)
    run(*install, "--create-namespace")
    run(sys.executable, "-m", "certs", "issue", *PLACE)
    before = bundles_in({"webhooks": webhooks(own_cluster)})

    run(*install, "--set", "webhook.failurePolicy=Fail")

    assert all(before)
    assert bundles_in({"webhooks": webhooks(own_cluster)}) == before
    assert {webhook["failurePolicy"] for webhook in webhooks(own_cluster)} == {"Fail"}

    run(tools[helm], "uninstall", "mm", *PLACE)

    assert own_cluster.admin.find(VALIDATING, None, "mattermost-migrate") is None
    for resource in (INSTALLATION_MIGRATION, FLEET_MIGRATION):
        assert own_cluster.admin.find(CRD, None, f"{resource.plural}.{resource.group}") is not None


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_preview_version_is_taken_out_before_its_service_goes(
    own_cluster: Cluster, tools: Toolbox, run: Run, helm: str
) -> None:
    install = (tools[helm], "upgrade", "--install", "mm", ROOT / "deploy" / "chart", *PLACE)
    run(*install, "--create-namespace", "--set", "conversion.enabled=true")
    assert own_cluster.admin.find(SERVICE, "mattermost-migrate", "mattermost-migrate-conversion")

    run(*install, "--set", "conversion.enabled=false")  # without any, Helm keeps those before
    hooks = list(yaml.safe_load_all(run(tools[helm], "get", "hooks", "mm", *PLACE)))
    run(tools[helm], "rollback", "mm", "1", *PLACE)
    run(tools[helm], "uninstall", "mm", *PLACE)

    told = [hook["metadata"]["annotations"]["helm.sh/hook"] for hook in hooks]
    assert told == ["pre-upgrade,pre-rollback"]


def test_nobody_s_work_stops_when_our_crds_are_gone(
    own_cluster: Cluster, tools: Toolbox, run: Run
) -> None:
    """A policy whose parameters have no kind is an error, on every Secret there is."""
    admin, crd = own_cluster.admin, "installationmigrations.migration.mattermost.com"
    admin.delete(CRD, None, crd)
    admin.until_gone(CRD, None, crd)
    run(tools["helm4"], "install", "mm", ROOT / "deploy" / "chart", *PLACE, "--skip-crds")
    with own_cluster.namespace() as namespace:
        admin.create(SECRET, namespace, {"metadata": {"name": "theirs"}})
        ends = time.monotonic() + 5

        while time.monotonic() < ends:  # the API server takes the policies up after a moment
            admin.patch(SECRET, namespace, "theirs", {"stringData": {"a": str(time.monotonic())}})
            time.sleep(0.1)
    run(tools["helm4"], "uninstall", "mm", *PLACE)
