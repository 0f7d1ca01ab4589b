"""A plan that was saved, waves that wait, and what may be asked once it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helm_mattermost_migrate.readiness import GUARDS, POLICY_BINDING, WEBHOOK_CONFIGURATION
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LEASE,
    MATTERMOST,
    POD,
    SECRET,
    VERSION_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import name_of
from mattermost_migrate.domain.pin import is_pinned
from mattermost_migrate.testing.cluster import LocalCluster, Process
from mattermost_migrate.testing.installations import stable
from mattermost_migrate.testing.policies import refusing

from .conftest import BODIES, CONTROLLER, PATIENCE, Cli, until_leading


def test_what_was_planned_is_run_and_nothing_else(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli, tmp_path: Path
) -> None:
    install("chat", "talk")
    plan = tmp_path / "friday.plan"
    saved = cli(
        *("plan", "-n", space, "--save", str(plan), "--wave", "one=1", "--failure-budget", "0")
    )
    assert saved.code == 0, saved.err
    assert f"Run it with: mattermost-migrate run --plan {plan}" in saved.err
    assert "Expected duration: " in saved.out

    ended = cli("run", "--plan", str(plan), "--yes")

    assert ended.code == 0, ended.out + ended.err
    assert "Waves: 1 (one), then the rest." in ended.out
    (fleet,) = [
        each
        for each in served.admin.list(FLEET_MIGRATION)
        if each["spec"]["selector"].get("installations", [{}])[0].get("namespace") == space
    ]
    assert fleet["spec"]["failureBudget"] == 0
    assert fleet["spec"]["waves"][0]["name"] == "one"
    assert len(served.admin.list(MATTERMOST, space)) == 2
    told = json.loads(cli("report", "-n", space, "-o", "json").out)["waves"]
    assert [(each["name"], each["members"]) for each in told] == [
        ("wave 1 (one)", 1),
        ("wave 2", 1),
    ]


def test_a_world_that_moved_is_refused_by_name(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli, tmp_path: Path
) -> None:
    install("chat", "talk")
    plan = tmp_path / "plan"
    assert cli("plan", "-n", space, "--save", str(plan)).code == 0
    served.admin.patch(CLUSTER_INSTALLATION, space, "talk", {"spec": {"version": "9.9.9"}})
    install("late")

    ended = cli("run", "--plan", str(plan), "--yes")

    assert ended.code == 3
    assert f"{space}/talk: its spec was edited" in ended.err
    assert f"{space}/late: it was not there, or not selected" in ended.err
    assert f"{space}/chat" not in ended.err
    again = f"mattermost-migrate plan --namespaces {space} --save {plan}"
    assert f"Next: look at it again, and make it anew: {again}\n" in ended.err
    assert served.admin.list(INSTALLATION_MIGRATION, space) == []


def test_a_plan_that_was_edited_is_refused(
    space: str, install: Callable[..., None], cli: Cli, tmp_path: Path
) -> None:
    install("chat")
    plan = tmp_path / "plan"
    assert cli("plan", "-n", space, "--save", str(plan)).code == 0
    body = json.loads(plan.read_text())
    body["spec"]["pinPodTemplate"] = False
    plan.write_text(json.dumps(body))

    edited = cli("run", "--plan", str(plan), "--yes")
    both = cli("run", "chat", "--plan", str(plan), "--yes")
    nothing = cli("run", "--plan", str(tmp_path / "none"), "--yes")

    assert (edited.code, both.code, nothing.code) == (3, 4, 4)
    assert f"{plan}: it was edited by hand, or is damaged" in edited.err
    assert "the plan says which ones and how already" in both.err
    assert "No such file" in nothing.err


def test_a_diff_is_shown_line_by_line(space: str, install: Callable[..., None], cli: Cli) -> None:
    install("chat")
    ended = cli("plan", "chat", "-n", space, "--diff")

    assert ended.code == 0
    assert f"--- ClusterInstallation {space}/chat" in ended.out
    assert f"+++ Mattermost {space}/chat" in ended.out
    assert f"--- Deployment {space}/chat" in ended.out
    assert "\x1b" not in ended.out


def test_a_wave_waits_until_it_is_approved(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat", "talk")
    waves = ("--wave", "canary=1", "--approve-waves")
    started = cli("run", "-n", space, *waves, "--yes", "--no-wait")
    assert started.code == 0, started.out + started.err
    fleet = next(word for word in started.out.split() if word.startswith("fleet-")).rstrip(".")
    served.admin.until(
        FLEET_MIGRATION,
        None,
        fleet,
        lambda obj: bool((obj.get("status") or {}).get("awaitingApproval")),
        seconds=PATIENCE,
    )
    waiting = cli("status", "--fleet", fleet, "--watch", "--timeout", "1")
    assert waiting.code == 2
    assert "wave 1 (canary) is through" in waiting.out
    assert f"next: helm mattermost-migrate approve {fleet}" in waiting.out
    assert len(served.admin.list(MATTERMOST, space)) == 1

    approved = cli("approve", fleet)
    assert (approved.code, approved.out) == (0, f"FleetMigration {fleet}: wave 1 approved\n")
    ended = cli("status", "--fleet", fleet, "--watch", "--timeout", "60")
    assert ended.code == 0, ended.out
    assert len(served.admin.list(MATTERMOST, space)) == 2

    idle = cli("approve", fleet)
    assert idle.code == 3
    assert "it is over already" in idle.err


def test_a_file_says_how_and_which(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli, tmp_path: Path
) -> None:
    install("chat", "talk")
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        f"""
apiVersion: migration.mattermost.com/v1alpha1
kind: FleetMigration
metadata: {{name: night}}
spec:
  desiredKind: Mattermost
  selector: {{namespaces: [{space}], exclude: {{names: [talk]}}}}
  maxPerNamespace: 1
