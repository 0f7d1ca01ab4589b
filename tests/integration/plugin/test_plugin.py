"""``status``, ``plan``, ``run`` and ``revert`` against a real control plane."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from helm_mattermost_migrate.cli import main
from helm_mattermost_migrate.commands import revert
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    SECRET,
)
from mattermost_migrate.testing.builders import file_secret
from mattermost_migrate.testing.cluster import LocalCluster, Process
from mattermost_migrate.testing.installations import succeeded
from mattermost_migrate.testing.policies import unanswered

from .conftest import CONTROLLER, PATIENCE, Cli, command, environment, until_leading

WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.mark.parametrize(
    "arguments",
    [
        *("status --all", "pause", "pause fleet-x", "resume", "resume fleet-x"),
        *("approve", "approve fleet-x"),
    ],
)
def test_a_cluster_without_our_kinds_is_told_so(
    bare: LocalCluster, cli: Cli, arguments: str
) -> None:
    ended = cli(*arguments.split())

    assert ended.code == 3
    assert "CustomResourceDefinition" in ended.err
    assert "the cluster does not have it" in ended.err
    assert "Next: " in ended.err


def test_doctor_says_of_each_kind_that_lacks_how_to_get_it(bare: LocalCluster, cli: Cli) -> None:
    out = cli("doctor").out

    own = [f"{each}migrations.migration.mattermost.com" for each in ("installation", "fleet")]
    crds = "helm show crds deploy/chart | kubectl apply --server-side -f -"
    assert f"Next: {', '.join(own)}: {crds}\n" in out
    for each in ("clusterinstallations.mattermost.com", "mattermosts.installation.mattermost.com"):
        # The chart never has these two; they come with the Mattermost operator.
        assert f"Next: {each}: kubectl get crd {each}\n" in out
    # kubectl makes no role over what the cluster has not.
    lacking = cli("doctor", "--kube-as-user", "ann").out
    given = ",".join(re.findall(r"--resource=(\S+)", lacking))
    assert "deployments.apps" in given
    assert "mattermost.com" not in given
    # Where the release is already, install alone would fail.
    assert "helm upgrade --install mattermost-migrate deploy/chart " in out
    assert "helm install" not in out


def test_nothing_found_is_no_success(served: LocalCluster, space: str, cli: Cli) -> None:
    ended = cli("status", "-n", space)

    assert (ended.code, ended.out) == (3, "")
    assert f"no installations found in namespace {space}" in ended.err


def test_what_was_never_migrated_is_no_report(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    ended = cli("report", "chat", "-n", space)

    assert (ended.code, ended.out) == (3, "")
    assert f"nothing to report: no migration in {space}/chat" in ended.err


def test_a_name_that_is_not_there_is_named(served: LocalCluster, space: str, cli: Cli) -> None:
    ended = cli("plan", "chat", "-n", space)

    assert ended.code == 3
    assert f"installation {space}/chat: there is no ClusterInstallation" in ended.err


def test_a_plan_writes_nothing(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat", "talk")
    served.admin.delete(SECRET, space, "files")
    before = len(list(served.audit()))

    planner = ("--kube-as-user", "planner", "--kube-as-group", "system:masters")
    ended = cli("plan", "-n", space, *planner)
    assert ended.code == 3
    assert "refused: SecretMissing" in ended.out
    put_back(served, space)
    ended = cli("plan", "-n", space, "-o", "json", *planner)

    assert ended.code == 0
    found = json.loads(ended.out)
    assert [each["verdict"] for each in found["installations"]] == ["Migrate", "Migrate"]
    assert found["totals"] == {
        "selected": 2,
        "migrate": 2,
        "refused": 0,
        "underWay": 0,
        "migrated": 0,
    }
    ours = [
        event
        for event in list(served.audit())[before:]
        if event.get("impersonatedUser", {}).get("username") == "planner"
        and event["verb"] in WRITES
        and event["stage"] == "ResponseComplete"
    ]
    rehearsed = [event for event in ours if "dryRun=All" in event["requestURI"]]
    # Eleven for each: what a whole migration writes, as far as it can be asked before.
    assert len(rehearsed) == 22
    assert {(event["verb"], event["objectRef"].get("subresource")) for event in rehearsed} == {
        *((verb, None) for verb in ("create", "patch", "delete")),
        ("patch", "status"),
    }
    assert ours == rehearsed


def test_a_plan_of_many_reads_lists(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install(*(f"chat-{number}" for number in range(10)))
    before = len(list(served.audit()))

    reader = ("--kube-as-user", "reader", "--kube-as-group", "system:masters")
    ended = cli("plan", "-n", space, "-o", "json", *reader)

    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["totals"]["migrate"] == 10
    events = [
        event
        for event in list(served.audit())[before:]
        if event.get("impersonatedUser", {}).get("username") == "reader"
        and event["stage"] == "ResponseComplete"
    ]
    asked = Counter(event["verb"] for event in events)
    # The two Secrets that all of them name, and the two that are generated where none is named.
    assert {event["objectRef"]["resource"] for event in events if event["verb"] == "get"} == {
        "secrets"
    }
    assert asked["get"] <= 4
    assert asked["list"] <= 20


def test_whose_webhook_is_down_is_refused_and_the_rest_is_planned(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat", "talk")

    with unanswered(served.admin, space, MATTERMOST, "object.metadata.name == 'chat'"):
        ended = cli("plan", "-n", space, "-o", "json")

    assert (ended.code, ended.err) == (3, "")
    chat, talk = json.loads(ended.out)["installations"]
    assert (chat["verdict"], talk["verdict"]) == ("Refused", "Migrate")
    (refusal,) = chat["refusals"]
    assert refusal["reason"] == "Unavailable"
    assert 'failed calling webhook "down.example.com"' in refusal["message"]


def put_back(cluster: LocalCluster, namespace: str) -> None:
    secret = file_secret()
    secret["metadata"]["namespace"] = namespace
    cluster.admin.create(SECRET, namespace, secret)


def test_a_run_needs_a_yes(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    ended = cli("run", "chat", "-n", space)

    assert ended.code == 3
    assert "1 installation: 1 can be migrated" in ended.out
    assert "standard input is no terminal" in ended.err
    assert served.admin.get(CLUSTER_INSTALLATION, space, "chat")


def test_there_and_back_with_the_same_pods(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat", "talk")
    pods = {pod["metadata"]["uid"] for pod in served.admin.list(POD, space)}

    ended = cli("run", "-l", "tier=gold", "-n", space, "--yes", "--max-concurrent", "1")

    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert "\x1b" not in ended.out
    for name in ("chat", "talk"):
        assert any(f" {space}/{name}: succeeded in " in line for line in lines)
    assert lines[-1].split(": ", 1)[1].startswith("2 selected: 2 succeeded; ")
    assert {pod["metadata"]["uid"] for pod in served.admin.list(POD, space)} == pods
    assert len(served.admin.list(MATTERMOST, space)) == 2

    status = cli("status", "-n", space, "-o", "json")
    assert status.code == 0
    told = json.loads(status.out)
    assert {each["migration"] for each in told["installations"]} == {"Succeeded"}
    assert [fleet["counts"]["succeeded"] for fleet in told["fleets"]] == [2]

    page = cli("report", "-n", space)
    assert page.code == 0, page.err
    assert page.out.startswith("<!doctype html>")
    report = json.loads(cli("report", "-n", space, "-o", "json").out)
    assert report["verdict"] == "All 2 migrations succeeded."
    for each in report["installations"]:
        assert {"SourceFrozen", "DeploymentAdopted"} <= {step["type"] for step in each["steps"]}
        assert sum(step["seconds"] for step in each["steps"]) == pytest.approx(
            each["seconds"], abs=0.01
        )
    assert report["environment"]["Kubernetes"].startswith("v1.")
    assert "| succeeded |" in cli("report", "-n", space, "-o", "markdown").out

    again = cli("run", "-l", "tier=gold", "-n", space, "--yes")
    assert again.code == 3
    assert "2 already migrated" in again.out

    first = told["fleets"][0]["name"]
    back = cli("revert", "chat", "-n", space, "--yes")
    assert back.code == 0, back.err
    second = back.out.splitlines()[-1].split(": ", 1)[0].rsplit(" ", 1)[-1]
    moved = f"FleetMigration {first}: 1 of its 2 installations is in FleetMigration {second} now"
    seen = cli("status", "--fleet", first)
    assert seen.err.splitlines() == [
        moved,
        f"  Next: mattermost-migrate status --fleet {second}",
    ]
    assert f"{moved}\n  Next: mattermost-migrate report --fleet {second}\n" in (
        cli("report", "--fleet", first).err
    )
    assert cli("revert", "talk", "-n", space, "--yes").code == 0
    nothing = cli("report", "--fleet", first)
    assert nothing.code == 3
    assert f"no migration in FleetMigration {first}: 1 of its 2 installations is" in nothing.err
    assert "Next: mattermost-migrate report --fleet " in nothing.err
    assert served.admin.get(CLUSTER_INSTALLATION, space, "chat")
    assert {pod["metadata"]["uid"] for pod in served.admin.list(POD, space)} == pods


def test_what_is_refused_is_told_and_the_rest_is_done(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    broken = {
        "metadata": {"name": "talk"},
        "spec": {"ingressName": "talk.example.com", "database": {"secret": "none"}},
    }
    served.admin.create(CLUSTER_INSTALLATION, space, broken)

    ended = cli("run", "-n", space, "--yes")

    assert ended.code == 3
    assert f"refused: {space}/talk: NoDeployment: " in ended.out
    assert f"{space}/chat: succeeded" in ended.out
    assert served.admin.find(MATTERMOST, space, "talk") is None


def test_who_comes_through_while_a_person_is_asked_goes_back_whole(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    controller: Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("chat")
    body = {"metadata": {"name": "chat"}, "spec": {"desiredKind": MATTERMOST.kind}}

    def slowly(*, yes: bool) -> None:
        assert yes
        controller.resume()
        served.admin.until(INSTALLATION_MIGRATION, space, "chat", succeeded, seconds=PATIENCE)

    monkeypatch.setattr(revert, "agree", slowly)
    monkeypatch.setenv("KUBECONFIG", str(served.kubeconfig))
    controller.pause()
    served.admin.create(INSTALLATION_MIGRATION, space, body)
    with pytest.raises(SystemExit) as ended:
        main(["revert", "chat", "-n", space, "--yes"])

    assert ended.value.code == 0
    assert served.admin.get(CLUSTER_INSTALLATION, space, "chat")["status"]["state"] == "stable"
    assert served.admin.find(MATTERMOST, space, "chat") is None


def test_stopping_to_look_leaves_it_going(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    controller: Process,
    cli: Cli,
) -> None:
    install("chat")
    controller.pause()
    try:
        with subprocess.Popen(  # noqa: S603 - ourselves
            command("run", "chat", "-n", space, "--yes"),
            env=environment(served),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as looking:
            fleet = new_fleet(served, "chat-")
            looking.send_signal(signal.SIGINT)
            _, err = looking.communicate(timeout=PATIENCE)
        assert looking.returncode == 2
        assert f"{fleet} goes on in the cluster" in err
        assert f"status --fleet {fleet} --watch" in err
        assert cli("status", "--fleet", fleet, "--watch", "--timeout", "1").code == 2
    finally:
        # Paused for so long it has lost its lease, and ends; a kubelet would start it again.
        controller.kill()
        controller.start()
        until_leading(served, controller)

    ended = cli("status", "--fleet", fleet, "--watch", "--timeout", "60")
    assert ended.code == 0, ended.out + ended.err
    assert "1 selected: 1 succeeded" in ended.out
    assert re.search(rf"^{space} +chat +succeeded ", ended.out, re.MULTILINE)


def new_fleet(cluster: LocalCluster, prefix: str) -> str:
    """The name of the fleet that nobody has taken up yet."""
    known = {
        obj["metadata"]["name"]
        for obj in cluster.admin.list(FLEET_MIGRATION)
        if (obj.get("status") or {}).get("conditions")
    }
    for kind, obj in cluster.admin.watch(FLEET_MIGRATION):
        name = str(obj["metadata"]["name"])
        if kind == "ADDED" and name.startswith(prefix) and name not in known:
            return name
    pytest.fail("no FleetMigration was created")


def test_a_paused_fleet_starts_none_until_it_is_resumed(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    body = {
        "metadata": {"name": f"late-{space}"},
        "spec": {
            "selector": {"namespaces": [space]},
            "desiredKind": "Mattermost",
            "paused": True,
        },
    }
    served.admin.create(FLEET_MIGRATION, None, body)
    waiting = cli("status", "--fleet", f"late-{space}", "--watch", "--timeout", "2")
    assert waiting.code == 2

    assert cli("pause", f"late-{space}").code == 0
    resumed = cli("resume", f"late-{space}")
    assert resumed.out == f"FleetMigration late-{space}: resumed\n"
    assert cli("status", "--fleet", f"late-{space}", "--watch", "--timeout", "60").code == 0


def test_a_missing_right_is_named(served: LocalCluster, space: str, cli: Cli) -> None:
    ended = cli("status", "-n", space, "--kube-as-user", "ann")

    assert ended.code == 3
    assert "a right is lacking" in ended.err
    assert 'User "ann" cannot list resource' in ended.err
    assert "Next: mattermost-migrate doctor names every right that lacks; " in ended.err
    # Of several lists that are asked for at once, whichever was answered first.
    assert "have an administrator run: kubectl create role mattermost-migrate-list-" in ended.err
    binding = "kubectl create rolebinding mattermost-migrate-list-"
    assert f".mattermost.com -n {space} && {binding}" in ended.err
    assert f"--user=ann -n {space}" in ended.err


def test_an_expired_token_is_told(served: LocalCluster, cli: Cli, tmp_path: Path) -> None:
    server = served.admin.credentials
    claims = {"sub": "system:serviceaccount:default:default", "exp": int(time.time()) - 60}
    token = signed(served.folder / "service-accounts.key", claims)
    config = tmp_path / "kubeconfig"
    config.write_text(
        json.dumps(
            {
                "clusters": [
                    {
                        "name": "c",
                        "cluster": {
                            "server": server.server,
                            "certificate-authority": str(server.authority),
                        },
                    }
                ],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    ended = cli("status", KUBECONFIG=str(config))

    assert ended.code == 3
    assert "does not accept these credentials" in ended.err


def signed(key: Path, claims: dict[str, Any]) -> str:
    """A token as the API server itself would sign it."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    issuer = "https://kubernetes.default.svc"
    parts = ({"typ": "JWT"}, {"iss": issuer, "aud": [issuer], **claims})
    if isinstance(private, rsa.RSAPrivateKey):
        parts[0]["alg"] = "RS256"
        text = ".".join(map(encoded, parts))
        return f"{text}.{base64url(private.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    parts[0]["alg"] = "ES256"
    text = ".".join(map(encoded, parts))
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encoded(part: dict[str, Any]) -> str:
    return base64url(json.dumps(part).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_server_that_is_not_there_is_told(cli: Cli) -> None:
    ended = cli("status", "--kube-apiserver", "https://127.0.0.1:1")

    assert ended.code == 3
    assert "cannot reach the cluster at https://127.0.0.1:1" in ended.err


def test_nobody_to_do_it_is_told_before_anything_is_written(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    controller: Process,
    cli: Cli,
) -> None:
    install("chat")
    fleets = len(served.admin.list(FLEET_MIGRATION))
    controller.stop()
    try:
        ended = cli("run", "chat", "-n", space, "--yes")
    finally:
        controller.start()
        until_leading(served, controller)

    assert ended.code == 3
    assert (
        f"no controller is at work: Lease {CONTROLLER}/mattermost-migrate-controller" in ended.err
    )
    assert len(served.admin.list(FLEET_MIGRATION)) == fleets


def test_version_names_who_leads(controller: Process, cli: Cli) -> None:
    ended = cli("version", "-o", "json")

    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["server"]["kubernetes"].startswith("v1.")
    assert f"in namespace {CONTROLLER}" in told["server"]["controller"]


def test_what_was_refused_is_tried_again_when_it_is_mended(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    served.admin.delete(SECRET, space, "files")
    fleet = f"early-{space}"
    spec = {"selector": {"namespaces": [space]}, "desiredKind": "Mattermost"}
    served.admin.create(FLEET_MIGRATION, None, {"metadata": {"name": fleet}, "spec": spec})

    refused = cli("status", "--fleet", fleet, "--watch", "--timeout", "60")
    assert refused.code == 3
    assert f"{space}/chat: SecretMissing: " in refused.out
    assert cli("status", "chat", "-n", space).code == 3
    assert cli("retry", "chat", "-n", space, "--timeout", "60").code == 3

    put_back(served, space)
    mended = cli("retry", "chat", "-n", space, "--timeout", "60")
    assert mended.code == 0, mended.out + mended.err
    assert f"{space}/chat: succeeded" in mended.out

    again = cli("retry", "chat", "-n", space)
    assert again.code == 3
    assert "nothing to retry" in again.err


def test_what_was_refused_by_itself_is_called_off_by_a_revert(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    """It would begin without a word as soon as what is missing is there."""
    install("chat")
    served.admin.delete(SECRET, space, "files")
    wanted = {"metadata": {"name": "chat"}, "spec": {"desiredKind": "Mattermost"}}
    served.admin.create(INSTALLATION_MIGRATION, space, wanted)
    assert cli("status", "chat", "-n", space, "--watch", "--timeout", "60").code == 3

    called_off = cli("revert", "chat", "-n", space, "--yes", "--timeout", "60")
    put_back(served, space)
    plan = cli("plan", "chat", "-n", space)

    assert called_off.code == 0, called_off.out + called_off.err
    found = served.admin.get(INSTALLATION_MIGRATION, space, "chat")
    assert found["spec"]["desiredKind"] == "ClusterInstallation"
    assert succeeded(found)
    assert plan.code == 0, plan.out + plan.err
    assert not served.admin.find(MATTERMOST, space, "chat")


def test_a_migration_of_nothing_is_no_success(served: LocalCluster, space: str, cli: Cli) -> None:
    wanted = {"metadata": {"name": "ghost"}, "spec": {"desiredKind": "Mattermost"}}
    served.admin.create(INSTALLATION_MIGRATION, space, wanted)

    for looked_at in (("ghost", "-n", space), ("-n", space)):
        watched = cli("status", *looked_at, "--watch", "--timeout", "60")
        assert watched.code == 3, watched.out + watched.err
        assert f"{space}/ghost: refused: there is no ClusterInstallation " in watched.out
    again = cli("retry", "ghost", "-n", space, "--timeout", "60")
    assert again.code == 3, again.out + again.err
    assert f"{space}/ghost: refused" in again.out


def test_what_was_refused_is_tried_again_by_its_fleet(
    served: LocalCluster, space: str, install: Callable[..., None], cli: Cli
) -> None:
    install("chat")
    served.admin.delete(SECRET, space, "files")
    fleet = f"again-{space}"
    spec = {"selector": {"namespaces": [space]}, "desiredKind": "Mattermost"}
    served.admin.create(FLEET_MIGRATION, None, {"metadata": {"name": fleet}, "spec": spec})
    assert cli("status", "--fleet", fleet, "--watch", "--timeout", "60").code == 3

    put_back(served, space)
    mended = cli("retry", "--fleet", fleet, "--timeout", "60")
    again = cli("retry", "--fleet", fleet)

    assert mended.code == 0, mended.out + mended.err
    assert mended.out.startswith(f"FleetMigration {fleet}: 1 to be tried again, within its limits")
    assert f"{space}/chat: succeeded" in mended.out
    assert served.admin.get(FLEET_MIGRATION, None, fleet)["spec"]["retryGeneration"] == 1
    assert again.code == 3
    assert f"nothing to retry in FleetMigration {fleet}" in again.err


def test_doctor_finds_nothing_missing(controller: Process, cli: Cli) -> None:
    ended = cli("doctor", "-o", "json")

    assert ended.code == 0, ended.out
    found = {row["check"]: row for row in json.loads(ended.out)}
    assert found["fleetmigrations.migration.mattermost.com"]["well"]
    assert f"leads in {CONTROLLER}" in found["controller"]["message"]
    assert found["create fleetmigrations"]["message"] == "allowed"
    assert "MutatingWebhookConfiguration mattermost-migrate" in found["webhook"]["message"]
    assert "mattermost-migrate-lock" in found["edit lock"]["message"]
    assert found["versions"]["well"]


def test_doctor_names_every_right_that_lacks(served: LocalCluster, cli: Cli) -> None:
    ended = cli("doctor", "--kube-as-user", "ann")

    assert ended.code == 3
    assert "not allowed; run and revert need it" in ended.out
    assert "not allowed; status leaves fleets out" in ended.out
    assert (
        "Next: list clusterinstallations, list mattermosts, list installationmigrations, "
        "list deployments, list replicasets, list pods, list services, list endpointslices, "
        "list ingresses, list serviceaccounts, list roles, list rolebindings, "
        "list mysqlclusters, list minioinstances: have an administrator run: "
        "kubectl create role mattermost-migrate-list-"
    ) in ended.out
    assert (
        " --verb=list "
        "--resource=clusterinstallations.mattermost.com,mattermosts.installation.mattermost.com,"
    ) in ended.out
    assert " --user=ann -n default\n" in ended.out
    roles = re.findall(r"kubectl create role (\S+)", ended.out)
    assert len(roles) == len(set(roles)) > 1
    assert "not inspected: you may not list clusterinstallations, " in ended.out
    assert "not known: you may not list validatingwebhookconfigurations" in ended.out


def test_doctor_says_which_installation_is_broken_and_how(
    served: LocalCluster, install: Callable[..., None], space: str, cli: Cli
) -> None:
    install("chat", "halt")
    cli("run", "chat", "-n", space, "--yes")
    # By hand: its operator waits for a version that nobody names.
    served.admin.patch(CLUSTER_INSTALLATION, space, "halt", {"spec": {"canary": {"enable": True}}})
    served.admin.until(
        CLUSTER_INSTALLATION, space, "halt", lambda each: each["status"]["state"] == "reconciling"
    )

    ended = cli("doctor", "-n", space, "-o", "json")
    whole = cli("doctor", "-n", space, "chat")
    absent = cli("doctor", "-n", space, "nobody")

    rows = {row["check"]: row for row in json.loads(ended.out)}
    assert rows[f"installation {space}/chat"]["state"] == "WholeAsMattermost"
    halted = rows[f"installation {space}/halt"]
    assert (halted["state"], halted["well"], ended.code) == ("Broken", False, 1)
    assert {each["reason"] for each in halted["findings"]} == {"FreezeLeft", "NotStable"}
    assert "canary is enabled without a version" in halted["message"]
    assert "clusterinstallation.mattermost.com halt -o yaml" in halted["nextCommand"]
    assert whole.code == 0, whole.out
    assert "WholeAsMattermost" in whole.out
    assert absent.code == 1
    assert f"there is neither a ClusterInstallation nor a Mattermost {space}/nobody" in absent.out
