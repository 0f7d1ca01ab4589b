"""Reconciles ClusterInstallations as the v1alpha1 controller does (operator facts 2.1 to 2.5).

``spec.migrate`` stops it, as it stops the operator. Together with blue/green or canary, which is
also how a migration freezes an installation, the answer is a status and nothing else; that status
is the proof that the freeze was seen (operator facts 5.1). Alone, it is a user's wish, and becomes
an InstallationMigration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.builtin.outcomes import NotReadyError, ProblemError
from controller.builtin.rounds import JOB_SECONDS, Round, Workshop
from controller.observe import direction
from controller.requests import request_migration
from controller.worker import Key, UnsuccessfulError
from mattermost_migrate.domain import references
from mattermost_migrate.domain.canonical import cluster_installation_spec
from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.health import (
    cluster_installation_health,
    failed_cluster_installation,
)
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    V1ALPHA1,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
    labels_of,
    leaving,
    name_of,
)

__all__ = ["ClusterInstallationReconciler"]

_UNSAFE: Final = {
    "blueGreen": "blue/green deployment is enabled",
    "canary": "canary deployment is enabled",
}


class ClusterInstallationReconciler:
    """Reconciles one ClusterInstallation at a time."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    async def reconcile(self, key: Key) -> float | None:
        """One round; gives the seconds after which to look again.

        Raises:
            UnsuccessfulError: the round ended with a problem, which the status and an event tell.
            StaleError: the world moved.
        """
        seen = await self._shop.known.find(CLUSTER_INSTALLATION, *key)
        if seen is None:
            return None
        this = Round(self._shop, CLUSTER_INSTALLATION, V1ALPHA1, seen)
        if seen["spec"].get("migrate") and (reason := _unsafe(seen)):
            if not self._told_beside(seen):
                await self._refuse_migration(this, reason)
            return None
        if leaving(seen):
            return None
        if seen["spec"].get("migrate") and await self._migration_wanted(seen):
            return None
        return await self._round(this)

    async def _round(self, this: Round) -> float | None:
        began = self._shop.settled.begin(this.whose)
        if self._shop.settled.found(this.whose, this.seen) is None:
            try:
                await self._bring(this)
            except NotReadyError:
                await this.store_status(failed_cluster_installation(this.seen))
                return JOB_SECONDS
            except (ProblemError, RefusedError) as problem:
                await this.store_status(failed_cluster_installation(this.seen))
                this.warn(str(problem))
                raise UnsuccessfulError(str(problem)) from problem
            self._shop.settled.settle(this.whose, this.seen, began=began)
        ci = default_cluster_installation(this.seen)
        return await this.report(
            cluster_installation_health(ci, await this.health(*_deployments(ci)))
        )

    async def _bring(self, this: Round) -> None:
        ci = default_cluster_installation(this.seen)
        if ci["spec"] != cluster_installation_spec(this.seen["spec"]):
            await this.store_spec(ci["spec"])
        existing = await self._shop.known.existing(
            this.namespace, references.of_cluster_installation(ci)
        )
        rendered = render_cluster_installation(
            {**ci, "metadata": this.seen["metadata"]}, existing, generate=self._shop.generate
        )
        await this.bring(rendered)
        if rendered.error is not None:
            raise ProblemError(rendered.error)

    def _told_beside(self, ci: JsonObject) -> bool:
        """Tell the engine in this process, if it is what froze it; anybody else reads a status."""
        heard, key = self._shop.heard, key_of(ci)
        migration = self._shop.known.seen(INSTALLATION_MIGRATION, *key)
        if heard is None or not frozen(ci) or LOCK_LABEL not in labels_of(migration or {}):
            return False
        heard.tell(ci)
        return True

    async def _refuse_migration(self, this: Round, reason: str) -> None:
        status = this.seen.get("status") or {}
        migration = {"status": f"{ACKNOWLEDGEMENT}: {reason}"}
        await this.store_status({**status, "state": "reconciling", "migration": migration})

    async def _migration_wanted(self, ci: JsonObject) -> bool:
        """Whether ``migrate`` is to be left to an InstallationMigration, which is made if missing.

        One that goes back, or went, to the ClusterInstallation has the last word: the field is what
        is left of the wish that came before.
        """
        wanted = await self._shop.known.find(INSTALLATION_MIGRATION, *key_of(ci))
        if wanted is None:
            shop = self._shop
            await request_migration(shop.client, shop.events, ci, "spec.migrate is true")
            return True
        return direction(wanted).kind != CLUSTER_INSTALLATION.kind


def _unsafe(ci: JsonObject) -> str:
    """Why the operator would refuse to migrate it; empty when it would not."""
    spec = ci["spec"]
    return next(
        (why for section, why in _UNSAFE.items() if (spec.get(section) or {}).get("enable")), ""
    )


def _deployments(ci: JsonObject) -> Iterator[str]:
    colours = ci["spec"]["blueGreen"]
    if not colours.get("enable"):
        yield name_of(ci)
        return
    yield colours["blue"]["name"]
    yield colours["green"]["name"]