"""
    )

    ended = cli("run", "-f", str(fleet), "--retry-limit", "2", "--yes")
    both = cli("run", "--all", "-f", str(fleet), "--yes")

    assert ended.code == 0, ended.out + ended.err
    assert [each["metadata"]["name"] for each in served.admin.list(MATTERMOST, space)] == ["chat"]
    (made,) = [
        each
        for each in served.admin.list(FLEET_MIGRATION)
        if each["spec"]["selector"].get("namespaces") == [space]
    ]
    assert (made["spec"]["maxPerNamespace"], made["spec"]["retryLimit"]) == (1, 2)
    assert both.code == 4
    assert "the file says which installations already" in both.err


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param("{waves: [{size: none}]}", "spec.waves[0].size", id="no number"),
        pytest.param(
            "{waves: [{size: 1, soakSeconds: 10m}]}", "spec.waves[0].soakSeconds", id="no seconds"
        ),
        pytest.param("{maxConcurent: 2}", 'unknown field "spec.maxConcurent"', id="misspelt"),
        pytest.param('{pinPodTemplate: "false"}', "spec.pinPodTemplate", id="no boolean"),
        pytest.param(
            "{selector: {namespace: [a]}}", 'unknown field "spec.selector.namespace"', id="deeper"
        ),
    ],
)
def test_what_the_server_would_refuse_is_told_before_anybody_is_asked(
    cli: Cli, tmp_path: Path, command: str, spec: str, told: str
) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "apiVersion: migration.mattermost.com/v1alpha1\nkind: FleetMigration\n"
        f"metadata: {{name: night}}\nspec: {spec}\n"
    )
    ended = cli(command, "-f", str(fleet))

    assert ended.code == 4, ended.out + ended.err
    assert f"Error: {fleet}: the API server would refuse the FleetMigration: " in ended.err
    assert told in ended.err


def test_unpin_rolls_once_and_finalize_gives_the_way_back_up(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat", "talk")
    early = cli("finalize", "chat", "-n", space, "--yes")
    assert early.code == 3
    assert "no migration to Mattermost has succeeded" in early.err
    assert cli("run", "chat", "-n", space, "--yes").code == 0
    pods = {name for pod in served.admin.list(POD, space) if (name := name_of(pod))[:5] == "chat-"}

    unpinned = cli("unpin", "chat", "-n", space, "--yes", "--timeout", "60")
    assert unpinned.code == 0, unpinned.out + unpinned.err
    assert unpinned.out.startswith("1 to unpin: each does one ordinary rolling update")
    served.admin.until(MATTERMOST, space, "chat", lambda mm: "resourcePatch" not in mm["spec"])

    finalized = cli("finalize", "-n", space, "--yes", "--timeout", "60")
    assert finalized.code == 0, finalized.out + finalized.err
    assert served.admin.find(SECRET, space, "chat-migration-backup") is None
    again = cli("finalize", "-n", space, "--yes")
    assert again.code == 3
    assert "all are so already" in again.err
    fleets = {name_of(obj) for obj in served.admin.list(FLEET_MIGRATION)}
    back = cli("revert", "chat", "-n", space, "--yes")
    assert back.code == 3
    assert "was finalized" in back.out
    assert back.out.startswith("1 installation: 1 refused\n")
    assert f"nothing to do in {space}/chat\nNext: mattermost-migrate status" in back.err
    assert {name_of(obj) for obj in served.admin.list(FLEET_MIGRATION)} == fleets
    for name in pods:
        served.admin.until_gone(POD, space, name, seconds=PATIENCE)


def test_a_wish_that_is_denied_is_told_and_the_installation_has_succeeded_all_the_same(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    assert cli("run", "chat", "-n", space, "--yes").code == 0
    backup = "request.name == 'chat-migration-backup'"

    with refusing(served.admin, space, SECRET, backup, operations=("DELETE",)):
        denied = cli("finalize", "chat", "-n", space, "--yes", "--timeout", "60")
        shown = cli("status", "chat", "-n", space)

    assert denied.code == 1, denied.out + denied.err
    assert f"{space}/chat: not finalized: Rejected: delete secrets " in denied.out
    assert "Next: correct what is named there; it is then done by itself" in denied.out
    assert shown.code == 0, shown.out + shown.err
    assert "succeeded" in shown.out
    served.admin.until_gone(SECRET, space, "chat-migration-backup")


def test_a_revert_drops_edits_only_when_told_to(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    assert cli("run", "chat", "-n", space, "--yes").code == 0
    edit = {"spec": {"podExtensions": {"initContainers": [{"name": "x", "image": "x"}]}}}
    served.admin.patch(MATTERMOST, space, "chat", edit)
    served.admin.until(
        MATTERMOST,
        space,
        "chat",
        lambda mm: not is_pinned(mm) and stable(mm),  # the edit changes what the pods are made of
        seconds=PATIENCE,
    )

    refused = cli("revert", "chat", "-n", space, "--yes")
    assert refused.code == 3
    assert "podExtensions" in refused.out

    ended = cli("revert", "chat", "-n", space, "--yes", "--discard", "--timeout", "60")
    assert ended.code == 0, ended.out + ended.err
    assert served.admin.get(CLUSTER_INSTALLATION, space, "chat")


@pytest.mark.parametrize("resource", GUARDS, ids=lambda resource: resource.kind)
def test_a_half_installed_server_side_is_named(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    cli: Cli,
    resource: Resource,
) -> None:
    install("chat")
    name = GUARDS[resource][-1]
    served.admin.delete(resource, None, name)
    try:
        ended = cli("run", "chat", "-n", space, "--yes")
        assert ended.code == 3
        assert f"the cluster has no {resource.kind} {name}" in ended.err
        assert "--unguarded" in ended.err
        doctor = cli("doctor", "-n", space, "-o", "json")
        assert doctor.code == 3
        lacking = [row for row in json.loads(doctor.out) if not row["well"]]
        check = "edit lock" if resource is POLICY_BINDING else "webhook"
        assert [row["check"] for row in lacking] == [check]
        assert f"the cluster has no {resource.kind} {name}" in lacking[0]["message"]
        assert lacking[0]["nextCommand"].startswith("helm ")
        assert cli("run", "chat", "-n", space, "--yes", "--unguarded").code == 0
    finally:
        served.admin.create(resource, None, {"metadata": {"name": name}, **BODIES[resource]})


def test_versions_that_do_not_fit_are_named(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    controller: Process,
    cli: Cli,
) -> None:
    install("chat")
    lease = served.admin.get(LEASE, CONTROLLER, "mattermost-migrate-controller")
    assert lease["metadata"]["labels"][VERSION_LABEL]
    labels = {"metadata": {"labels": {VERSION_LABEL: "9.1.0"}}}
    controller.pause()
    try:
        served.admin.patch(LEASE, CONTROLLER, "mattermost-migrate-controller", labels)
        ended = cli("run", "chat", "-n", space, "--yes")
        doctor = cli("doctor", "-n", space)
    finally:
        controller.kill()
        controller.start()
        until_leading(served, controller)

    assert ended.code == 3
    assert "versions do not fit: the controller is 9.1.0, and this command is 0." in ended.err
    assert doctor.code == 3
    assert "versions do not fit: the controller is 9.1.0, and this command is 0." in doctor.out
    assert "Next: versions: bring both to one version" in doctor.out


def test_a_webhook_that_is_registered_and_dead_is_named(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    hook = {
        "name": "nobody.migration.mattermost.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [],
        "clientConfig": {"service": {"namespace": space, "name": "nobody"}},
    }
    served.admin.patch(WEBHOOK_CONFIGURATION, None, CONTROLLER, {"webhooks": [hook]})
    try:
        ended = cli("run", "chat", "-n", space, "--yes")
        doctor = cli("doctor", "-n", space)
    finally:
        served.admin.patch(WEBHOOK_CONFIGURATION, None, CONTROLLER, {"webhooks": []})

    told = f"the webhook answers nobody: Service {space}/nobody has no ready endpoint"
    assert (ended.code, doctor.code) == (3, 3)
    assert told in ended.err
    assert told in doctor.out
    assert f"Next: webhook: kubectl -n {space} get pods" in doctor.out


def test_every_right_that_lacks_is_named_at_once(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
    ]
    served.apply(
        [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": f"reader-{space}"},
                "rules": rules,
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"reader-{space}"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": f"reader-{space}",
                },
                "subjects": [{"kind": "User", "name": space}],
            },
        ]
    )
    ended = cli("run", "chat", "-n", space, "--yes", "--kube-as-user", space)
    planned = cli("plan", "chat", "-n", space, "--kube-as-user", space)

    assert ended.code == 3
    for verb in ("create", "watch"):
        assert f"you may not {verb} fleetmigrations.migration.mattermost.com" in ended.err
    assert "you may not watch installationmigrations" in ended.err
    assert "run: kubectl create clusterrole mattermost-migrate-create-" in ended.err
    assert planned.code == 0
    assert "you may not create deployments, create installationmigrations" in planned.out
