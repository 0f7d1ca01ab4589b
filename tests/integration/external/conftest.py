"""The controller in external mode, and beside it a process that plays the Go operator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.cluster import Cluster, Process

STAND_IN = Path(__file__).with_name("operator_stand_in.py")


@pytest.fixture(scope="module")
def run_operator(
    cluster: Cluster, kubeconfigs: dict[str, Path], request: pytest.FixtureRequest
) -> Callable[..., Process]:
    """Starts an operator under a name, by a ServiceAccount of its own; whoever asks ends it."""
    limit = getattr(request.module, "OPERATOR_LIMIT", 4)
    kubeconfig = str(kubeconfigs["builtin-operator"])

    def run(name: str, *options: str) -> Process:
        command = [sys.executable, STAND_IN, "--limit", str(limit), *options]
        return cluster.run(name, command, KUBECONFIG=kubeconfig)

    return run


@pytest.fixture(scope="module")
def operator(run_operator: Callable[..., Process]) -> Iterator[Process]:
    """The operator, at work."""
    process = run_operator("operator-stand-in")
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def at_work(operator: Process) -> Iterator[None]:
    """Whatever a test does to the operator, the next one finds it running."""
    yield
    if operator.running:
        operator.resume()
    operator.start()
