from __future__ import annotations

import pytest

from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.cluster.ports import Port
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import RunningWebhook, start_webhook


@pytest.fixture(scope="session")
def webhook(cluster: Cluster, tools: Toolbox) -> RunningWebhook:
    """The webhook as shipped, called by the session's cluster."""
    reserved = Port.reserve()
    reserved.release()
    return start_webhook(cluster, tools["helm3"], port=reserved.number)
