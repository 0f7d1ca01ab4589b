"""From findings to a verdict: which faults block this write, and what is said beside it.

An object that was stored before a rule existed can still be updated: a fault that the stored
object had already does not block, as Kubernetes' own ratcheting has it. Messages carry the value,
so a faulty value changed to another faulty one is a new fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.validation import (
    cluster_installation,
    installation_migration,
    mattermost,
)
from mattermost_migrate.domain.validation.field import Caution, Finding

__all__ = ["Verdict", "validate"]

Rules: TypeAlias = Callable[[JsonObject], Iterable[Finding]]

_RULES: Final[Mapping[str, Rules]] = {
    CLUSTER_INSTALLATION.kind: cluster_installation.findings,
    MATTERMOST.kind: mattermost.findings,
    INSTALLATION_MIGRATION.kind: installation_migration.findings,
}
#: A list item may have moved; it is the same item all the same.
_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What there is to say about a write.

    Attributes:
        faults: what blocks it, all at once, in the order of the fields.
        warnings: what does not; each at most 120 characters.
    """

    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()


def validate(kind: str, old: JsonObject | None, new: JsonObject | None) -> Verdict:
    """Judge an object of ``kind`` that is to be stored.

    Args:
        kind: ClusterInstallation, Mattermost or InstallationMigration.
        old: what is stored now; None for a new object.
        new: what would be stored; None for a deletion, in which nothing can be wrong. An object
            that is being deleted is not judged either: its finalizers must be able to go.
    """
    if new is None or (new.get("metadata") or {}).get("deletionTimestamp"):
        return Verdict()
    found = tuple(_RULES[kind](new))
    faults = tuple(finding for finding in found if isinstance(finding, Fault))
    cautions = (str(finding) for finding in found if isinstance(finding, Caution))
    if old is None or not faults:
        return Verdict(faults, tuple(cautions))
    stored = Counter(_mark(fault) for fault in _RULES[kind](old) if isinstance(fault, Fault))
    fresh: list[Fault] = []
    standing: list[Fault] = []
    for fault in faults:
        known = stored[_mark(fault)] > 0
        stored[_mark(fault)] -= known
        (standing if known else fresh).append(fault)
    return Verdict(tuple(fresh), (*map(_tolerated, standing), *cautions))


def _tolerated(fault: Fault) -> str:
    """A fault that was stored already does not block, and is not kept quiet about either."""
    return str(Caution(fault.field, fault.message))


def _mark(fault: Fault) -> tuple[str, str]:
    return _INDEX.sub("[]", fault.field), fault.message
