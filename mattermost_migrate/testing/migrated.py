"""InstallationMigrations of a run that is over, as the controller leaves them behind.

Made by a seeded chance, so that a report of three thousand looks like one, the same each time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mattermost_migrate.domain.conditions import micro_timestamp, timestamp
from mattermost_migrate.domain.fleet import Enlistment
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    Condition,
    Reason,
)

__all__ = ["BEGAN", "fleet_over", "migrations_over"]

BEGAN: Final = datetime(2026, 11, 27, 20, 0, 0, tzinfo=UTC)
#: A step and how long it takes, in seconds, on a quiet cluster.
_STEPS: Final = (
    (Condition.VALIDATED, 0.03),
    (Condition.ORIGINALS_SAVED, 0.02),
    (Condition.SOURCE_FROZEN, 0.12),
    (Condition.DEPLOYMENT_RELEASED, 0.02),
    (Condition.PODS_LABELLED, 0.03),
    (Condition.PODS_SEEN, 0.10),
    (Condition.DEPLOYMENT_ADOPTED, 0.14),
    (Condition.TARGET_CREATED, 0.04),
    (Condition.TARGET_STABLE, 0.30),
    (Condition.CHILDREN_TRANSFERRED, 0.05),
    (Condition.SOURCE_REMOVED, 0.03),
    (Condition.UNLOCKED, 0.02),
)
_FAILURES: Final = (
    (Reason.DEADLINE_EXCEEDED, "no progress for 600 s: waiting for Deployment chat: 1 of 2 pods"),
    (Reason.REJECTED, 'the API server refused: admission webhook "policy.example.com": <b>no</b>'),
)


def migrations_over(count: int, *, at_once: int = 15, seed: int = 8) -> list[dict[str, Any]]:
    """The members of a fleet that is over: most succeeded, some were rolled back or refused.

    Args:
        count: how many.
        at_once: how many ran at the same time.
        seed: of the chance.
    """
    chance = random.Random(seed)  # noqa: S311 - for looks
    free = [0.0] * at_once
    made = []
    for number in range(count):
        slot = min(range(at_once), key=free.__getitem__)
        fate = chance.random()
        if fate > 0.99:  # noqa: PLR2004 - one in a hundred
            made.append(_refused(number))
            continue
        rolled_back = fate > 0.98  # noqa: PLR2004 - and one more
        seconds = _durations(chance, 9 if rolled_back else len(_STEPS))
        made.append(_over(number, free[slot], seconds, chance, rolled_back=rolled_back))
        free[slot] += sum(seconds) + 0.01
    return made


def _durations(chance: random.Random, count: int) -> list[float]:
    slow = chance.lognormvariate(0, 0.35)
    return [usual * slow * chance.uniform(0.7, 1.6) for _, usual in _STEPS[:count]]


def _over(
    number: int, start: float, seconds: list[float], chance: random.Random, *, rolled_back: bool
) -> dict[str, Any]:
    began = BEGAN + timedelta(seconds=start)
    ended = began + timedelta(seconds=sum(seconds))
    steps = list(_entered(began, seconds))
    obj = _migration(number)
    reason, message = chance.choice(_FAILURES)
    status = "False" if rolled_back else "True"
    told = f"{reason}: {message}" if rolled_back else ""
    summary = Reason.ROLLED_BACK if rolled_back else Reason.SUCCEEDED
    conditions = [_condition(Condition.SUCCEEDED, status, summary, told, ended)]
    if rolled_back:
        conditions.append(_condition(Condition.STALLED, "True", summary, told, ended))
    obj["status"] = {
        "startTime": micro_timestamp(began),
        "completionTime": micro_timestamp(ended),
        "apiWrites": chance.choice((12, 13, 13, 13, 14)),
        "backup": {
            "secretName": f"{obj['metadata']['name']}-migration-backup",
            "digest": "sha256:5f1c",
        },
        "steps": steps,
        "conditions": conditions,
    }
    if number % 7 == 0:
        warning = {
            "field": "spec.mattermostEnv",
            "message": "the order of entries is kept by a pin",
        }
        obj["status"]["warnings"] = [warning]
    if rolled_back:
        obj["status"]["nextCommand"] = f"helm mattermost-migrate retry {obj['metadata']['name']}"
    return obj


def _entered(began: datetime, seconds: list[float]) -> Iterator[dict[str, str]]:
    at = began
    for (step, _), took in zip(_STEPS, seconds, strict=False):
        yield {"type": str(step), "startTime": micro_timestamp(at)}
        at += timedelta(seconds=took)


def _refused(number: int) -> dict[str, Any]:
    obj = _migration(number)
    message = "Secret db: it has no key DB_CONNECTION_STRING"
    ended = [
        _condition(Condition.SUCCEEDED, "False", Reason.SECRET_MALFORMED, message, BEGAN),
        _condition(Condition.STALLED, "True", Reason.SECRET_MALFORMED, message, BEGAN),
    ]
    obj["status"] = {"conditions": ended, "nextCommand": "kubectl get secret db -o yaml"}
    return obj


def _migration(number: int) -> dict[str, Any]:
    return {
        "apiVersion": INSTALLATION_MIGRATION.api_version,
        "kind": INSTALLATION_MIGRATION.kind,
        "metadata": {
            "namespace": f"team-{number // 30:03}",
            "name": f"chat-{number:04}",
            "uid": str(number),
            "generation": 2,
            "labels": {FLEET_LABEL: "fleet-friday"},
            "annotations": Enlistment("fleet", number, "Mattermost").written(),
        },
        "spec": {"desiredKind": "Mattermost", "strategy": "Adopt", "pinPodTemplate": True},
    }


def _condition(kind: str, status: str, reason: str, message: str, when: datetime) -> dict[str, Any]:
    return {
        "type": str(kind),
        "status": status,
        "reason": str(reason),
        "message": message,
        "observedGeneration": 2,
        "lastTransitionTime": timestamp(when),
    }


def fleet_over(members: list[dict[str, Any]]) -> dict[str, Any]:
    """The FleetMigration of these members."""
    states = [(each["status"]["conditions"][0]["status"], each["status"]) for each in members]
    counts = {
        "selected": len(members),
        "waiting": 0,
        "running": 0,
        "succeeded": sum(status == "True" for status, _ in states),
        "failed": sum(status == "False" and "startTime" in told for status, told in states),
        "skipped": sum("startTime" not in told for _, told in states),
    }
    ended = max((told.get("completionTime", "") for _, told in states), default="")
    return {
        "apiVersion": FLEET_MIGRATION.api_version,
        "kind": FLEET_MIGRATION.kind,
        "metadata": {
            "name": "fleet-friday",
            "uid": "fleet",
            "generation": 2,
            "creationTimestamp": timestamp(BEGAN),
        },
        "spec": {"selector": {"all": True}, "desiredKind": "Mattermost", "maxConcurrent": 15}
        | {"waves": [{"name": "canary", "size": 1}, {"size": "10%"}]},
        "status": {
            "startTime": micro_timestamp(BEGAN),
            "completionTime": ended,
            "counts": counts,
            "conditions": [
                _condition(
                    Condition.SUCCEEDED,
                    "True" if counts["succeeded"] == len(members) else "False",
                    Reason.SUCCEEDED if counts["succeeded"] == len(members) else "MembersFailed",
                    "",
                    BEGAN,
                )
            ],
        },
    }
