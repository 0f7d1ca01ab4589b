"""A cluster of the chart's own: what it makes is cluster-wide and has fixed names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options
from mattermost_migrate.testing.tools import Toolbox

ROOT = Path(__file__).parents[3]
Run = Callable[..., str]


@pytest.fixture(scope="session")
def own_cluster(tools: Toolbox) -> Iterator[Cluster]:
    """With the operator's kinds, and with those of others that the chart can make."""
    operator, others = ROOT / "deploy" / "crds" / "operator", ROOT / "tests" / "data" / "crds"
    with LocalCluster(tools, Options(crds=(operator, others))) as running:
        yield running


@pytest.fixture
def run(own_cluster: Cluster) -> Run:
    """Runs a program with the cluster's kubeconfig; what it said on standard output."""
    environment = {
        "KUBECONFIG": str(own_cluster.kubeconfig),
        "HOME": str(own_cluster.folder),
        "PATH": "/usr/bin:/bin",
    }

    def command(*words: object) -> str:
        done = subprocess.run(  # noqa: S603 - our own programs
            [str(word) for word in words],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command
