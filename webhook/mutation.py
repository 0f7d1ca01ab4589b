"""The mutating endpoints: what is changed in a write, as a JSON Patch.

They write nothing anywhere, so a dry run is answered like the real thing; and they change nothing
in what they have changed already, so being asked twice does no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from flask import Blueprint

from mattermost_migrate.domain.mutation import (
    asks_to_migrate,
    requested,
    unpinned,
    with_defaults,
)
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.overlay import patch_between
from webhook.endpoint import Endpoint, register
from webhook.metrics import REVIEWS
from webhook.review import Review, allowed, patched

__all__ = ["mutation"]

#: Gives the object as it should be stored, and what to tell the user about it.
_Change: TypeAlias = Callable[[Review, JsonObject], tuple[JsonObject, tuple[str, ...]]]
_log = logging.getLogger(__name__)


def mutation(controllers: frozenset[str]) -> Blueprint:
    """The mutating endpoints.

    Args:
        controllers: usernames of our controller, whose writes are never changed.
    """
    blueprint = Blueprint("mutation", __name__)
    register(
        blueprint,
        {
            f"/mutate/{path}": Endpoint(resource, _answering(change, controllers))
            for path, resource, change in _ENDPOINTS
        },
    )
    return blueprint


def _answering(change: _Change, controllers: frozenset[str]) -> Callable[[Review], dict[str, Any]]:
    def answer(review: Review) -> dict[str, Any]:
        new = review.new
        if new is None or review.user in controllers or _ends(new):
            return _answer(review, (), ())
        stored, warnings = change(review, new)
        return _answer(review, patch_between(new, stored), warnings)

    return answer


def _ends(obj: JsonObject) -> bool:
    return bool((obj.get("metadata") or {}).get("deletionTimestamp"))


def _answer(
    review: Review, patch: tuple[dict[str, Any], ...], warnings: tuple[str, ...]
) -> dict[str, Any]:
    outcome = "changed" if patch else "unchanged"
    REVIEWS.labels(review.kind, review.operation, outcome).inc()
    if not patch:
        return allowed(review.uid, warnings)
    fields = [operation["path"] for operation in patch]
    _log.info("Changed write", extra={"fields": fields, "dry_run": review.dry_run})
    return patched(review.uid, patch, warnings)


def _defaulted(review: Review, new: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    return with_defaults(review.kind, review.old, new), ()


def _unpinned(review: Review, new: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    bare = unpinned(review.old, new)
    return bare, () if bare is new else ("this edit ends the pin of the pods: they roll once",)


def _request(review: Review, new: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    if not asks_to_migrate(review.old, new):
        return new, ()
    whose = f"{review.name} -n {review.namespace}"
    return requested(review.old, new), (
        "spec.migrate: taken over from the operator by mattermost-migrate",
        f"to follow it: helm mattermost-migrate status {whose}",
    )


_ENDPOINTS: Final[tuple[tuple[str, Resource, _Change], ...]] = (
    ("clusterinstallation", CLUSTER_INSTALLATION, _defaulted),
    ("mattermost", MATTERMOST, _defaulted),
    ("migrate", CLUSTER_INSTALLATION, _request),
    ("pin", MATTERMOST, _unpinned),
)
