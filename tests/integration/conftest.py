"""The controller at work on the session's cluster, with the rights it ships with, and a witness."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.app import Settings, lead, make_informers
from controller.builtin import BuiltinOperator
from controller.heard import Heard
from mattermost_migrate import kube
from mattermost_migrate.domain.names import NAMESPACE, SECRET
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Client, Cluster
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.witness import Witness

HOME = "mattermost-migrate"
ENGINE = "mattermost-migrate-controller"
OPERATOR = "builtin-operator"
CHART = Path(__file__).parents[2] / "deploy" / "chart"
_RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="session")
def witness(cluster: Cluster) -> Iterator[Witness]:
    """It watches the whole cluster for the whole session."""
    with Witness(Client(cluster.admin.credentials)) as watching:
        yield watching


def rendered(tools: Toolbox, operator: str) -> list[dict[str, Any]]:
    """What the chart grants the controller with that operator, as Helm renders it."""
    shown = subprocess.run(  # noqa: S603 - the Helm that we built
        [
            str(tools["helm4"]),
            *("template", "mattermost-migrate", str(CHART), "--namespace", HOME),
            *("--show-only", "templates/controller-rbac.yaml"),
            *("--set", f"controller.operator={operator}"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return list(yaml.safe_load_all(shown.stdout))


def bound(name: str, account: str) -> dict[str, Any]:
    """A binding of that name, which gives an account of ours the builtin operator's rights."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": OPERATOR},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": HOME}],
    }


@contextmanager
def applied(cluster: Cluster, wanted: list[dict[str, Any]]) -> Iterator[None]:
    """In the cluster; taken away again: a Helm that installs the chart later must find nothing."""
    admin = cluster.admin
    if admin.find(NAMESPACE, None, HOME) is None:
        admin.create(NAMESPACE, None, {"metadata": {"name": HOME}})
    cluster.apply(wanted, namespace=HOME)
    yield
    for each in wanted:
        resource = admin.resource(each["apiVersion"], each["kind"])
        where = HOME if resource.namespaced else None
        admin.delete(resource, where, each["metadata"]["name"])


@pytest.fixture(scope="module")
def rights(cluster: Cluster, tools: Toolbox) -> Iterator[None]:
    """What the engine gets beside the Go operator, and the operator of ours as a builtin one.

    Each by an identity of its own, so that the audit log tells the two apart, and so that what the
    engine does needs nothing that only an operator has.
    """
    (role,) = (each for each in rendered(tools, "builtin") if each["kind"] == "ClusterRole")
    role["metadata"]["name"] = OPERATOR
    with applied(cluster, [*rendered(tools, "external"), role, bound(OPERATOR, OPERATOR)]):
        yield


@pytest.fixture(scope="module")
def both_in_one(cluster: Cluster, rights: None) -> Iterator[None]:
    """The engine's account is the builtin operator's as well, for a process that is both."""
    with applied(cluster, [bound("both-in-one", ENGINE)]):
        yield


@pytest.fixture(scope="module")
def kubeconfigs(
    cluster: Cluster, rights: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """By which the migration engine and the builtin operator act as themselves."""
    folder = tmp_path_factory.mktemp("kubeconfigs")
    return {
        name: cluster.service_account_kubeconfig(HOME, name, folder / name)
        for name in (ENGINE, OPERATOR)
    }


@dataclass
class InProcess:
    """The controller as it leads, in a thread of the test's process.

    Attributes:
        kubeconfigs: of the engine and of the builtin operator.
        beside_operator: somebody else is the operator, as with ``--operator=external``.
    """

    kubeconfigs: dict[str, Path]
    beside_operator: bool = False
    _task: asyncio.Task[None] | None = None
    _thread: threading.Thread | None = None
    _error: list[BaseException] = field(default_factory=list)

    def start(self) -> None:
        began = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(began,), name="controller")
        self._thread.start()
        began.wait()

    def stop(self) -> None:
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)
        if self._thread is not None:
            self._thread.join()
        if self._error:
            raise self._error[0]

    def _run(self, began: threading.Event) -> None:
        try:
            asyncio.run(self._main(began))
        except asyncio.CancelledError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            self._error.append(error)

    async def _main(self, began: threading.Event) -> None:
        self._task = asyncio.current_task()
        began.set()
        async with self._client(ENGINE) as engine, self._client(OPERATOR) as operator:
            informers = make_informers(engine)
            settings = Settings(self.beside_operator, workers=50, identity="in-process")
            heard = Heard()
            own = BuiltinOperator(operator, informers, heard=heard)
            builtin = () if self.beside_operator else (own.run,)
            async with asyncio.TaskGroup() as group:
                for informer in informers.values():
                    group.create_task(informer.run())
                await lead(engine, informers, settings, *builtin, heard=heard)

    @asynccontextmanager
    async def _client(self, name: str) -> AsyncIterator[kube.Client]:
        connection = await kube.connect({"KUBECONFIG": str(self.kubeconfigs[name])})
        async with kube.Client(connection) as opened:
            yield opened


@pytest.fixture
def in_process(kubeconfigs: dict[str, Path]) -> Iterator[InProcess]:
    """A controller in the test's process, yet to be started; one at a time."""
    controller = InProcess(kubeconfigs)
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
def controller(kubeconfigs: dict[str, Path]) -> Iterator[None]:
    """The controller at work, in the test's process, for all tests of a module."""
    running = InProcess(kubeconfigs)
    running.start()
    yield
    running.stop()


@pytest.fixture(scope="module")
def engine(kubeconfigs: dict[str, Path]) -> Iterator[InProcess]:
    """The controller beside an operator that somebody else starts, for all tests of a module."""
    running = InProcess(kubeconfigs, beside_operator=True)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def installations(admin: Client, witness: Witness, namespace: str) -> Iterator[Installations]:
    """A namespace with the Secrets of an external database and file store.

    However a test ends, the inspection must agree with every migration that is over then.
    """
    for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
        admin.create(SECRET, namespace, secret)
    here = Installations(admin, witness, namespace)
    yield here
    here.until_agreed()
