"""People chat while their installation moves. Small; the proof itself is ``make proof-traffic``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.traffic.kubelet import Temper
from mattermost_migrate.testing.traffic.site import Site, open_site

CRDS = Path(__file__).parents[3] / "deploy" / "crds"
SOCKETS = 20


@pytest.fixture(scope="module")
def site(tools: Toolbox) -> Iterator[Site]:
    with open_site(tools, CRDS, ["acme"], temper=Temper(0.5, 1.0)) as running:
        yield running


def test_nobody_notices_that_it_is_adopted(site: Site) -> None:
    before = site.processes()
    site.start_load(rate=50, sockets=SOCKETS)

    site.installations.move("acme")
    site.kill_controller()
    site.installations.move("acme", kind=CLUSTER_INSTALLATION.kind)

    met = site.stop_load()
    assert met["requests"] > 50
    assert (met["failures"], met["dropped"], met["lost"]) == ({}, 0, 0)
    assert len(set(before.values())) == 2
    assert site.processes() == before


def test_no_request_fails_while_new_pods_take_over(site: Site) -> None:
    before = site.processes()
    site.start_load(rate=50, sockets=SOCKETS)

    site.installations.move("acme", strategy="Recreate", drainSeconds=2)
    site.installations.until_whole(MATTERMOST, "acme")

    met = site.stop_load()
    assert met["failures"] == {}
    # Each with the pod it was on, and some again, from an old pod to an old pod.
    assert SOCKETS <= met["dropped"] <= 2 * SOCKETS
    assert not set(site.processes().values()) & set(before.values())
