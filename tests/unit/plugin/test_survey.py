"""Looking at thousands: what all share is worked out once, not once for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.survey import survey
from mattermost_migrate.domain.errors import NotFoundError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, owner_reference, owners_of
from mattermost_migrate.domain.writes import patch
from mattermost_migrate.kube.client import Listing
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.fleets import enlist, fleet
from mattermost_migrate.testing.ladder import climb
from mattermost_migrate.testing.simulation import Simulation

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


@dataclass
class Server:
    """A simulated cluster, for whoever reads it."""

    cluster: Simulation
    discovered: list[str] = field(default_factory=list)

    async def list(self, resource: Resource, *_: Any, **__: Any) -> Listing:
        return Listing(tuple(self.cluster.all(resource)), "")

    async def find(self, resource: Resource, _: str, name: str) -> JsonObject | None:
        return self.cluster.find(resource, name)

    async def get(self, resource: Resource, _: str, name: str) -> JsonObject:
        if (found := self.cluster.find(resource, name)) is None:
            raise NotFoundError(name)
        return found

    async def raw(self, _: str, path: str) -> Any:
        self.discovered.append(path)
        return {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}


def plan_of_a_revert(server: Server) -> Appraisal:
    inventory = Inventory(tuple(server.cluster.all(MATTERMOST)))
    wishes, every = Wishes(desired=CLUSTER_INSTALLATION.kind), Selection(everything=True)
    client = cast("Client", server)
    (found,) = asyncio.run(survey(client, every, inventory, wishes=wishes, rehearse=False))
    return found


@pytest.mark.parametrize("there", [True, False])
def test_the_plan_of_a_revert_tells_which_owner_is_not_put_back(*, there: bool) -> None:
    cluster = installed()
    team = cluster.put(CONFIG_MAP, {"metadata": {"name": "team"}})
    body = {"metadata": {"ownerReferences": [owner_reference(team, CONFIG_MAP)]}}
    cluster.apply(patch(CLUSTER_INSTALLATION, "acme", body))
    climb(cluster)
    if not there:
        cluster.put(CONFIG_MAP, {"metadata": {"name": "team", "uid": "another"}})

    found = plan_of_a_revert(Server(cluster))

    assert found.verdict is Verdict.MIGRATE
    told = [text for _, text in found.warnings if text.startswith("not put back: ConfigMap 'team'")]
    assert len(told) == (0 if there else 1)
    (planned,) = (each.body for each in found.rehearse if each.resource is CLUSTER_INSTALLATION)
    assert isinstance(planned, Mapping)
    assert [each["name"] for each in owners_of(planned)] == (["team"] if there else [])


def test_without_owners_nobody_asks_for_any() -> None:
    server = Server(installed())
    climb(server.cluster)

    assert plan_of_a_revert(server).verdict is Verdict.MIGRATE
    assert server.discovered == []
