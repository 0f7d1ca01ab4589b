"""What keeps a migration from starting: each refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    SECRET,
    Reason,
)
from mattermost_migrate.domain.steps import Look, Refuse, Wait, decide
from mattermost_migrate.testing.builders import installed
from mattermost_migrate.testing.simulation import Simulation


def first_word(cluster: Simulation) -> Refuse | Wait | Any:
    decision = decide(cluster.look("acme"), ADOPTION)
    if isinstance(decision.verdict, Look):
        decision = decide(cluster.look("acme", decision.verdict.part), ADOPTION)
    return decision.verdict


def object_of(cluster: Simulation, resource: Any, name: str = "acme") -> dict[str, Any]:
    found = cluster.find(resource, name)
    assert found is not None
    return found


def remove(cluster: Simulation, resource: Any, name: str = "acme") -> None:
    del cluster._objects[resource.kind, name]


def spec(cluster: Simulation, **fields: Any) -> None:
    object_of(cluster, CLUSTER_INSTALLATION)["spec"].update(fields)


def unready(cluster: Simulation) -> None:
    for pod in cluster.all(POD):
        pod["status"]["conditions"] = []


def strip(cluster: Simulation, name: str, key: str) -> None:
    del object_of(cluster, SECRET, name)["data"][key]


CASES: list[Any] = [
    pytest.param(
        lambda c: spec(c, blueGreen={"enable": True}), "spec.blueGreen.enable", id="blue/green"
    ),
    pytest.param(
        lambda c: spec(c, canary={"enable": True, "deployment": {"version": "8"}}),
        "spec.canary.enable",
        id="canary",
    ),
    pytest.param(
        lambda c: remove(c, SECRET, "db"), "spec.database.secret", id="no database Secret"
    ),
    pytest.param(
        lambda c: strip(c, "db", "DB_CONNECTION_STRING"),
        "spec.database.secret",
        id="a database Secret without a connection string",
    ),
    pytest.param(lambda c: remove(c, SECRET, "files"), "spec.minio.secret", id="no file Secret"),
    pytest.param(
        lambda c: strip(c, "files", "secretkey"), "spec.minio.secret", id="half a file Secret"
    ),
    pytest.param(lambda c: remove(c, DEPLOYMENT), "Deployment ns/acme", id="no Deployment"),
    pytest.param(
        lambda c: object_of(c, DEPLOYMENT)["metadata"].update(ownerReferences=[]),
        "Deployment ns/acme",
        id="a Deployment of somebody else",
    ),
    pytest.param(unready, "Deployment ns/acme", id="no pod ready"),
    pytest.param(
        lambda c: c.put(MATTERMOST, {"metadata": {"name": "acme"}, "spec": {}}),
        "Mattermost ns/acme",
        id="a Mattermost that no migration made",
    ),
    pytest.param(
        lambda c: remove(c, CLUSTER_INSTALLATION),
        "ClusterInstallation ns/acme",
        id="no ClusterInstallation",
    ),
    pytest.param(
        lambda c: object_of(c, CLUSTER_INSTALLATION)["metadata"].update(deletionTimestamp="now"),
        "ClusterInstallation ns/acme",
        id="a ClusterInstallation on its way out",
    ),
]


@pytest.mark.parametrize(("breakage", "named"), CASES)
def test_what_cannot_be_moved_is_refused_by_name(
    breakage: Callable[[Simulation], None], named: str
) -> None:
    cluster = installed()
    breakage(cluster)

    verdict = first_word(cluster)

    assert isinstance(verdict, Refuse)
    assert named in verdict.message
    assert verdict.reason != Reason.INTERNAL_ERROR
    assert verdict.next_command


def test_an_ordinary_one_is_not_refused() -> None:
    assert not isinstance(first_word(installed()), Refuse | Wait)


def test_a_paused_one_waits() -> None:
    cluster = installed()
    object_of(cluster, INSTALLATION_MIGRATION)["spec"]["paused"] = True

    verdict = first_word(cluster)

    assert isinstance(verdict, Wait)
    assert verdict.reason == Reason.PAUSED
