"""Many installations on one control plane, each with a fault of its own, all at the same time.

One installation a namespace, so a fault, a witness and an inspection speak of just one. The
migration engine goes through a gateway that lets things go wrong; the operator goes past it, since
it is the engine's writes that are counted.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.app import make_informers
from controller.builtin import BuiltinOperator
from mattermost_migrate import kube
from mattermost_migrate.testing.cluster import Client, LocalCluster
from mattermost_migrate.testing.faults import Gateway
from mattermost_migrate.testing.witness import Witness

from .engines import ENGINE, HOME, Engines, Hosted, Recorded
from .lanes import Lanes

#: Where a run by command wants its figures.
RECORD = "MATTERMOST_MIGRATE_FAULTS_RECORD"


@pytest.fixture(scope="module")
def gateway(local_cluster: LocalCluster) -> Iterator[Gateway]:
    with Gateway(local_cluster) as standing:
        yield standing


@pytest.fixture(scope="module")
def operator(kubeconfigs: dict[str, Path]) -> Iterator[None]:
    """The builtin operator alone: nothing goes wrong for it."""

    async def body() -> None:
        connection = await kube.connect({"KUBECONFIG": str(kubeconfigs["builtin-operator"])})
        async with kube.Client(connection, max_inflight=200) as client:
            informers = make_informers(client)
            async with asyncio.TaskGroup() as group:
                for informer in informers.values():
                    group.create_task(informer.run())
                await BuiltinOperator(client, informers, workers=100).run()

    running = Hosted(body)
    yield
    running.end()
    assert running.error is None


@pytest.fixture(scope="module")
def lanes(admin: Client, witness: Witness, operator: None) -> Iterator[Lanes]:
    kept = Lanes(admin, witness)
    yield kept
    kept.leave()


@pytest.fixture(scope="module")
def engines(
    local_cluster: LocalCluster,
    gateway: Gateway,
    rights: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engines]:
    credentials = local_cluster.service_account(HOME, ENGINE)
    folder = tmp_path_factory.mktemp("engines")
    started = Engines(local_cluster, gateway, credentials, folder)
    yield started
    started.end()


@pytest.fixture(scope="module")
def recorded(lanes: Lanes, gateway: Gateway, engines: Engines) -> Recorded:
    return Recorded(lanes, gateway, engines)


@pytest.fixture(scope="module")
def record() -> Iterator[list[dict[str, Any]]]:
    """What each test had to do with, written where a run by command wants it."""
    told: list[dict[str, Any]] = []
    yield told
    if RECORD in os.environ:
        Path(os.environ[RECORD]).write_text(json.dumps(told, indent=2))


@pytest.fixture(autouse=True)
def no_engine_is_left(engines: Engines) -> Iterator[None]:
    yield
    engines.end()
