"""What a status told before is told again as long as it is true, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.conditions import Progress, status_of
from mattermost_migrate.domain.names import Condition
from mattermost_migrate.domain.steps import Decision, Done, Wait

FINAL = "2026-01-01T00:00:00Z"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
BACKUP = ("acme-migration-backup", "sha256:1")


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        pytest.param(Progress(NOW), FINAL, id="still final"),
        pytest.param(Progress(NOW, backup=BACKUP), None, id="begun by a leader that died unheard"),
        pytest.param(Progress(NOW, started=NOW), None, id="begun just now"),
    ],
)
def test_it_goes_when_there_is_a_backup_again(progress: Progress, told: str | None) -> None:
    migration: dict[str, Any] = {
        "metadata": {"name": "acme", "namespace": "chat", "generation": 3},
        "spec": {"desiredKind": "Mattermost"},
        "status": {"finalizedTime": FINAL, "observedGeneration": 2},
    }
    for decision in (
        Decision(Wait("for pods"), (), Condition.TARGET_STABLE),
        Decision(Done(), tuple(step.condition for step in ADOPTION)),
    ):
        assert status_of(migration, decision, ADOPTION, progress).get("finalizedTime") == told


OLD = [{"field": "metadata.ownerReferences", "message": "not carried"}]
FRESH = [{"field": "spec.a", "message": "kept"}]


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        pytest.param(Progress(NOW), OLD, id="another life began it"),
        pytest.param(Progress(NOW, started=NOW), None, id="this run has none"),
        pytest.param(Progress(NOW, started=NOW, warnings=(("spec.a", "kept"),)), FRESH, id="its"),
    ],
)
def test_warnings_are_those_of_this_run(
    progress: Progress, told: list[dict[str, str]] | None
) -> None:
    migration: dict[str, Any] = {
        "metadata": {"name": "acme", "namespace": "chat", "generation": 3},
        "spec": {"desiredKind": "ClusterInstallation"},
        "status": {"warnings": OLD},
    }
    decision = Decision(Wait("for pods"), (), Condition.TARGET_STABLE)

    assert status_of(migration, decision, ADOPTION, progress).get("warnings") == told
