"""Reconciles Mattermosts as the v1beta1 controller does (operator facts 3.1 to 3.7).

What does not pass validation is told in ``status.error`` and nothing else is touched: that is how a
migration freezes a Mattermost, and that status is the proof that the freeze was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.builtin.outcomes import NotReadyError, ProblemError
from controller.builtin.rounds import JOB_SECONDS, Round, Workshop
from controller.worker import Key, UnsuccessfulError
from mattermost_migrate.domain import references
from mattermost_migrate.domain.canonical import mattermost_spec
from mattermost_migrate.domain.children import Rendered, render_mattermost
from mattermost_migrate.domain.defaults import default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.health import failed_mattermost, mattermost_health
from mattermost_migrate.domain.inventory import job_server
from mattermost_migrate.domain.names import MATTERMOST, V1BETA1
from mattermost_migrate.domain.objects import JsonObject, leaving, name_of

__all__ = ["MattermostReconciler"]


class MattermostReconciler:
    """Reconciles one Mattermost at a time."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    async def reconcile(self, key: Key) -> float | None:
        """One round; gives the seconds after which to look again.

        Raises:
            UnsuccessfulError: the round ended with a problem, which the status and an event tell.
            StaleError: the world moved.
        """
        seen = await self._shop.known.find(MATTERMOST, *key)
        if seen is None:
            return None
        this = Round(self._shop, MATTERMOST, V1BETA1, seen)
        try:
            mm = default_mattermost(seen)
        except RefusedError as refused:
            # Nothing but an edit changes this, and an edit is an event.
            await this.store_status(failed_mattermost(seen, refused.faults[0].message))
            return None
        if leaving(seen):
            return None
        if mm["spec"] != mattermost_spec(seen["spec"]):
            await this.store_spec(mm["spec"])
        return await self._round(this, mm["spec"])

    async def _round(self, this: Round, spec: JsonObject) -> float | None:
        mm = {**this.seen, "spec": spec}
        known = self._shop.settled.found(this.whose, mm)
        if known is not None:
            return await self._report(this, mm, known)
        began = self._shop.settled.begin(this.whose)
        existing = await self._shop.known.existing(this.namespace, references.of_mattermost(mm))
        rendered = render_mattermost(mm, existing, generate=self._shop.generate)
        patches = {which: patch.to_json() for which, patch in rendered.patch_status.items()}
        try:
            await self._bring(this, rendered)
        except NotReadyError:
            # As it was, reconciling, with no error.
            await this.store_status(failed_mattermost(mm, "", patches=patches))
            return JOB_SECONDS
        except ProblemError as problem:
            await this.store_status(failed_mattermost(mm, str(problem), patches=patches))
            this.warn(str(problem))
            raise UnsuccessfulError(str(problem)) from problem
        self._shop.settled.settle(this.whose, mm, began=began, patches=patches)
        return await self._report(this, mm, patches)

    async def _report(
        self, this: Round, mm: JsonObject, patches: Mapping[str, Any]
    ) -> float | None:
        seen = await this.health(*_deployments(mm))
        return await this.report(mattermost_health(mm, seen, patches=patches))

    async def _bring(self, this: Round, rendered: Rendered) -> None:
        await this.bring(rendered)
        if rendered.error is not None:
            raise ProblemError(rendered.error)


def _deployments(mm: JsonObject) -> Iterator[str]:
    yield name_of(mm)
    if (mm["spec"].get("jobServer") or {}).get("dedicatedJobServer"):
        yield job_server(name_of(mm))
