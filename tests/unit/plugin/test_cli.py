"""The command line: what it takes, what it refuses, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import click
import pytest
import yaml

from helm_mattermost_migrate.cli import COMMANDS, main, program
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.documented import Documented
from helm_mattermost_migrate.errors import CommandError, Exit, explained
from helm_mattermost_migrate.launch import agree
from helm_mattermost_migrate.readiness import versions_fit
from helm_mattermost_migrate.server_side import Leader
from mattermost_migrate.domain.errors import (
    ConfigurationError,
    ForbiddenError,
    MigrateError,
    RejectedError,
    TransientError,
)
from mattermost_migrate.domain.names import FLEET_MIGRATION, Resource

CRDS = Path(__file__).parents[3] / "deploy" / "crds"
CHAT = """
apiVersion: mattermost.com/v1alpha1
kind: ClusterInstallation
metadata: {name: chat, namespace: acme}
spec:
  ingressName: chat.example.com
  database: {secret: db}
  minio: {externalURL: s3.example.com, externalBucket: bucket, secret: files}
"""
FLEET = """
apiVersion: migration.mattermost.com/v1alpha1
kind: FleetMigration
metadata: {name: x}
spec: {strategy: Magic}
"""
#: Of these the API server would never be shown what is wrong: file, what is told.
BAD_FLEETS = (
    ("spec: [a]", "spec: must be an object"),
    ("spec: {selector: [a]}", "spec.selector: must be an object"),
    ("sepc: {maxConcurrent: 2}", "sepc: there is no such field"),
)
SECRETS = """
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: acme}
stringData: {DB_CONNECTION_STRING: "postgres://u:p@db/mm"}
---
apiVersion: v1
kind: Secret
metadata: {name: files, namespace: acme}
stringData: {accesskey: a, secretkey: b}
"""


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster, and no Helm around us."""
    for name in ("KUBECONFIG", "HELM_PLUGIN_NAME", "HELM_NAMESPACE", "HELM_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


class Server:
    """An API server that has something against the waves of every FleetMigration."""

    connection = SimpleNamespace(namespace="acme", server="https://127.0.0.1:1")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def create(
        self, resource: Resource, obj: dict[str, Any], *, dry_run: bool, strict: bool
    ) -> None:
        assert (resource, dry_run, strict) == (FLEET_MIGRATION, True, True)
        soak = obj["spec"]["waves"][0]["soakSeconds"]
        raise RejectedError(f"spec.waves[0].soakSeconds: {soak}")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, "--help") == 0

    told = capsys.readouterr().out
    assert f"mattermost-migrate {name}" in told
    assert "Examples:" in told
    command = program.get_command(click.Context(program), name)
    assert isinstance(command, Documented)
    for arguments, _ in command.examples:
        command.make_context(name, arguments.split(), resilient_parsing=False)


def test_examples_stand_on_lines_of_their_own_however_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    run("run", "--help")

    told = capsys.readouterr().out
    assert "  # one installation\n  mattermost-migrate run chat\n\n  # by label" in told


def test_a_choice_is_known_however_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none.yaml"

    assert run("run", "chat", "--strategy", "recreate", "-f", str(file)) == Exit.USAGE
    assert "No such file" in capsys.readouterr().err


def test_helps_list_is_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0

    told = capsys.readouterr().out
    for name, (_, text) in COMMANDS.items():
        assert name in told
        assert text.split(".", maxsplit=1)[0].split()[0] in told


