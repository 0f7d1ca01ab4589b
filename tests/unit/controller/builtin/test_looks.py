"""Which installations are looked at when something beside them changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.builtin.operator import BuiltinOperator
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INGRESS_CLASS, MATTERMOST
from mattermost_migrate.domain.objects import owner_reference
from mattermost_migrate.kube import Informer


@pytest.mark.parametrize(
    ("spec", "looked_at"),
    [
        pytest.param({}, 0, id="it has nothing to do with it"),
        pytest.param({"migrate": False}, 0, id="awake"),
        pytest.param({"migrate": True}, 1, id="it waits for a migration"),
    ],
)
def test_only_what_waits_for_a_migration_is_looked_at_for_it(
    spec: dict[str, Any], looked_at: int
) -> None:
    nobody: Any = None
    known = Informer(nobody, CLUSTER_INSTALLATION)
    metadata = {"namespace": "ns", "name": "acme", "uid": "1", "resourceVersion": "7"}
    known.note({"metadata": metadata, "spec": spec})
    operator = BuiltinOperator(nobody, {CLUSTER_INSTALLATION: known})

    operator._of_migration(None, {"metadata": {"namespace": "ns", "name": "acme"}})

    assert len(operator._queues[CLUSTER_INSTALLATION.kind]) == looked_at


def test_what_has_no_namespace_is_told_to_its_owner_in_whichever_it_is() -> None:
    nobody: Any = None
    informers = {kind: Informer(nobody, kind) for kind in (CLUSTER_INSTALLATION, MATTERMOST)}
    operator = BuiltinOperator(nobody, informers)
    mattermosts = [
        {"metadata": {"namespace": place, "name": "acme", "uid": place, "resourceVersion": "7"}}
        for place in ("one", "two")
    ]
    for each in mattermosts:
        informers[MATTERMOST].note(each)
    owners = [owner_reference(mattermosts[1], MATTERMOST)]
    ingress_class = {"metadata": {"name": "acme", "ownerReferences": owners}}

    operator._of_child(INGRESS_CLASS, ingress_class, None)

    queue = operator._queues[MATTERMOST.kind]
    assert len(queue) == 1
    assert asyncio.run(queue.get()) == ("two", "acme")
