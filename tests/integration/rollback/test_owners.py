"""A ClusterInstallation that somebody owns, back after success, and the real garbage collector.

The owner is of a kind that the chart lets the controller read; one that it may not read is left out
like one that is gone.
"""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    SERVICE,
    SERVICE_ACCOUNT,
)
from mattermost_migrate.domain.objects import owners_of, uid_of
from mattermost_migrate.testing.cluster import Client
from mattermost_migrate.testing.installations import Installations

pytestmark = pytest.mark.usefixtures("controller")
OWNER = "team"
BACK = CLUSTER_INSTALLATION.kind


def make_owner(admin: Client, namespace: str) -> dict[str, Any]:
    """A ServiceAccount; returns the reference to it."""
    made = admin.create(SERVICE_ACCOUNT, namespace, {"metadata": {"name": OWNER}})
    return {
        "apiVersion": SERVICE_ACCOUNT.api_version,
        "kind": SERVICE_ACCOUNT.kind,
        "name": OWNER,
        "uid": uid_of(made),
    }


@pytest.fixture
def reference(admin: Client, namespace: str, installations: Installations) -> dict[str, Any]:
    """To the owner of a ClusterInstallation that has become a Mattermost."""
    installations.create("acme")
    owner = make_owner(admin, namespace)
    body = {"metadata": {"ownerReferences": [owner]}}
    admin.patch(CLUSTER_INSTALLATION, namespace, "acme", body)
    installations.move("acme")
    return owner


def told(imig: dict[str, Any]) -> list[str]:
    warnings = imig["status"].get("warnings") or ()
    return [each["message"] for each in warnings if "not put back" in each["message"]]


def collector_is_through(admin: Client, namespace: str, installations: Installations) -> None:
    """Wait until it has collected something that lost its owner after ours did."""
    gone = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "nobody", "uid": "no-such-uid"}
    bait = {"metadata": {"name": "bait", "ownerReferences": [gone]}}
    admin.create(SERVICE_ACCOUNT, namespace, bait)
    installations.until_so(lambda: installations.find(SERVICE_ACCOUNT, "bait") is None)


@pytest.mark.parametrize("anew", [False, True], ids=["deleted", "made anew"])
def test_without_its_owner_it_is_back_and_stays(
    admin: Client,
    namespace: str,
    installations: Installations,
    reference: dict[str, Any],
    *,
    anew: bool,
) -> None:
    admin.delete(SERVICE_ACCOUNT, namespace, OWNER)
    installations.until_so(lambda: installations.find(SERVICE_ACCOUNT, OWNER) is None)
    if anew:
        make_owner(admin, namespace)
    workload, since = installations.workload(), installations.witness.now()

    installations.ask("acme", kind=BACK)
    imig = installations.until_ended("acme")
    (text,) = told(imig)
    assert installations.harms(since) == ()
    collector_is_through(admin, namespace, installations)

    assert f"ServiceAccount '{OWNER}' (uid {reference['uid']})" in text
    back = installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert owners_of(back) == ()
    assert installations.workload() == workload
    for resource in (DEPLOYMENT, SERVICE):
        assert owners_of(installations.get(resource, "acme"))[0]["uid"] == uid_of(back)


def test_an_owner_that_lives_gets_it_back(
    admin: Client, namespace: str, installations: Installations, reference: dict[str, Any]
) -> None:
    workload = installations.workload()

    installations.ask("acme", kind=BACK)
    imig = installations.until_ended("acme")
    collector_is_through(admin, namespace, installations)

    assert told(imig) == []
    back = installations.until_whole(CLUSTER_INSTALLATION, "acme")
    assert owners_of(back) == (reference,)
    assert installations.workload() == workload
