"""What a plan says of an installation, from one look at it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helm_mattermost_migrate.appraisal import Appraisal, Verdict, appraise, pretended, settled
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request, parse_amount
from helm_mattermost_migrate.managers import managers
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.plan_view import details, exit_code, plan_table, structured, totals
from helm_mattermost_migrate.run_view import asked
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.names import Strategy
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part, Refuse
from mattermost_migrate.testing.builders import cluster_installation, installed

KEY = ("ns", "acme")


def seen(*, pin: bool = True, **spec: Any) -> Snapshot:
    return wished(Wishes(pin=pin), **spec)


def wished(wishes: Wishes, **spec: Any) -> Snapshot:
    cluster = installed(cluster_installation(**spec))
    looked = cluster.look("acme", Part.EXISTING)
    return replace(looked, migration=pretended(KEY, wishes))


def test_an_ordinary_installation_keeps_its_pods() -> None:
    found = appraise(seen())

    assert found.verdict is Verdict.MIGRATE
    assert (found.pods, found.pinned, found.rolls) == (2, True, False)
    assert {change.field for change in found.seen_by_pods} == {
        "metadata.labels[installation.mattermost.com/installation]",
        "metadata.labels[installation.mattermost.com/resource]",
    }
    assert any("MM_SQLSETTINGS_DATASOURCE" in each.field for each in found.seen_when_unpinned)
    assert [write.resource.kind for write in found.rehearse] == [
        "Secret",
        "Mattermost",
        "Deployment",
    ]


def test_without_the_pin_it_does_one_rolling_update() -> None:
    found = appraise(seen(pin=False))

    assert (found.pinned, found.rolls) == (False, True)
    assert any("MM_SQLSETTINGS_DATASOURCE" in each.field for each in found.seen_by_pods)
    assert "one rolling update" in plan_table([found])


def test_recreate_takes_new_pods_of_the_other_kind_and_says_how_many_at_a_time() -> None:
    wishes = Wishes(strategy=Strategy.RECREATE, max_surge="50%")
    found = appraise(wished(wishes))

    assert (found.verdict, found.pinned, found.rolls) == (Verdict.MIGRATE, False, False)
    assert found.replaced
    assert any("MM_SQLSETTINGS_DATASOURCE" in each.field for each in found.seen_by_pods)
    assert "at most 50% more at a time" in "\n".join(asked([found], wishes))
    spec = fleet_request(Selection(names=(KEY,)), [KEY], wishes)["spec"]
    assert (spec["strategy"], spec["maxSurge"]) == ("Recreate", "50%")


def test_what_cannot_be_carried_is_refused_with_field_reason_and_next_step() -> None:
    found = appraise(
        seen(canary={"enable": True, "deployment": {"version": "8.0.0", "image": "mm"}})
    )

    assert found.verdict is Verdict.REFUSED
    assert found.refusals[0].reason == "CanaryEnabled"
    assert "spec.canary.enable" in found.refusals[0].message
    assert "Next: kubectl -n ns edit clusterinstallations.mattermost.com acme" in details(found)


@pytest.mark.parametrize(
    ("member", "verdict"),
    [
        (Member(KEY, kinds=("ClusterInstallation",)), None),
        (Member(KEY, kinds=("Mattermost",)), Verdict.MIGRATED),
        (Member(KEY, kinds=("ClusterInstallation", "Mattermost")), None),
        (Member(KEY, ("ClusterInstallation",), standing=Standing.RUNNING), Verdict.UNDER_WAY),
        (Member(KEY, ("ClusterInstallation",), standing=Standing.REFUSED), None),
        (Member(KEY, ("Mattermost",), standing=Standing.SUCCEEDED), Verdict.MIGRATED),
    ],
)
def test_what_needs_no_look_is_settled(member: Member, verdict: Verdict | None) -> None:
    assert settled(member) is verdict


READY = Appraisal(KEY, Verdict.MIGRATE, pods=2, pinned=True)
REFUSED = Appraisal(
    ("ns", "bad"), Verdict.REFUSED, (Refuse("NoDeployment", "there is none", "kubectl get"),)
)
DONE = Appraisal(("ns", "done"), Verdict.MIGRATED)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([READY], Exit.DONE),
        ([READY, DONE], Exit.DONE),
        ([READY, REFUSED], Exit.REFUSED),
        ([DONE], Exit.REFUSED),
    ],
)
def test_a_plan_ends_with(found: list[Appraisal], code: Exit) -> None:
    assert exit_code(found) is code


def test_the_sum_adds_up() -> None:
    found = [READY, REFUSED, DONE]

    assert totals(found) == "3 installations: 1 can be migrated, 1 refused, 1 already migrated"
    assert structured(found)["totals"] == {
        "selected": 3,
        "migrate": 1,
        "refused": 1,
        "underWay": 0,
        "migrated": 1,
    }


def test_a_person_is_asked_with_everything_that_matters() -> None:
    marked = cluster_installation()
    marked["metadata"]["labels"] = {"argocd.argoproj.io/instance": "chat"}
    owned = replace(READY, managers=managers(marked))

    assert list(asked([owned, REFUSED], Wishes(max_concurrent="10%"))) == [
        "2 installations: 1 can be migrated, 1 refused",
        "  refused: ns/bad: NoDeployment: there is none",
        "    Next: kubectl get",
        (
            "  also written by Argo CD application chat: in its source, replace "
            "ClusterInstallation ns/acme by what `convert` prints; switch its automatic sync "
            "off until that is merged"
        ),
        "To Mattermost: 1, with 2 pods; all stay as they are. At once: 10%.",
    ]


def test_going_back_is_asked_in_its_own_words() -> None:
    first, *_ = asked([READY, DONE], Wishes(desired="ClusterInstallation"))

    assert first == "2 installations: 1 can be reverted, 1 already a ClusterInstallation"


@pytest.mark.parametrize(
    ("labels", "annotations", "who"),
    [
        ({}, {}, []),
        (
            {},
            {
                "meta.helm.sh/release-name": "chat",
                "meta.helm.sh/release-namespace": "web",
            },
            ["Helm release web/chat"],
        ),
        (
            {},
            {"argocd.argoproj.io/tracking-id": "fleet:mattermost.com/ClusterInstallation:ns/acme"},
            ["Argo CD application fleet"],
        ),
        (
            {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            },
            {},
            ["Flux Kustomization flux-system/apps"],
        ),
        (
            {"helm.toolkit.fluxcd.io/name": "chat"},
            {"meta.helm.sh/release-name": "chat"},
            ["Helm release ns/chat", "Flux HelmRelease ns/chat"],
        ),
        ({}, {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, ["kubectl apply"]),
        ({"app.kubernetes.io/managed-by": "Helm"}, {}, []),
    ],
)
def test_marks_tell_who_else_writes_it(
    labels: dict[str, str], annotations: dict[str, str], who: list[str]
) -> None:
    marked = cluster_installation()
    marked["metadata"] |= {"labels": labels, "annotations": annotations}

    assert [str(manager) for manager in managers(marked)] == who


def test_a_run_of_one_is_named_after_it() -> None:
    wanted = fleet_request(Selection(names=(KEY,)), [KEY], Wishes(max_concurrent=5, pin=False))

    assert wanted["metadata"] == {"generateName": "acme-"}
    assert wanted["spec"] == {
        "selector": {"installations": [{"namespace": "ns", "name": "acme"}]},
        "desiredKind": "Mattermost",
        "pinPodTemplate": False,
        "maxConcurrent": 5,
    }


def test_a_long_name_leaves_room_for_a_label() -> None:
    wanted = fleet_request(Selection(), [("ns", "a" * 60)], Wishes())

    assert len(wanted["metadata"]["generateName"]) + 5 <= 63


@pytest.mark.parametrize(("text", "value"), [("20", 20), ("10%", "10%"), ("100%", "100%")])
def test_concurrency_is_a_number_or_a_percentage(text: str, value: int | str) -> None:
    assert parse_amount(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "0%", "101%", "many", "", "5 %"])
def test_what_is_no_concurrency_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 20 or 10%"):
        parse_amount(text)
