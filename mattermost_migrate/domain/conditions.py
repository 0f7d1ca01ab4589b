"""The status of an InstallationMigration, computed from the ladder: report and decision agree.

Conditions are observations (Kubernetes API conventions): ``lastTransitionTime`` moves only with the
status, messages hold no times and no counts, and the same problem gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mattermost_migrate.domain.membership import retry_of
from mattermost_migrate.domain.names import LOCK_LABEL, Condition, Reason
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, namespace_of
from mattermost_migrate.domain.reported import failure_of
from mattermost_migrate.domain.steps import Act, Decision, Done, Ladder, Look, Refuse, Wait

__all__ = [
    "Progress",
    "condition",
    "edit_command",
    "merge_conditions",
    "micro_timestamp",
    "status_of",
    "timestamp",
]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    """A condition yet without times; ``status`` is True, False or Unknown, as Kubernetes spells."""
    return {"type": str(kind), "status": status, "reason": str(reason), "message": message}


def merge_conditions(
    previous: Iterable[JsonObject],
    current: Iterable[Mapping[str, Any]],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Give each condition its times: a transition keeps the old one unless the status moved."""
    before = {c["type"]: c for c in previous}
    merged = []
    for fresh in current:
        old = before.get(fresh["type"])
        same = old is not None and old["status"] == fresh["status"]
        moved = old["lastTransitionTime"] if old is not None and same else timestamp(now)
        merged.append({**fresh, "observedGeneration": generation, "lastTransitionTime": moved})
    return merged


@dataclass(frozen=True, slots=True)
class Progress:
    """What the shell knows beside the decision.

    Attributes:
        now: the time.
        writes: sent by the engine for this installation so far.
        started: when the first write was about to be sent, if that was in this life.
        ended: its lock was taken off in this life.
        backup: the Secret's name and the digest of what is in it.
        warnings: of the conversion, as field and message.
        steps: each step that was entered, and when, in that order.
        pinned: generation of the Mattermost at which its pin was found in order, if it has one.
    """

    now: datetime
    writes: int = 0
    started: datetime | None = None
    ended: bool = False
    backup: tuple[str, str] | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    steps: tuple[tuple[str, datetime], ...] = ()
    pinned: int | None = None


def status_of(
    migration: JsonObject, decision: Decision, ladder: Ladder, progress: Progress
) -> dict[str, Any]:
    """The whole status to write, made from the one that stands and from what was decided."""
    previous: Mapping[str, Any] = migration.get("status") or {}
    generation = int(migration["metadata"].get("generation", 0))
    now = timestamp(progress.now)
    failure = failure_of(migration)
    conditions = [*_summary(decision, failure), *_steps(decision, ladder), *_after(decision)]
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merge_conditions(
            previous.get("conditions") or (), conditions, generation=generation, now=progress.now
        ),
        "apiWrites": progress.writes,
    }
    if progress.started:
        status["startTime"] = micro_timestamp(progress.started)
    elif (start := previous.get("startTime")) and _same_run(migration, previous):
        status["startTime"] = start
    if isinstance(decision.verdict, Done):
        # Of a run that this life has not seen end; whoever reported last may have told of another.
        known = None if progress.started or progress.ended else previous.get("completionTime")
        status["completionTime"] = known or micro_timestamp(progress.now)
    elif decision.current is not None:
        status |= _reached(previous, decision, now)
    status.update(_recorded(previous, progress))
    status.update(_settled(previous, decision, progress))
    if "finalizedTime" in status and not progress.backup:
        status.pop("backup", None)
    if failure:
        status["failure"] = dict(failure)
    if command := _next_command(migration, decision, failure):
        status["nextCommand"] = command
    return status


def _same_run(migration: JsonObject, previous: Mapping[str, Any]) -> bool:
    """Whether what was reported before was about this run: the same spec, or still on its way."""
    same = previous.get("observedGeneration") == migration["metadata"].get("generation")
    return same or LOCK_LABEL in labels_of(migration)


def _reached(previous: Mapping[str, Any], decision: Decision, now: str) -> dict[str, Any]:
    """The current step, how far it has come, and since when it has come no further."""
    come = decision.verdict.progress if isinstance(decision.verdict, Wait) else ""
    step = {"currentStep": str(decision.current), **({"currentStepProgress": come} if come else {})}
    keys = ("currentStep", "currentStepProgress")
    same = step == {key: previous[key] for key in keys if key in previous}
    return {**step, "currentStepTime": (previous.get("currentStepTime") if same else None) or now}


