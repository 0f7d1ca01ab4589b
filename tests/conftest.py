"""Fixtures on a real control plane: one cluster a session, a namespace a test.

A test that asks for any of them is marked ``cluster``. What it needs is built before the first
test runs, outside every test's time limit; what cannot be built fails the run and is never skipped.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.cluster import (
    Client,
    Cluster,
    LocalCluster,
    Options,
    Process,
    stand_ins,
)
from mattermost_migrate.testing.tools import Toolbox, ready
from mattermost_migrate.testing.tools.__main__ import Screen

CRDS = Path(__file__).parents[1] / "deploy" / "crds"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="run the cluster tests on this cluster instead of one of their own",
    )


def pytest_configure() -> None:
    # A shell without job control starts background jobs with SIGINT ignored, and their children
    # inherit that: then no test that presses Ctrl-C could pass.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tools" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(item.get_closest_marker("cluster") for item in session.items)
    if wanted and not session.config.option.collectonly:
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled(), Screen() as screen:
            ready(progress=screen)


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """What a module leaves open is its own fault.

    Found by the garbage collector at some later time, it would fail a test that has nothing to do
    with it.
    """
    yield
    gc.collect()


@pytest.fixture(scope="session")
def tools() -> Toolbox:
    """Every program, built."""
    return ready()


@pytest.fixture(scope="session")
def cluster(tools: Toolbox, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The session's cluster, with every CRD of ours and of the operator's installed."""
    given = request.config.getoption("--kubeconfig")
    if given:
        with Cluster.existing(given) as running:
            running.install_crds(CRDS)
            yield running
    else:
        with LocalCluster(tools, Options(crds=(CRDS,))) as running:
            yield running


@pytest.fixture(scope="session")
def local_cluster(cluster: Cluster) -> LocalCluster:
    """The same cluster, for tests that pause and kill its components."""
    if not isinstance(cluster, LocalCluster):
        pytest.fail("this test stops components of the control plane: run it without --kubeconfig")
    return cluster


@pytest.fixture(scope="session")
def admin(cluster: Cluster) -> Client:
    """A client with every right."""
    return cluster.admin


@pytest.fixture(scope="session")
def stand_in(cluster: Cluster) -> Process:
    """The stand-in for the MySQL and MinIO operators and for load balancers, at work."""
    return stand_ins.start(cluster)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own; deleted in the end, without waiting for it."""
    with cluster.namespace() as name:
        yield name
