"""What ``doctor`` asks of the API server, where, and what it makes of the answers."""

from __future__ import annotations

from helm_mattermost_migrate.diagnosis import Finding, Right, judged, placed
from mattermost_migrate.domain.names import FLEET_MIGRATION, INSTALLATION_MIGRATION, POD, SERVICE

PODS = Right("list", POD, "plan needs it")
SERVICES = Right("list", SERVICE, "plan needs it")
FLEETS = Right("list", FLEET_MIGRATION, "run needs it")
OWN = Right("watch", INSTALLATION_MIGRATION, "status needs it")
OF_A_RUN = Right("watch", INSTALLATION_MIGRATION, "run needs it", everywhere=True)


def refused(*rights: Right, namespaces: tuple[str, ...]) -> list[Finding]:
    answers = ((each, False) for each in placed(rights, namespaces))
    return list(judged(answers, user="ann"))


def test_rights_are_asked_for_in_every_namespace_that_is_looked_at() -> None:
    assert placed((PODS, FLEETS, OWN, OF_A_RUN), ("a", "b")) == (
        (PODS, "a"),
        (PODS, "b"),
        (FLEETS, ""),
        (OWN, "a"),
        (OWN, "b"),
        (OF_A_RUN, ""),
    )


def test_who_looks_everywhere_is_asked_for_each_right_once() -> None:
    assert placed((PODS, OWN, OF_A_RUN), ()) == ((PODS, ""), (OWN, ""))


def test_a_right_in_every_namespace_is_given_by_a_cluster_role() -> None:
    pods, services = refused(PODS, SERVICES, namespaces=())

    assert pods.check == "list pods in every namespace"
    assert pods.hint == services.hint
    assert pods.hint == (
        "have an administrator run: kubectl create clusterrole mattermost-migrate-list "
        "--verb=list --resource=pods,services && kubectl create clusterrolebinding "
        "mattermost-migrate-list --clusterrole=mattermost-migrate-list --user=ann"
    )


def test_of_several_namespaces_each_is_named() -> None:
    checks = [each.check for each in refused(PODS, FLEETS, namespaces=("a", "b"))]

    assert checks == [
        "list pods in namespace a",
        "list pods in namespace b",
        "list fleetmigrations",
    ]