def _next_command(
    migration: JsonObject, decision: Decision, failure: JsonObject | None
) -> str | None:
    if isinstance(decision.verdict, Refuse):
        return decision.verdict.next_command
    if not (failure and isinstance(decision.verdict, Done)):
        return None
    return edit_command(migration, retryGeneration=retry_of(migration) + 1)


def edit_command(migration: JsonObject, **spec: Any) -> str:
    """What to run in order to set fields of the migration's spec."""
    body = json.dumps({"spec": spec}, separators=(",", ":"))
    return (
        f"kubectl -n {namespace_of(migration)} patch installationmigration {name_of(migration)} "
        f"--type merge -p '{body}'"
    )


def _recorded(previous: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What cannot be observed again: as this life knows it, else as the status told it before."""
    fresh: dict[str, Any] = {
        "backup": dict(zip(("secretName", "digest"), progress.backup or (), strict=False)),
        "warnings": [{"field": field, "message": text} for field, text in progress.warnings],
        "steps": [
            {"type": str(step), "startTime": micro_timestamp(entered)}
            for step, entered in progress.steps
        ],
    }
    told = {key: value or previous.get(key) for key, value in fresh.items()}
    if progress.started:
        told["warnings"] = fresh["warnings"]  # those of the run before are none of this one
    return {key: value for key, value in told.items() if value}


def _settled(previous: Mapping[str, Any], decision: Decision, progress: Progress) -> dict[str, Any]:
    """What is known of a migration that is done: since when it is final, and of what its pin is."""
    told: dict[str, Any] = {}
    refused = any(each is Condition.UNPINNED and refusal for each, refusal in decision.after)
    # A pin that is not in order is that of the edit which is still to be looked at.
    pinned = previous.get("pinnedGeneration") if refused else progress.pinned
    if pinned is not None:
        told["pinnedGeneration"] = pinned
    if (Condition.FINALIZED, None) in decision.after:
        told["finalizedTime"] = previous.get("finalizedTime") or timestamp(progress.now)
    elif "finalizedTime" in previous and not progress.started and not progress.backup:
        told["finalizedTime"] = previous["finalizedTime"]
    return told


def _after(decision: Decision) -> list[dict[str, Any]]:
    return [
        condition(kind, "False", refusal.reason, refusal.message)
        if refusal
        else condition(kind, "True", str(kind), "")
        for kind, refusal in decision.after
    ]


def _summary(decision: Decision, failure: JsonObject | None) -> list[dict[str, Any]]:
    told = f"{failure['reason']}: {failure['message']}" if failure else ""
    match decision.verdict:
        case Done() if not failure:
            return [condition(Condition.SUCCEEDED, "True", Reason.SUCCEEDED, "")]
        case Done():
            return _ended(Reason.ROLLED_BACK, told)
        case Refuse(_, message) if failure:
            return _ended(Reason.ROLLBACK_FAILED, f"{message} (rolling back because of {told})")
        case Refuse(reason, message):
            return _ended(reason, message)
        case Wait(message, reason):
            pass
        case Act() | Look():
            reason, message = Reason.PROGRESSING, f"bringing about {decision.current}"
    if failure:
        reason, message = Reason.ROLLING_BACK, told
    return [
        condition(Condition.SUCCEEDED, "Unknown", reason, message),
        condition(Condition.RECONCILING, "True", reason, message),
    ]


def _ended(reason: str, message: str) -> list[dict[str, Any]]:
    """Only a person can bring it further."""
    return [
        condition(Condition.SUCCEEDED, "False", reason, message),
        condition(Condition.STALLED, "True", reason, message),
    ]


def _steps(decision: Decision, ladder: Ladder) -> list[dict[str, Any]]:
    """One condition a rung up to the current one; what lies above it is not known yet."""
    steps = []
    for step in ladder:
        if step.condition in decision.holding:
            steps.append(condition(step.condition, "True", str(step.condition), ""))
        elif step.condition == decision.current:
            verdict = decision.verdict
            reason = verdict.reason if isinstance(verdict, Wait | Refuse) else Reason.PROGRESSING
            message = verdict.message if isinstance(verdict, Wait | Refuse) else ""
            steps.append(condition(step.condition, "False", reason, message))
    return steps
