"""What ``doctor`` asks of the API server, where, and what it makes of the answers."""

from __future__ import annotations

import re

from helm_mattermost_migrate.diagnosis import (
    Finding,
    Right,
    checked_rights,
    judged,
    placed,
    uninspected,
)
from mattermost_migrate.domain.names import (
    ENDPOINT_SLICE,
    FLEET_MIGRATION,
    INGRESS,
    INSTALLATION_MIGRATION,
    POD,
    SECRET,
    SERVICE,
)

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
    name = role_in(pods)
    assert pods.hint == (
        f"have an administrator run: kubectl create clusterrole {name} "
        "--verb=list --resource=pods,services && kubectl create clusterrolebinding "
        f"{name} --clusterrole={name} --user=ann"
    )


def role_in(finding: Finding) -> str:
    return finding.hint.split("role ")[1].split()[0]


def test_no_two_roles_that_are_proposed_have_one_name() -> None:
    given = refused(PODS, SERVICES, namespaces=())
    more = refused(PODS, Right("list", INGRESS, "plan needs it"), namespaces=())
    elsewhere = refused(PODS, namespaces=("a", "b"))
    another = judged([((PODS, ""), False)], user="bob")

    names = {role_in(each) for each in (*given, *more, *elsewhere, *another)}

    # One for pods and services, one for pods and ingresses, one in each namespace, and Bob's.
    assert len(names) == 5
    assert all(re.fullmatch("mattermost-migrate-list-[0-9a-f]{8}", each) for each in names)
    assert {role_in(each) for each in refused(PODS, SERVICES, namespaces=())} == {
        role_in(each) for each in given
    }


def test_what_an_inspection_may_not_see_is_named_at_once() -> None:
    answers = [
        ((PODS, ""), False),
        ((FLEETS, ""), False),
        ((Right("list", ENDPOINT_SLICE, ""), ""), False),
        ((Right("get", SECRET, ""), ""), False),
        ((Right("get", SERVICE, ""), ""), False),
        ((SERVICES, ""), True),
    ]

    unseen = uninspected(answers)

    assert unseen is not None
    assert (unseen.check, unseen.well) == ("installations", False)
    assert unseen.told == "not inspected: you may not list pods, list endpointslices, get secrets"
    assert uninspected([((PODS, ""), True), ((FLEETS, ""), False)]) is None


def test_of_several_namespaces_each_is_named() -> None:
    checks = [each.check for each in refused(PODS, FLEETS, namespaces=("a", "b"))]

    assert checks == [
        "list pods in namespace a",
        "list pods in namespace b",
        "list fleetmigrations",
    ]


def test_every_command_that_writes_a_migration_is_named_with_the_right_to() -> None:
    (why,) = (
        each.without
        for each in checked_rights()
        if (each.verb, each.resource) == ("patch", INSTALLATION_MIGRATION)
    )

    for command in ("retry", "revert", "finalize", "unpin"):
        assert command in why
