"""The plugin as it is installed: by real Helm 3 and Helm 4, started by them, with their flags."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, Resource
from mattermost_migrate.testing.builders import cluster_installation
from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.tools import Toolbox

from .conftest import Helm

PLUGIN = Path(__file__).parents[3] / "helm-plugin"
#: Seconds that ``status`` may take more than a plugin that does nothing; and, where the machine is
#: slow, how many times as long as a Python that only imports what nobody can do without.
BEYOND_HELM = 0.4
BEYOND_PYTHON = 7.0
CLUSTER_ROLE_BINDING = Resource(
    "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)


@pytest.fixture(scope="session", params=["helm3", "helm4"])
def fresh(
    request: pytest.FixtureRequest,
    tools: Toolbox,
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Helm:
    """Helm without any plugin."""
    home = tmp_path_factory.mktemp(request.param)
    return Helm(tools[request.param], home, cluster.kubeconfig)


@pytest.fixture(scope="session")
def helm(fresh: Helm) -> Iterator[Helm]:
    """Helm with the plugin installed from the folder."""
    installed = fresh("plugin", "install", str(PLUGIN))
    assert installed.returncode == 0, installed.stdout + installed.stderr
    yield fresh
    removed = fresh("plugin", "uninstall", "mattermost-migrate")
    assert removed.returncode == 0, removed.stderr
    assert list(fresh.plugins.iterdir()) == []


@pytest.fixture
def chat(cluster: Cluster, namespace: str) -> str:
    """A namespace with one installation; gives the namespace."""
    cluster.admin.create(CLUSTER_INSTALLATION, namespace, cluster_installation("chat", namespace))
    return namespace


def test_it_is_installed_and_starts(helm: Helm, chat: str) -> None:
    listed = helm("plugin", "list")
    assert "mattermost-migrate" in listed.stdout

    shown = helm("mattermost-migrate", "status", "-n", chat)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split()[:3] == [chat, "chat", "ClusterInstallation"]


def test_status_starts_at_once(helm: Helm, chat: str, tmp_path: Path) -> None:
    trivial = tmp_path / "trivial"
    trivial.mkdir()
    (trivial / "plugin.yaml").write_text(
        "name: trivial\nversion: 0.1.0\nusage: none\ndescription: none\ncommand: /bin/true\n"
    )
    own = {"HELM_PLUGINS": str(tmp_path)}

    bare = min(took(lambda: helm("trivial", **own)) for _ in range(5))
    ours = min(took(lambda: helm("mattermost-migrate", "status", "-n", chat)) for _ in range(5))
    python = min(took(imports_little) for _ in range(5))

    assert ours - bare < max(BEYOND_HELM, BEYOND_PYTHON * python)


def imports_little() -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "import asyncio, json, ssl"]
    return subprocess.run(program, text=True, capture_output=True, check=True)  # noqa: S603 - ours


def took(run: Callable[[], subprocess.CompletedProcess[str]]) -> float:
    """Seconds of processor, which say the same on a busy machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_exit_codes_and_errors_come_through(helm: Helm, namespace: str) -> None:
    empty = helm("mattermost-migrate", "status", "-n", namespace)
    assert empty.returncode == 3
    assert "Error: no installations found" in empty.stderr
    assert "Next: helm mattermost-migrate status -A" in empty.stderr

    wrong = helm("mattermost-migrate", "status", "--bogus")
    assert wrong.returncode == 4
    assert "Next: helm mattermost-migrate status --help" in wrong.stderr


