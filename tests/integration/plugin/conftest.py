"""The command line on a cluster of its own, with a controller at work and an audit log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from helm_mattermost_migrate.readiness import (
    GUARDS,
    MUTATING_CONFIGURATION,
    POLICY_BINDING,
    WEBHOOK_CONFIGURATION,
)
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    LEASE,
    NAMESPACE,
    SECRET,
    Resource,
)
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
)
from mattermost_migrate.testing.cluster import AuditLevel, Client, LocalCluster, Options, Process
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.witness import Witness

CRDS = Path(__file__).parents[3] / "deploy" / "crds"
CONTROLLER = "mattermost-migrate"
#: What each guard is here.
BODIES: dict[Resource, dict[str, Any]] = {
    WEBHOOK_CONFIGURATION: {"webhooks": []},
    MUTATING_CONFIGURATION: {"webhooks": []},
    POLICY_BINDING: {"spec": {"policyName": "none", "validationActions": ["Deny"]}},
}
#: Long enough for a busy machine; a test that passes never waits for it.
PATIENCE = 90


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Cli: TypeAlias = Callable[..., Ended]


def environment(cluster: LocalCluster) -> dict[str, str]:
    """Ours, pointed at the cluster, without anything of Helm's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HELM_")}
    return {**kept, "KUBECONFIG": str(cluster.kubeconfig)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "helm_mattermost_migrate.cli", *arguments]


@pytest.fixture(scope="session")
def bare(tools: Toolbox) -> Iterator[LocalCluster]:
    """A cluster of our own; nobody else migrates anything in it."""
    with LocalCluster(tools, Options(audit=AuditLevel.METADATA)) as running:
        yield running


@pytest.fixture(scope="session")
def served(bare: LocalCluster) -> LocalCluster:
    """The same with every kind, and with what says that webhook and lock are there.

    They do nothing: here the controller acts as an administrator, whom the real lock would stop.
    The demo and tests/e2e run the plugin beside the real ones.
    """
    bare.install_crds(CRDS)
    for resource, names in GUARDS.items():
        for name in names:
            bare.admin.create(resource, None, {"metadata": {"name": name}, **BODIES[resource]})
    return bare


@pytest.fixture(scope="session")
def controller(served: LocalCluster) -> Iterator[Process]:
    """The controller, leading."""
    served.admin.create(NAMESPACE, None, {"metadata": {"name": CONTROLLER}})
    process = Process(
        "controller",
        [
            *(sys.executable, "-m", "controller"),
            *("--operator", "builtin", "--namespace", CONTROLLER),
        ],
        log=served.folder / "plugin-controller.log",
        environment=environment(served),
    )
    process.start()
    until_leading(served, process)
    yield process
    process.stop()


def until_leading(cluster: LocalCluster, process: Process) -> None:
    """Wait until this very process holds the Lease; its name has the process id in it."""
    cluster.admin.until(
        LEASE,
        CONTROLLER,
        "mattermost-migrate-controller",
        lambda lease: f"_{process.pid}_" in lease["spec"].get("holderIdentity", ""),
    )


@pytest.fixture(scope="session")
def watching(served: LocalCluster) -> Iterator[Witness]:
    """It sees whatever happens there."""
    with Witness(Client(served.admin.credentials)) as witness:
        yield witness


@pytest.fixture
def space(served: LocalCluster, watching: Witness) -> Iterator[str]:
    """A namespace with the Secrets that installations name.

    However a test ends, the inspection must agree with every migration that is over then.
    """
    with served.namespace("plugin") as name:
        for secret in (database_secret(), file_secret()):
            secret["metadata"]["namespace"] = name
            served.admin.create(SECRET, name, secret)
        yield name
        Installations(served.admin, watching, name).until_agreed()


@pytest.fixture
def cli(bare: LocalCluster) -> Cli:
    """Runs a command to its end."""

    def run(*arguments: str, **extra: str) -> Ended:
        done = subprocess.run(  # noqa: S603 - ourselves
            command(*arguments),
            env={**environment(bare), **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def install(served: LocalCluster, space: str, controller: Process) -> Callable[..., None]:
    """Creates ClusterInstallations and waits until they are stable."""

    def create(*names: str, **fields: Any) -> None:
        controller.check()
        for name in names:
            obj = cluster_installation(name, space, **fields)
            obj["metadata"]["labels"] = {"tier": "gold"}
            served.admin.create(CLUSTER_INSTALLATION, space, obj)
        for name in names:
            served.admin.until(CLUSTER_INSTALLATION, space, name, _stable, seconds=PATIENCE)

    return create


def _stable(installation: dict[str, Any]) -> bool:
    return bool((installation.get("status") or {}).get("state") == "stable")
