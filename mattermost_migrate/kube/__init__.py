"""The only code that speaks to the API server.

``connect`` finds the cluster, ``Client`` has the verbs on plain JSON, ``Informer`` keeps a
collection in memory and says when it changes, ``Election`` holds a Lease and ``EventRecorder``
tells users what happened. What the server answers becomes an error of ``domain.errors`` here,
once; nothing above sees a status code.
"""

from mattermost_migrate.kube.accounting import Request, current_installation
from mattermost_migrate.kube.client import (
    Client,
    Event,
    EventType,
    Listing,
    PatchType,
    Propagation,
)
from mattermost_migrate.kube.connect import Connection, connect
from mattermost_migrate.kube.events import EventRecorder
from mattermost_migrate.kube.informer import Informer
from mattermost_migrate.kube.lease import Election, Timing
from mattermost_migrate.kube.transport import Patience

__all__ = [
    "Client",
    "Connection",
    "Election",
    "Event",
    "EventRecorder",
    "EventType",
    "Informer",
    "Listing",
    "PatchType",
    "Patience",
    "Propagation",
    "Request",
    "Timing",
    "connect",
    "current_installation",
]