def test_installing_again_costs_nothing_and_changes_nothing(helm: Helm) -> None:
    environment = helm.plugins / "helm-plugin.venv"
    mark = environment / "mark"
    mark.touch()
    hook = subprocess.run(  # noqa: S603 - the hook, as Helm runs it
        ["/bin/sh", str(PLUGIN / "scripts" / "install.sh"), "update"],
        env={"PATH": os.environ["PATH"], "HELM_PLUGIN_DIR": str(helm.plugins / "helm-plugin")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert hook.stderr == ""
    assert mark.exists()
    mark.unlink()


def test_each_connection_flag_is_honoured(helm: Helm, cluster: Cluster, chat: str) -> None:
    credentials = cluster.admin.credentials
    token = cluster.token(chat, "default")
    cluster.give_every_right(chat, "default")
    server = credentials.server
    nothing = "/dev/null"
    own = ("--kube-apiserver", server, "--kube-token", token)
    trusted = ("--kube-ca-file", str(credentials.authority))
    by_name = server.replace("127.0.0.1", "localhost")
    cases: tuple[tuple[tuple[str, ...], str, int, str], ...] = (
        ((*own, *trusted), nothing, 0, ""),
        ((*own, "--kube-insecure-skip-tls-verify"), nothing, 0, ""),
        (own, nothing, 3, "certificate"),
        (("--kube-token", "wrong", "--kube-apiserver", server, *trusted), nothing, 3, "credential"),
        (
            ("--kube-token", token, "--kube-apiserver", by_name, *trusted),
            nothing,
            0,
            "",
        ),
        (
            (*own, *trusted, "--kube-tls-server-name", "elsewhere.example.com"),
            nothing,
            3,
            "elsewhere.example.com",
        ),
        (("--kube-as-user", "ann"), str(helm.kubeconfig), 3, 'User "ann"'),
        (
            ("--kube-as-user", "ann", "--kube-as-group", "system:masters"),
            str(helm.kubeconfig),
            0,
            "",
        ),
        (("--kube-context", "nowhere"), str(helm.kubeconfig), 3, "nowhere"),
        (("--kubeconfig", str(helm.kubeconfig)), nothing, 0, ""),
    )
    try:
        for flags, kubeconfig, code, told in cases:
            done = helm(
                "mattermost-migrate", "status", "chat", "-n", chat, *flags, KUBECONFIG=kubeconfig
            )
            assert (done.returncode, told in done.stderr) == (code, True), (flags, done.stderr)
    finally:
        cluster.admin.delete(CLUSTER_ROLE_BINDING, None, f"{chat}-default")


def test_the_context_chooses_the_cluster(helm: Helm, chat: str, tmp_path: Path) -> None:
    config = yaml.safe_load(helm.kubeconfig.read_text())
    (context,) = config["contexts"]
    broken = {"name": "broken", "cluster": {"server": "https://127.0.0.1:1"}}
    config["clusters"].append(broken)
    config["contexts"] = [
        {"name": "good", "context": {**context["context"], "namespace": chat}},
        {"name": "bad", "context": {**context["context"], "cluster": "broken"}},
    ]
    config["current-context"] = "bad"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))

    by_flag = helm("mattermost-migrate", "status", "--kube-context", "good", KUBECONFIG=str(path))
    by_default = helm("mattermost-migrate", "status", KUBECONFIG=str(path))

    assert by_flag.returncode == 0, by_flag.stderr
    assert f"{chat}" in by_flag.stdout
    assert by_default.returncode == 3
    assert "cannot reach the cluster at https://127.0.0.1:1" in by_default.stderr


def test_convert_reads_what_is_piped_in(helm: Helm) -> None:
    given = json.dumps(cluster_installation("chat"))

    done = helm("mattermost-migrate", "convert", "-f", "-", "--assume-external-db", piped=given)

    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)
    assert (made["kind"], made["metadata"]["name"]) == ("Mattermost", "chat")
    assert made["spec"]["database"] == {"external": {"secret": "db"}}


def test_helm_completes_commands_and_names(helm: Helm, chat: str) -> None:
    words = helm("__complete", "mattermost-migrate", "sta")
    names: list[str] = []
    # A cluster that does not answer at once completes nothing, and a person presses the key again.
    for _ in range(10):
        shown = helm("__complete", "mattermost-migrate", "status", "-n", chat, "")
        if names := shown.stdout.splitlines()[:-1]:
            break

    assert "status" in words.stdout.splitlines()
    assert (names, shown.stdout.splitlines()[-1]) == (["chat"], ":4")


def test_without_a_suitable_python_it_says_so_and_leaves_nothing(
    fresh: Helm, tmp_path: Path
) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\necho "Python 3.9.2"; exit 1\n')
    old.chmod(0o755)
    for program in ("sh", "dirname", "cat", "rm", "cksum", "mv", "ln"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    lone = Helm(fresh.binary, tmp_path / "home", fresh.kubeconfig)

    done = lone("plugin", "install", str(PLUGIN), PATH=str(tmp_path))

    assert done.returncode != 0
    assert (
        "mattermost-migrate: Python 3.11 or newer with venv is needed, and PATH has Python 3.9.2"
        in done.stderr
    )
    assert list(lone.plugins.iterdir()) == []
