"""Who has no rights runs what is proposed, command by command, and then lacks none."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.tools import Toolbox

from .conftest import Cli, Ended

_GROUP: Final = "rbac.authorization.k8s.io"
_KINDS: Final = (
    Resource(_GROUP, "v1", "ClusterRole", "clusterroles", namespaced=False),
    Resource(_GROUP, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
)
#: What plan and run list in the namespace.
_LOOKED_AT: Final = (
    *("clusterinstallations", "mattermosts", "installationmigrations"),
    *("deployments", "replicasets", "pods"),
)
_INGRESS_CLASSES: Final = (
    "kubectl create clusterrole classes-{} --verb=get --resource=ingressclasses.networking.k8s.io "
    "&& kubectl create clusterrolebinding classes-{} --clusterrole=classes-{} --user={}"
)
_READ_WITHIN: Final = 30.0
_GRANTED: Final = "have an administrator run: "

Administrator = Callable[[str], None]


@pytest.fixture
def administrator(served: LocalCluster, tools: Toolbox, tmp_path: Path) -> Iterator[Administrator]:
    """Runs every command that a text proposes; what is cluster-wide goes with the test."""
    environment = {
        "PATH": str(tools["kubectl"].parent),
        "KUBECONFIG": str(served.kubeconfig),
        "HOME": str(tmp_path),  # kubectl keeps a cache there
    }
    before = {each.kind: _names(served, each) for each in _KINDS}

    def run(text: str) -> None:
        proposed = [line.split(_GRANTED)[1] for line in text.splitlines() if _GRANTED in line]
        assert proposed
        for command in proposed:
            done = subprocess.run(  # noqa: S602 - a shell is what an administrator has
                command,
                shell=True,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr

    yield run
    for kind in _KINDS:
        for name in _names(served, kind) - before[kind.kind]:
            served.admin.delete(kind, None, name)


def _names(cluster: LocalCluster, kind: Resource) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.admin.list(kind)}


@pytest.mark.parametrize("everything", [False, True], ids=["a namespace", "--all"])
def test_what_doctor_proposes_is_enough_to_plan_and_to_run(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    cli: Cli,
    administrator: Administrator,
    *,
    everything: bool,
) -> None:
    install("chat")
    user = f"system:serviceaccount:{space}:mover"
    as_user = ("-n", space, "--kube-as-user", user)

    looking = ("doctor", *as_user, *(["--all"] if everything else []))

    lacking = cli(*looking)
    administrator(lacking.out)

    assert ("kubectl create role " in lacking.out) is not everything
    looked = once_read(lambda: cli(*looking), _GRANTED)
    assert _GRANTED not in looked.out
    # What plan can do without is told, and not proposed.
    lacking_still = [line for line in looked.out.splitlines() if "not allowed" in line]
    assert all("plan cannot rehearse this write" in line for line in lacking_still)
    # Of every namespace there may be what another test has left on its way out.
    assert re.search(rf"^{space}/chat +WholeAsClusterInstallation", looked.out, re.MULTILINE)
    planned = cli("plan", "chat", *as_user)
    assert planned.code == 0, planned.err
    ended = cli("run", "chat", "--yes", *as_user)
    assert ended.code == 0, ended.err


def test_what_run_proposes_gives_every_right_that_it_names(
    served: LocalCluster,
    space: str,
    install: Callable[..., None],
    cli: Cli,
    administrator: Administrator,
) -> None:
    install("chat")
    reads = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}
    looks = {"apiGroups": ["*"], "resources": [*_LOOKED_AT], "verbs": ["list"]}
    role = {"kind": "Role", "name": "reader"}
    served.apply(
        [
            {**_rbac("Role"), "rules": [reads, looks]},
            {
                **_rbac("RoleBinding"),
                "roleRef": {"apiGroup": _GROUP, **role},
                "subjects": [{"kind": "User", "name": space}],
            },
        ],
        namespace=space,
    )
    administrator(f"{_GRANTED}{_INGRESS_CLASSES.format(space, space, space, space)}")
    as_user = ("-n", space, "--kube-as-user", space)

    refused = cli("run", "chat", "--yes", *as_user)
    administrator(refused.err)
    ended = once_read(lambda: cli("run", "chat", "--yes", *as_user), "you may not")

    assert refused.err.count("you may not ") == 5
    assert f"--user={space}" in refused.err
    assert "YOU" not in refused.err
    assert ended.code == 0, ended.err


def once_read(ask: Callable[[], Ended], lacking: str) -> Ended:
    """The answer once the API server has read who may what: nobody says when it has."""
    ends = time.monotonic() + _READ_WITHIN
    answer = ask()
    while lacking in answer.out + answer.err and time.monotonic() < ends:
        answer = ask()
    return answer


def _rbac(kind: str) -> dict[str, Any]:
    return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": {"name": "reader"}}
