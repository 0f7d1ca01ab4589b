"""What a plan says of an installation, from one look at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helm_mattermost_migrate.appraisal import Appraisal, Verdict, appraise, pretended, settled
from helm_mattermost_migrate.diffs import Kind, diff
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.expectation import expected
from helm_mattermost_migrate.fleet_request import Wishes, fleet_request, parse_amount, parse_wave
from helm_mattermost_migrate.fleets import Counts, Fleet
from helm_mattermost_migrate.managers import managers
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.plan_view import details, exit_code, plan_table, structured, totals
from helm_mattermost_migrate.rehearsal import KIND_POLICY, lets_pass
from helm_mattermost_migrate.run_view import asked
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.editlock import Edit, Exempt, Operation, judge
from mattermost_migrate.domain.errors import RejectedError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part, Refuse
from mattermost_migrate.testing.builders import cluster_installation, installed, mattermost

KEY = ("ns", "acme")


def seen(*, pin: bool = True, **spec: Any) -> Snapshot:
    return wished(Wishes(pin=pin), **spec)


def wished(wishes: Wishes, **spec: Any) -> Snapshot:
    cluster = installed(cluster_installation(**spec))
    looked = cluster.look("acme", Part.EXISTING)
    return replace(looked, migration=pretended(KEY, wishes))


@pytest.mark.parametrize(("pin", "told"), [(True, 1), (False, 0)])
def test_of_pods_that_somebody_restarted_it_says_how_to_do_that_again(
    *, pin: bool, told: int
) -> None:
    looked = seen(pin=pin)
    assert looked.deployment is not None
    looked.deployment["spec"]["template"]["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"
    }

    found = appraise(looked)

    warnings = [text for _, text in found.warnings if "kubectl rollout restart" in text]
    assert len(warnings) == told
    assert all("helm mattermost-migrate unpin acme -n ns" in each for each in warnings)


def test_an_ordinary_installation_keeps_its_pods() -> None:
    found = appraise(seen())

    assert found.verdict is Verdict.MIGRATE
    assert (found.pods, found.pinned, found.rolls) == (2, True, False)
    assert found.warnings == ()
    assert {change.field for change in found.seen_by_pods} == {
        "metadata.labels[installation.mattermost.com/installation]",
        "metadata.labels[installation.mattermost.com/resource]",
    }
    assert any("MM_SQLSETTINGS_DATASOURCE" in each.field for each in found.seen_when_unpinned)
    # A whole migration, but for lock and status of what is yet to be made.
    assert [str(write).replace("acme", "NAME") for write in found.rehearse[:8]] == [
        "create InstallationMigration/NAME",
        "create Secret/NAME-migration-backup",
        "create Mattermost/NAME",
        "create Deployment/NAME",
        "patch ClusterInstallation/NAME/status",
        "patch ClusterInstallation/NAME",
        "delete Deployment/NAME",
        f"patch ReplicaSet/{found.rehearse[7].name.replace('acme', 'NAME')}",
    ]
    assert [f"{write.verb} {write.resource}" for write in found.rehearse[8:]] == [
        "patch Pod",
        "patch Pod",
        "delete ClusterInstallation",
    ]


DENIED = 'admission webhook "{}" denied the request: spec.canary: no'
POLICY = (
    "mattermosts \"acme\" is forbidden: ValidatingAdmissionPolicy '{0}' with binding '{0}' denied"
)


@pytest.mark.parametrize(
    ("number", "webhook", "passes"),
    [
        pytest.param(5, "clusterinstallation.migration.mattermost.com", True, id="ours, freeze"),
        pytest.param(5, "gatekeeper.example.com", False, id="another's, of the freeze"),
        pytest.param(4, "clusterinstallation.migration.mattermost.com", False, id="of a status"),
        pytest.param(2, "mattermost.migration.mattermost.com", False, id="of a field"),
    ],
)
def test_only_our_own_refusal_of_the_freeze_is_no_refusal(
    number: int, webhook: str, *, passes: bool
) -> None:
    write = appraise(seen()).rehearse[number]

    assert lets_pass(write, RejectedError(DENIED.format(webhook))) is passes


@pytest.mark.parametrize("desired", [MATTERMOST, CLUSTER_INSTALLATION], ids=str)
@pytest.mark.parametrize(
    ("webhook", "number", "passes"),
    [
        pytest.param("mattermost.migration.mattermost.com", 2, True, id="ours"),
        pytest.param("gatekeeper.example.com", 2, False, id="another's"),
        pytest.param("mattermost.migration.mattermost.com", 3, False, id="of the Deployment"),
    ],
)
def test_a_migration_that_is_there_and_did_not_come_through_is_no_refusal(
    desired: Resource, webhook: str, number: int, *, passes: bool
) -> None:
    """What our webhook says to everybody else who creates the kind that it names, or names not."""
    there = {
        "metadata": {"namespace": "ns", "name": "acme"},
        "spec": {"desiredKind": desired.kind},
    }
    edit = Edit(Operation.CREATE, MATTERMOST.kind, "ns", "acme", "somebody", new=mattermost())
    refusal = judge(edit, there, exempt=Exempt())
    assert refusal is not None
    told = f'admission webhook "{webhook}" denied the request: {refusal.message}'
    write = appraise(seen()).rehearse[number]

    assert lets_pass(write, RejectedError(told)) is passes


@pytest.mark.parametrize("finalized", [True, False])
def test_what_was_finalized_cannot_be_reverted(*, finalized: bool) -> None:
    wishes = Wishes(desired="ClusterInstallation")
    known = {"status": {"finalizedTime": "2026-11-21T12:00:00Z"} if finalized else {}}
    migration = pretended(KEY, wishes, known=known)
    look = Snapshot(migration=migration, source=mattermost(), target_kind=wishes.desired)

    told = [each for each in appraise(look).refusals if each.reason == "Finalized"]

    assert len(told) == finalized
    assert all("was finalized" in each.message and not each.next_command for each in told)


@pytest.mark.parametrize(
    ("number", "policy", "passes"),
    [
        pytest.param(2, "mattermost-migrate-kind", True, id="the kind, after a revert"),
        pytest.param(2, "no-more-mattermosts", False, id="another's"),
        pytest.param(3, "mattermost-migrate-kind", False, id="of the Deployment"),
    ],
)
def test_what_gave_way_may_come_back_by_a_run(number: int, policy: str, *, passes: bool) -> None:
    write = appraise(seen()).rehearse[number]

    assert lets_pass(write, RejectedError(POLICY.format(policy))) is passes
    chart = Path(__file__).parents[3] / "deploy/chart/templates/lock-policy.yaml"
    assert f"\n  name: {KIND_POLICY}\n" in chart.read_text()


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
    assert "Strategy: Recreate; rollout: new pods beside the old ones" in details(found)
    assert structured([found])["installations"][0]["strategy"] == "Recreate"
    spec = fleet_request(Selection(names=(KEY,)), [KEY], wishes)["spec"]
    assert (spec["strategy"], spec["maxSurge"]) == ("Recreate", "50%")


def test_what_is_no_boolean_is_not_taken_for_one() -> None:
    assert Wishes.of({"pinPodTemplate": "false"}).spec()["pinPodTemplate"] == "false"
    assert Wishes.of({"pinPodTemplate": None}) == Wishes()


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
        (Member(KEY, standing=Standing.FAILED, locked=True), Verdict.UNDER_WAY),
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


def test_a_person_is_told_how_many_go_at_once_without_having_said() -> None:
    assert list(asked([READY], Wishes()))[-1].endswith(" At once: 15, the default.")


def test_a_person_is_asked_about_waves() -> None:
    waves = [parse_wave(text) for text in ("canary=1:10m:approve", "10%:1h", "50:approve")]

    assert list(asked([READY], Wishes(more={"waves": waves})))[-1] == (
        "Waves: 1 (canary) soaking 10m and your approval, then 10% soaking 1h, then "
        "50 with your approval, then the rest."
    )


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


@pytest.mark.parametrize(
    ("text", "wave"),
    [
        ("1", {"size": 1}),
        ("10%:90", {"size": "10%", "soakSeconds": 90}),
        ("canary=2:approve", {"name": "canary", "size": 2, "requiresApproval": True}),
        ("a=1:1h:approve", {"name": "a", "size": 1, "soakSeconds": 3600, "requiresApproval": True}),
    ],
)
def test_a_wave_is_a_size_a_soak_and_an_approval(text: str, wave: dict[str, Any]) -> None:
    assert parse_wave(text) == wave


@pytest.mark.parametrize("text", ["", "0", "x", "1:soon", "=1", "1:", "101%"])
def test_what_is_no_wave_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|wave|duration"):
        parse_wave(text)


def test_wishes_come_back_from_the_spec_they_made() -> None:
    wishes = Wishes(max_concurrent="10%", pin=False, more={"failureBudget": 0, "waves": []})

    assert Wishes.of(wishes.spec()) == wishes


def test_a_diff_shows_what_changes_and_nothing_of_the_server() -> None:
    (installation, deployment) = appraise(seen()).changes
    lines = list(diff(installation))
    text = "\n".join(line for _, line in lines)

    assert text.startswith("--- ClusterInstallation ns/acme\n+++ Mattermost ns/acme")
    assert (Kind.REMOVED, "-apiVersion: mattermost.com/v1alpha1") in lines
    assert (Kind.ADDED, "+kind: Mattermost") in lines
    assert "resourceVersion" not in text
    assert "uid" not in text
    labels = {line for kind, line in diff(deployment) if kind is Kind.ADDED}
    assert "+    installation.mattermost.com/installation: acme" in labels
    assert list(diff((deployment[0], deployment[0]))) == []


FLEET = Fleet(
    "fleet-a",
    started=datetime(2026, 11, 21, 12, tzinfo=UTC),
    ended=datetime(2026, 11, 21, 12, 0, 50, tzinfo=UTC),
    counts=Counts(selected=100, succeeded=100),
)


@pytest.mark.parametrize(
    ("fleets", "spec", "said"),
    [
        ([], {}, "not known before a first run; move a few first"),
        ([FLEET], {}, "about 5.0s (at the 2.0 a second of fleet-a)"),
        (
            [FLEET],
            {"waves": [{"soakSeconds": 600}, {"soakSeconds": 60, "requiresApproval": True}]},
            "about 11m5s, 11m of it soaking, and as long as 1 approval takes (at",
        ),
        ([replace(FLEET, ended=None)], {}, "not known before a first run"),
    ],
)
def test_how_long_it_takes_is_told_by_the_last_run(
    fleets: list[Fleet], spec: dict[str, Any], said: str
) -> None:
    assert said in expected(10, spec, fleets)


@pytest.mark.parametrize(
    ("fleet", "known"),
    [
        pytest.param(FLEET, 100, id="its members' own times"),
        pytest.param(replace(FLEET, per_minute="600.0"), 50, id="the pace its controller noted"),
    ],
)
def test_what_the_last_run_waited_for_is_no_work(fleet: Fleet, known: int) -> None:
    """Two waves of 50 that took 5 s each, with half a minute of waiting between."""
    began = FLEET.started
    assert began is not None
    members = [
        Member(
            ("ns", f"mm-{number}"),
            fleet=FLEET.name,
            standing=Standing.SUCCEEDED,
            started=(at := began + timedelta(seconds=35 * (number // 50) + number % 50 / 10)),
            ended=at + timedelta(seconds=0.1),
        )
        for number in range(known)
    ]

    told = expected(10, {"waves": [{"soakSeconds": 60}]}, [fleet], members)

    assert "about 1m1s, 1m of it soaking (at the 10.0 a second of fleet-a)" in told
