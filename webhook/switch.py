"""Switching the preview version on and off in the cluster. It may be repeated at any time.

Off needs no process of ours but this one, and leaves nothing behind: writes to a CRD do not
convert, and the stored objects were always v1alpha1.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.conversion.served import CRD_NAME
from mattermost_migrate.domain.conversion.versions import managers_patch
from mattermost_migrate.domain.errors import NotFoundError, StaleError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, CRD
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.kube import Client, PatchType
from webhook.crd import MATTERMOST_CRD_NAME, is_on, retired, switched_off, switched_on

__all__ = ["Switch"]

_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Switch:
    """The preview version of one cluster.

    Attributes:
        client: to read and to write by.
    """

    client: Client

    async def on(self, client_config: JsonObject, *, certificate: str | None) -> bool:
        """Serve it; whether anything had to be changed for that.

        Args:
            client_config: where the API server calls, and whom it believes.
            certificate: of cert-manager, if that injects its CA.

        Raises:
            NotFoundError: the cluster has one of the two CRDs not.
            RefusedError: somebody else converts ClusterInstallations.
            StaleError: the CRD does not hold still.
        """
        mattermost = await self.client.get(CRD, None, MATTERMOST_CRD_NAME)
        return await self._change(
            lambda crd: switched_on(crd, mattermost, client_config, certificate=certificate)
        )

    async def off(self) -> bool:
        """Serve it no more, and convert nothing; whether anything had to be changed for that.

        In an order that may break off anywhere and be begun anew: first nobody can write it, then
        the objects forget who did, then it goes. And once more, for what an API server still took.

        Raises:
            StaleError: the CRD, or an object, does not hold still.
        """
        try:
            changed = await self._change(retired)
            changed |= await self._forget_managers()
            changed |= await self._change(switched_off)
            return await self._forget_managers() or changed
        except NotFoundError:
            return False  # the operator's CRD is gone, and ours with it

    async def found(self) -> bool:
        """Whether anything of ours is in the CRD."""
        crd = await self.client.find(CRD, None, CRD_NAME)
        return crd is not None and is_on(crd)

    async def _forget_managers(self) -> bool:
        """Take the preview out of every object's ``managedFields``."""
        changed = False
        for _ in range(_ATTEMPTS):
            left = [
                obj
                for obj in (await self.client.list(CLUSTER_INSTALLATION)).items
                if managers_patch(obj)
            ]
            if not left:
                return changed
            changed = True
            for obj in left:
                with suppress(StaleError, NotFoundError):
                    await self.client.patch(
                        CLUSTER_INSTALLATION,
                        namespace_of(obj),
                        name_of(obj),
                        managers_patch(obj),
                        kind=PatchType.JSON,
                    )
        raise StaleError("ClusterInstallations are still written to; try again")

    async def _change(self, patch: Callable[[JsonObject], list[dict[str, Any]]]) -> bool:
        for _ in range(_ATTEMPTS):
            crd = await self.client.get(CRD, None, CRD_NAME)
            operations = patch(crd)
            if not operations:
                return False
            try:
                await self.client.patch(CRD, None, CRD_NAME, operations, kind=PatchType.JSON)
            except StaleError:
                continue
            return True
        raise StaleError(f"CustomResourceDefinition {CRD_NAME} does not hold still; try again")
