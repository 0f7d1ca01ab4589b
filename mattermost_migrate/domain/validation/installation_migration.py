"""What an InstallationMigration may say beyond its schema.

The schema in the CRD refuses unknown words; what is left are combinations worth a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.names import MATTERMOST, Strategy
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.validation.field import Field, Finding

__all__ = ["findings"]

_SHORT_SECONDS: Final = 60


def findings(migration: JsonObject) -> Iterator[Finding]:
    """All there is to say about an InstallationMigration."""
    spec = Field("spec", migration.get("spec"))
    unpinned = (spec / "pinPodTemplate").value is False
    recreated = (spec / "strategy").value == Strategy.RECREATE
    if unpinned and not recreated and (spec / "desiredKind").value == MATTERMOST.kind:
        yield (spec / "pinPodTemplate").caution(
            "the pods are rolled once after the migration, and once more by a later revert"
        )
    deadline = (spec / "progressDeadlineSeconds").number
    if deadline is not None and deadline < _SHORT_SECONDS:
        yield (spec / "progressDeadlineSeconds").caution(
            "a rollout in progress may well take longer"
        )
