from __future__ import annotations

from collections.abc import Iterator

import pytest

from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import RunningWebhook, called_webhook, install_chart

from .edit_lock_table import LOCKS


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, tools: Toolbox) -> Iterator[RunningWebhook]:
    """The webhook as shipped, called by the cluster while the module's tests run."""
    with called_webhook(cluster, tools["helm3"]) as running:
        yield running


@pytest.fixture(scope="module", params=LOCKS)
def lock(
    request: pytest.FixtureRequest, webhook: RunningWebhook, cluster: Cluster, tools: Toolbox
) -> Iterator[str]:
    """Which of the two locks is there; the other one is not."""
    values = {"webhook.externalName": "localhost", "webhook.port": str(webhook.port)}
    if request.param == "webhook":
        install_chart(cluster, tools["helm3"], {**values, "policy.enabled": "false"})
    else:
        install_chart(cluster, tools["helm3"], values)
        webhook.process.stop()
    yield request.param
    install_chart(cluster, tools["helm3"], values)
    webhook.process.start()
    webhook.until_ready()
