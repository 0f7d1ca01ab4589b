from __future__ import annotations

from collections.abc import Iterator

import pytest

from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import RunningWebhook, called_webhook


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, tools: Toolbox) -> Iterator[RunningWebhook]:
    """The webhook as shipped, called by the cluster while the module's tests run."""
    with called_webhook(cluster, tools["helm3"]) as running:
        yield running