def test_a_missing_value_leads_to_the_help_of_its_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("run", "-l") == Exit.USAGE

    assert capsys.readouterr().err.endswith("Next: mattermost-migrate run --help\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["stats"], "No such command 'stats'. Did you mean 'status'", id="a typo"),
        pytest.param(["xyz"], "No such command 'xyz'.\nNext: ", id="no such command"),
        pytest.param(["status", "--bogus"], "No such option '--bogus'", id="no such flag"),
        pytest.param(["status", "-o", "xml"], "'xml' is not one of", id="no such format"),
        pytest.param(["status", "--timeout", "5"], "--timeout goes with --watch", id="timeout"),
        pytest.param(["status", "-w", "-o", "json"], "leave -o out", id="a view as json"),
        pytest.param(["run", "--all", "--timeout", "soon"], "'soon' is no duration", id="duration"),
        pytest.param(["run", "--max-surge", "2"], "goes with --strategy Recreate", id="surge"),
        pytest.param(["run", "--max-concurrent", "lots"], "'lots' is no number", id="concurrency"),
        *(
            pytest.param([each, "--no-wait", "--timeout", "5"], "--no-wait", id=f"{each}: wait not")
            for each in ("run", "revert", "retry", "finalize", "unpin")
        ),
        pytest.param(["run", "--all", "--wave", "1:soon"], "'soon' is no duration", id="a wave"),
        pytest.param(["run", "--all", "--soak", "5m"], "give some by --wave", id="soak of nothing"),
        pytest.param(["run", "--failure-budget", "-1"], "'-1' is no number", id="budget"),
        pytest.param(["run", "-f", "/none.yaml"], "/none.yaml: No such file", id="no fleet file"),
        pytest.param(["run", "--plan", "/none.plan"], "/none.plan: No such file", id="no plan"),
        *(
            pytest.param(
                ["run", *each, "--plan", "x"], "the plan says which ones", id=f"plan, {each}"
            )
            for each in (
                ["chat"],
                ["-A"],
                ["--no-pin"],
                ["--pin"],
                ["--retry-limit", "0"],
                ["--failure-budget", "0"],
                ["--wave", "1", "--soak", "0s"],
                ["--approve-waves"],
            )
        ),
        pytest.param(["plan", "--diff", "-o", "json"], "--diff is for people", id="diff as json"),
        pytest.param(["approve", "--wave", "2"], "goes with the name of one fleet", id="approve"),
        *(
            pytest.param([each, other, "--fleet", "f"], "leave the rest out", id=f"{each} of both")
            for each in ("report", "retry", "status")
            for other in ("x", "-A", "--all", "-l=a=b", "--namespaces=a")
        ),
        pytest.param(
            ["retry", "--fleet", "f", "--all-at-once"], "by the limits of that fleet", id="retry"
        ),
        pytest.param(["convert"], "Missing option '-f'", id="nothing to convert"),
        pytest.param(["convert", "-f", "/none.yaml"], "/none.yaml: No such file", id="no file"),
    ],
)
def test_wrong_usage_is_told_in_two_lines(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == Exit.USAGE

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert told in err
    assert "\nNext: " in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(("text", "told"), BAD_FLEETS)
def test_a_fleet_of_another_shape_is_told_by_file_and_field(
    command: str, text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(f"apiVersion: migration.mattermost.com/v1alpha1\nkind: FleetMigration\n{text}")

    assert run(command, "--all", "-f", str(file)) == Exit.USAGE

    assert capsys.readouterr().err.splitlines() == [
        f"Error: {file}: {told}",
        "Next: kubectl explain fleetmigrations --recursive",
    ]


@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_the_server_will_not_have_of_a_file_ends_it(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, saved = tmp_path / "fleet.yaml", tmp_path / "friday.plan"
    file.write_text(FLEET.replace("strategy: Magic", "waves: [{size: 1, soakSeconds: 10m}]"))
    monkeypatch.setattr(Target, "client", lambda *_, **__: Server())

    saving = ("--save", str(saved)) if command == "plan" else ()
    assert run(command, "--all", "-f", str(file), *saving) == Exit.USAGE

    assert not saved.exists()
    assert capsys.readouterr().err.splitlines() == [
        (
            f"Error: {file}: the API server would refuse the FleetMigration: "
            "spec.waves[0].soakSeconds: 10m"
        ),
        "Next: kubectl explain fleetmigrations.spec",
    ]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == Exit.USAGE
    assert "Commands:" in capsys.readouterr().err


def test_without_a_cluster_it_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == Exit.REFUSED

    assert capsys.readouterr().err.splitlines() == [
        (
            "Error: cannot tell which cluster is meant: no cluster is known: KUBECONFIG names no "
            "file that exists, there is no ~/.kube/config, and this is no pod"
        ),
        "Next: name one with --kube-context, or let KUBECONFIG name the file",
    ]


def kubeconfig(**user: Any) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(None, ": there is no such file", id="no file"),
        pytest.param("{", ": cannot be read: ", id="no YAML"),
        pytest.param(
            kubeconfig(**{"client-certificate": "gone.pem", "client-key": "gone.key"}),
            ", context 'x': credentials: ",
            id="a certificate that is not there",
        ),
        pytest.param(
            kubeconfig(**{"client-certificate": "config", "client-key": "config"}),
            ", context 'x': client-certificate ",
            id="a certificate that is none",
        ),
        pytest.param(
            kubeconfig(exec={"command": "no-such-login", "apiVersion": "v1"}),
            ", context 'x': exec plugin 'no-such-login' gave no credentials: no such program",
            id="a plugin that is not there",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named(
    text: str | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    command = ("-m", "helm_mattermost_migrate.cli", "status", "--kubeconfig", str(path))
    # In a process of its own: here pytest listens to what libraries log to nobody.
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, *command], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (Exit.REFUSED, "")
    told, following = done.stderr.splitlines()
    assert told.startswith(f"Error: {path}{reason}")
    assert following == (
        "Next: mend what is named above, or name another file with --kubeconfig; "
        "then repeat the command"
    )


def test_a_traceback_is_shown_only_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "--debug") == Exit.REFUSED
    assert "Traceback" in capsys.readouterr().err


def test_convert_prints_a_list_and_takes_secrets_from_the_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chat.yaml").write_text(CHAT)
    (tmp_path / "secrets.yaml").write_text(SECRETS)

    assert run("convert", "-f", str(tmp_path), "-o", "json") == Exit.DONE

    out, err = capsys.readouterr()
    (mattermost,) = json.loads(out)
    assert mattermost["kind"] == "Mattermost"
    assert mattermost["spec"]["database"] == {"external": {"secret": "db"}}
    assert err == ""


def test_convert_tells_every_refusal_and_prints_what_could_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "\n---\n".join(
            (
                CHAT,
                SECRETS,
                CHAT.replace("name: chat", "name: talk").replace(
                    "namespace: acme", "namespace: bolt"
                ),
            )
        )
    )

    assert run("convert", "-f", str(file)) == Exit.REFUSED

    out, err = capsys.readouterr()
    assert out.count("kind: Mattermost") == 1
    assert "ClusterInstallation bolt/talk: spec.database.secret: " in err
    assert "ClusterInstallation bolt/talk: spec.minio.secret: " in err
    assert "there is no Secret 'db' of its namespace among the documents\n" in err
    assert err.endswith(
        "Next: add the file with the Secrets by -f, or --assume-external-db without them; "
        "then repeat the command\n"
    )


def test_convert_tells_what_to_change_and_what_to_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(CHAT.replace("spec:", "spec:\n  canary: {enable: true}"))

    assert run("convert", "-f", str(file), "--assume-external-db") == Exit.REFUSED
    assert capsys.readouterr().err.endswith(
        "Next: change the fields named above, then repeat the command\n"
    )
    assert run("convert", "-f", str(file)) == Exit.REFUSED
    assert "Next: change the fields named above; add the file with" in capsys.readouterr().err


def test_input_that_cannot_be_read_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("a: [\n")

    assert run("convert", "-f", str(file)) == Exit.USAGE
    err = capsys.readouterr().err
    assert f"Error: {file}:2:1: " in err
    assert err.endswith("Next: correct the lines named above, then repeat the command\n")


def test_nothing_to_convert_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(SECRETS)

    assert run("convert", "-f", str(file)) == Exit.REFUSED
    assert "holds no ClusterInstallation" in capsys.readouterr().err


def test_render_reads_standard_input_and_prints_documents() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "helm_mattermost_migrate.cli", "render", "-f", "-"],
        input=f"{CHAT}---{SECRETS}",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n---\n") > 2
    assert "kind: Deployment" in done.stdout
    assert "mattermost.com/last-applied" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m helm_mattermost_migrate.cli render -f - | head -n 1"
    done = subprocess.run(  # noqa: S602 - a pipe is what is tested
        command,
        input=f"{CHAT}---{SECRETS}",
        capture_output=True,
        text=True,
        check=False,
        shell=True,
    )

    assert done.stderr == ""


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({"namespace": "acme"}, {"HELM_NAMESPACE": "default"}, {"HELM_NAMESPACE": "acme"}),
        ({"namespace": None}, {"HELM_NAMESPACE": "default"}, {"HELM_NAMESPACE": "default"}),
        ({}, {"HELM_KUBEAPISERVER": "", "HELM_KUBETOKEN": ""}, {}),
        ({}, {"KUBECONFIG": ""}, {"KUBECONFIG": ""}),
        ({"kubeconfig": "/k"}, {"KUBECONFIG": "/other"}, {"KUBECONFIG": "/k"}),
        (
            {"kube_as_user": "ann", "kube_as_group": "a,b"},
            {},
            {"HELM_KUBEASUSER": "ann", "HELM_KUBEASGROUPS": "a,b"},
        ),
        (
            {"kube_insecure_skip_tls_verify": True},
            {},
            {"HELM_KUBEINSECURE_SKIP_TLS_VERIFY": "true"},
        ),
    ],
)
def test_flags_are_laid_over_helms_variables(
    flags: dict[str, Any], environ: dict[str, str], expected: dict[str, str]
) -> None:
    assert Target.of(flags, environ).environ == expected


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            ForbiddenError("list mattermosts: Unauthorized"),
            "the cluster does not accept these credentials: list mattermosts: Unauthorized",
            "log in again, the token may have expired; then repeat the command",
        ),
        (
            ForbiddenError('User "ann" cannot list resource'),
            'a right is lacking: User "ann" cannot list resource',
            "mattermost-migrate doctor",
        ),
        (
            ForbiddenError(
                'User "ann" cannot list resource "pods" in API group "" in the namespace "chat"'
            ),
            (
                'a right is lacking: User "ann" cannot list resource "pods" in API group "" in the '
                'namespace "chat"'
            ),
            (
                "mattermost-migrate doctor names every right that lacks; have an administrator "
                "run: kubectl create role mattermost-migrate-list-55f3dd99 --verb=list "
                "--resource=pods -n chat && kubectl create rolebinding "
                "mattermost-migrate-list-55f3dd99 --role=mattermost-migrate-list-55f3dd99 "
                "--user=ann -n chat"
            ),
        ),
        (
            TransientError("connect failed"),
            "cannot reach the cluster at https://x: connect failed",
            "kubectl cluster-info",
        ),
        (
            TransientError('failed calling webhook "them"', answered=True),
            'the cluster failed: failed calling webhook "them"',
            "mend what is named above; then repeat the command",
        ),
        (
            ConfigurationError("no context"),
            "cannot tell which cluster is meant: no context",
            "name one with --kube-context, or let KUBECONFIG name the file",
        ),
    ],
)
def test_errors_are_told_with_what_to_do(error: MigrateError, message: str, hint: str) -> None:
    told = explained(error, server="https://x")

    assert isinstance(told, CommandError)
    assert (told.message, told.hint, told.code) == (message, hint, Exit.REFUSED)


