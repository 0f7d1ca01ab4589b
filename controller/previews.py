"""Forgets who wrote to a ClusterInstallation through its preview version.

The API server notes it in ``managedFields``; from then on every server-side apply to that object
would need our conversion. So the note goes as soon as it is seen, and GitOps tools never depend on
a process of ours.
"""

from __future__ import annotations

from contextlib import suppress

from controller.observe import Informers
from controller.worker import Key
from mattermost_migrate.domain.conversion.versions import managers_patch
from mattermost_migrate.domain.errors import NotFoundError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.kube import Client, PatchType

__all__ = ["PreviewReconciler"]


class PreviewReconciler:
    """Looks at one ClusterInstallation.

    Args:
        client: to write by; fenced by the lease.
        informers: that of ClusterInstallations counts, whose marked ones were written so.
    """

    def __init__(self, client: Client, informers: Informers) -> None:
        self._client = client
        self._installations = informers[CLUSTER_INSTALLATION]

    async def reconcile(self, key: Key) -> float | None:
        """Take the preview out of its ``managedFields``.

        Raises:
            StaleError: it was written to meanwhile.
        """
        if key not in self._installations.marked:
            return None
        # Memory holds no managedFields: they are the largest part of most objects.
        found = await self._client.find(CLUSTER_INSTALLATION, *key)
        if found is None or not (forget := managers_patch(found)):
            return None
        with suppress(NotFoundError):
            await self._client.patch(CLUSTER_INSTALLATION, *key, forget, kind=PatchType.JSON)
        return None
