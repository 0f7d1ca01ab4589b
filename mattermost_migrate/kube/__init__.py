"""The only code that speaks to the API server.

``connect`` finds the cluster, ``Client`` has the verbs on plain JSON, ``Informer`` keeps a
collection in memory and says when it changes, ``Election`` holds a Lease and ``EventRecorder``
tells users what happened. What the server answers becomes an error of ``domain.errors`` here,
once; nothing above sees a status code.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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
from mattermost_migrate.kube.transport import Patience

if TYPE_CHECKING:
    from mattermost_migrate.kube.events import EventRecorder
    from mattermost_migrate.kube.informer import Informer
    from mattermost_migrate.kube.lease import Election, Timing

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

#: What only a controller needs; the command line starts sooner without.
_LATER: Final = {
    "EventRecorder": "events",
    "Informer": "informer",
    "Election": "lease",
    "Timing": "lease",
}


def __getattr__(name: str) -> Any:
    """Import what is in ``_LATER`` when somebody asks for it (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
