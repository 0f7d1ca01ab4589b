"""Looking at thousands: what all share is worked out once, not once for each."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from helm_mattermost_migrate.appraisal import Verdict
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.survey import survey
from mattermost_migrate.domain.names import MATTERMOST
from mattermost_migrate.testing.fleets import enlist, fleet

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client


def over(subject: dict[str, Any]) -> dict[str, Any]:
    summary = {"type": "Succeeded", "status": "False", "observedGeneration": 1}
    return {**subject, "status": {"conditions": [summary]}}


#: What one pass over them takes a small part of, and a pass for each of them many times.
SECONDS = 10.0


@pytest.mark.parametrize(
    ("fleets", "abandoned"),
    [
        pytest.param((), True, id="its fleet is gone"),
        pytest.param((fleet(name="f"),), False, id="its fleet is under way"),
        pytest.param((over(fleet(name="f")),), True, id="its fleet is over"),
        pytest.param(None, False, id="we may not see fleets"),
    ],
)
def test_who_waits_for_a_fleet_that_will_not_start_it_is_abandoned(
    fleets: tuple[dict[str, Any], ...] | None, *, abandoned: bool
) -> None:
    waiting = enlist(fleet(name="f"), "acme", 0)
    installation = {"kind": "ClusterInstallation", "metadata": {"namespace": "ns", "name": "acme"}}

    inventory = Inventory((installation,), (waiting,), fleets)

    assert inventory.abandoned == ({("ns", "acme")} if abandoned else set())


def test_its_cost_grows_with_the_number_and_not_with_its_square() -> None:
    migrated = tuple(
        {"kind": MATTERMOST.kind, "metadata": {"namespace": "ns", "name": f"mm-{number}"}}
        for number in range(3000)
    )
    nobody = cast("Client", None)  # of what is migrated nothing is asked
    began = time.process_time()

    found = asyncio.run(
        survey(nobody, Selection(everything=True), Inventory(migrated), wishes=Wishes())
    )

    assert {each.verdict for each in found} == {Verdict.MIGRATED}
    assert time.process_time() - began < SECONDS