@pytest.mark.parametrize(
    ("ours", "theirs", "fit"),
    [
        ("0.1.0", "0.1.7", True),
        ("0.1.0", "0.2.0", False),
        ("1.2.0", "1.9.3", True),
        ("1.2.0", "2.0.0", False),
        ("0.9.0", "1.9.0", False),
    ],
)
def test_versions_fit_when_they_know_the_same_fields(ours: str, theirs: str, *, fit: bool) -> None:
    assert versions_fit(ours, theirs) is fit


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Pod\napiVersion: v1\nmetadata: {name: x}\n", "one FleetMigration is wanted"),
        ("{", "fleet.yaml:2:1: "),
        (
            FLEET,
            "spec.strategy: 'Magic'",
        ),
    ],
)
def test_a_file_that_is_no_fleet_is_told(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(text)

    assert run("run", "chat", "-f", str(path)) == Exit.USAGE
    assert told in capsys.readouterr().err


def test_who_leads_is_told_with_the_version() -> None:
    assert str(Leader("ns", "pod-1", None, alive=True, version="0.1.0")) == (
        "0.1.0, pod-1 in namespace ns"
    )
    assert str(Leader("ns", "pod-1", None, alive=True)) == "pod-1 in namespace ns"


def answered(monkeypatch: pytest.MonkeyPatch, answer: type[BaseException]) -> int:
    """The exit code of a command at whose question this happens."""

    def prompt(_text: str) -> str:
        raise answer

    def asking(*_arguments: object, **_options: object) -> None:
        agree(yes=False)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", prompt)
    monkeypatch.setattr(program, "main", asking)
    return run("run")


def test_the_end_of_the_input_is_no_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, EOFError) == Exit.REFUSED

    assert capsys.readouterr().err == (
        "\nError: not confirmed: nothing was written\nNext: repeat the command, and answer y\n"
    )


def test_who_interrupts_the_question_is_told_that_nothing_was_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, KeyboardInterrupt) == 130

    assert capsys.readouterr().err == "\nInterrupted: nothing was begun.\n"


#: Options that say a default, and the field of a FleetMigration that has it.
DEFAULTS = {
    "--max-concurrent": "maxConcurrent",
    "--failure-budget": "failureBudget",
    "--retry-limit": "retryLimit",
    "--strategy": "strategy",
    "--max-surge": "maxSurge",
}


@pytest.mark.parametrize(("option", "field"), DEFAULTS.items())
def test_help_tells_the_defaults_that_a_fleet_has(option: str, field: str) -> None:
    crd = yaml.safe_load((CRDS / "migration.mattermost.com_fleetmigrations.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    wanted = f"[default: {schema['properties'][field]['default']}]"

    for name in ("plan", "run", "revert"):
        command = program.get_command(click.Context(program), name)
        for each in command.params if command else ():
            if isinstance(each, click.Option) and option in each.opts:
                assert (each.help or "").endswith(wanted), name
