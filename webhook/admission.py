"""The admission endpoints: decode, ask the pure rules, encode."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from flask import Blueprint

from mattermost_migrate.domain.editlock import (
    Edit,
    Exempt,
    Knowledge,
    Unknown,
    judge,
    shows_freeze,
)
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.domain.reported import lock_of
from mattermost_migrate.domain.validation import validate
from webhook.endpoint import Endpoint, register
from webhook.knowledge import InMemory, Migrations
from webhook.metrics import REVIEWS
from webhook.review import Review, allowed, denied
from webhook.secrets import Secrets

__all__ = ["admission"]

_INVALID: Final = 422
_LOCKED: Final = 403
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Judge:
    """What all endpoints share."""

    migrations: Migrations
    exempt: Exempt
    secrets: Callable[[Review], tuple[str, ...]]


def admission(migrations: Migrations, exempt: Exempt, secrets: Secrets | None) -> Blueprint:
    """The three validating endpoints.

    Args:
        migrations: who holds which edit lock.
        exempt: whose writes are part of a migration.
        secrets: looks up those that an installation names; None: nobody does.
    """
    blueprint = Blueprint("admission", __name__)
    lookup, remembered = (secrets.warnings, secrets.at_once) if secrets else (_none, _none)
    answer = partial(_answer, _Judge(migrations, exempt, lookup))
    at_once = partial(_answer, _Judge(InMemory(migrations), exempt, remembered))
    register(
        blueprint,
        {
            f"/validate/{resource.kind.lower()}": Endpoint(resource, answer, at_once)
            for resource in (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION)
        },
    )
    return blueprint


def _answer(judge_of: _Judge, review: Review) -> dict[str, Any]:
    what = f"{review.kind} {review.namespace}/{review.name}"
    if review.user in judge_of.exempt.controllers:
        return _allow(review, ())
    edit = Edit(
        review.operation,
        review.kind,
        review.namespace,
        review.name,
        review.user,
        review.old,
        review.new,
    )
    known = _known(judge_of.migrations, edit)
    verdict = validate(review.kind, review.old, review.new)
    warnings = (*_unsure(known), *verdict.warnings)
    if refusal := judge(edit, known, exempt=judge_of.exempt):
        fault = Fault(refusal.field, refusal.message, "Locked")
        return _deny(review, (fault,), code=_LOCKED, what=what, warnings=warnings)
    if verdict.faults:
        return _deny(review, verdict.faults, code=_INVALID, what=what, warnings=warnings)
    return _allow(review, (*warnings, *judge_of.secrets(review)))


def _none(_: Review) -> tuple[str, ...]:
    return ()


def _known(migrations: Migrations, edit: Edit) -> Knowledge:
    """Memory may be a moment old: what looks frozen and has no lock there is asked live."""
    if edit.kind == INSTALLATION_MIGRATION.kind:
        return edit.old
    known = migrations.known(edit.namespace, edit.name)
    if (
        shows_freeze(edit.kind, edit.old)
        and not isinstance(known, Unknown)
        and not (known and lock_of(known))
    ):
        return migrations.live(edit.namespace, edit.name)
    return known


def _unsure(known: Knowledge) -> tuple[str, ...]:
    if isinstance(known, Unknown):
        return ("mattermost-migrate could not check whether a migration of this is running",)
    return ()


def _allow(review: Review, warnings: tuple[str, ...]) -> dict[str, Any]:
    REVIEWS.labels(review.kind, review.operation, "allowed").inc()
    _log.debug("Allowed write", extra={"dry_run": review.dry_run})
    return allowed(review.uid, warnings)


def _deny(
    review: Review, faults: tuple[Fault, ...], *, code: int, what: str, warnings: tuple[str, ...]
) -> dict[str, Any]:
    REVIEWS.labels(review.kind, review.operation, "locked" if code == _LOCKED else "invalid").inc()
    fields = [fault.field for fault in faults]
    _log.info("Refused write", extra={"code": code, "fields": fields, "dry_run": review.dry_run})
    return denied(review.uid, faults, code=code, what=what, warnings=warnings)
