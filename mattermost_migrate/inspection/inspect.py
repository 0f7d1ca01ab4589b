"""One installation, inspected: every rule is asked, and the answers make the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.inspection import backup, ownership, resources, serving, workload
from mattermost_migrate.inspection.scene import Scene
from mattermost_migrate.inspection.subject import Subject
from mattermost_migrate.inspection.verdict import Finding, State, Verdict

__all__ = ["inspect", "installations"]

#: In the order in which a person should look at what they find.
_RULES: Final = (
    resources.check,
    workload.check,
    serving.check,
    ownership.check,
    backup.check,
)


def inspect(scene: Scene, namespace: str, name: str) -> Verdict:
    """State whether an installation is whole, and as which kind; else what is wrong with it.

    Args:
        scene: at least the objects of its namespace.
        namespace: where it is.
        name: what it is called.
    """
    subject = Subject(scene, namespace, name)
    findings = tuple(_once(finding for rule in _RULES for finding in rule(subject)))
    return Verdict(namespace, name, _state(subject, findings), findings)


def _state(subject: Subject, findings: tuple[Finding, ...]) -> State:
    if findings:
        return State.BROKEN
    if subject.under_way:
        return State.UNDER_WAY
    old = subject.cluster_installation is not None
    return State.WHOLE_AS_CLUSTER_INSTALLATION if old else State.WHOLE_AS_MATTERMOST


def _once(findings: Iterator[Finding]) -> Iterator[Finding]:
    """An object is told of once for each flaw, by the rule that saw it first."""
    told: set[tuple[str, str]] = set()
    for each in findings:
        if (each.where, each.flaw) not in told:
            told.add((each.where, each.flaw))
            yield each


def installations(
    scene: Scene, *, only: Callable[[JsonObject], bool] = lambda _: True
) -> list[tuple[str, str]]:
    """Namespace and name of every installation, and of every migration of one that is gone.

    Args:
        scene: where to look.
        only: which of these objects count.
    """
    kinds = (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION)
    found = (obj for kind in kinds for obj in scene.all(kind) if only(obj))
    return sorted({(namespace_of(obj), name_of(obj)) for obj in found})
