"""The controller in external mode, and beside it a process that plays the Go operator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.cluster import Cluster, Process

STAND_IN = Path(__file__).with_name("operator_stand_in.py")


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster, kubeconfigs: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Process]:
    """The operator, at work; by a ServiceAccount of its own."""
    limit = getattr(request.module, "OPERATOR_LIMIT", 4)
    process = cluster.run(
        "operator-stand-in",
        [sys.executable, STAND_IN, "--limit", str(limit)],
        KUBECONFIG=str(kubeconfigs["builtin-operator"]),
    )
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def at_work(operator: Process) -> Iterator[None]:
    """Whatever a test does to the operator, the next one finds it running."""
    yield
    if operator.running:
        operator.resume()
    operator.start()
