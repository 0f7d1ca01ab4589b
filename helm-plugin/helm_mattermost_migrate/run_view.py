"""What ``run`` says before it begins and after it is through; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleet_request import MAX_CONCURRENT, Wishes
from helm_mattermost_migrate.members import Member
from helm_mattermost_migrate.plan_view import totals
from helm_mattermost_migrate.progress import Progress
from helm_mattermost_migrate.tables import table
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION

__all__ = ["asked", "ended"]

#: Rows a person still reads; of more, only what went wrong is listed.
_MOST_ROWS: Final = 40
_MOST_TOLD: Final = 10


def asked(appraisals: Sequence[Appraisal], wishes: Wishes) -> Iterator[str]:
    """The summary to agree to."""
    going = [each for each in appraisals if each.verdict is Verdict.MIGRATE]
    refused = [each for each in appraisals if each.verdict is Verdict.REFUSED]
    yield totals(appraisals, reverting=wishes.desired == CLUSTER_INSTALLATION.kind)
    for appraisal in refused[:_MOST_TOLD]:
        told = appraisal.refusals[0]
        yield f"  refused: {appraisal.path}: {told.reason}: {told.message}"
        if told.next_command:
            yield f"    Next: {told.next_command}"
    if len(refused) > _MOST_TOLD:
        yield f"  … and {len(refused) - _MOST_TOLD} more refused"
    yield from _owners(going)
    if going:
        pods = sum(each.pods for each in going)
        rollout = _rollout(going, wishes)
        at_once = wishes.max_concurrent or f"{MAX_CONCURRENT}, the default"
        yield f"To {wishes.desired}: {len(going)}, with {pods} pods{rollout}. At once: {at_once}."
        if waves := [_wave(wave) for wave in wishes.more.get("waves") or ()]:
            yield f"Waves: {', then '.join((*waves, 'the rest'))}."


def _wave(wave: Mapping[str, Any]) -> str:
    parts = [str(wave["size"])]
    if name := wave.get("name"):
        parts.append(f"({name})")
    if soak := wave.get("soakSeconds"):
        parts.append(f"soaking {brief(soak)}")
    if wave.get("requiresApproval"):
        parts.append("and your approval" if soak else "with your approval")
    return " ".join(parts)


def _rollout(going: Sequence[Appraisal], wishes: Wishes) -> str:
    """What becomes of the pods."""
    if any(each.replaced for each in going):
        surge = wishes.max_surge or 1
        return f"; new ones take their place, at most {surge} more at a time in each installation"
    rolling = sum(each.rolls for each in going)
    return f"; {rolling} will do one rolling update" if rolling else "; all stay as they are"


def _owners(going: Sequence[Appraisal]) -> Iterator[str]:
    """Others who write these objects; the same edit is told once."""
    counted = Counter(str(manager) for each in going for manager in each.managers)
    edits = {str(manager): manager.edit for each in going for manager in each.managers}
    for who, number in counted.items():
        which = "" if number == 1 else f" ({number} installations)"
        yield f"  also written by {who}{which}: {edits[who]}"


def ended(progress: Progress, now: datetime) -> Iterator[str]:
    """The table and the totals of a run that is through, or that is left to itself."""
    members = progress.members
    shown: Sequence[Member] = members
    if len(members) > _MOST_ROWS:
        shown = [member for member in members if member.standing.bad]
    if shown:
        yield table(_HEADER, (_row(member, now) for member in shown))
        yield ""
    for notice in progress.notices[:_MOST_TOLD]:
        yield f"{notice.path}: {notice.reason}: {notice.message}"
        if notice.next_command:
            yield f"  Next: {notice.next_command}"
    yield _summary(progress, now)


_HEADER = ("NAMESPACE", "NAME", "RESULT", "TIME", "API WRITES")


def _row(member: Member, now: datetime) -> Sequence[object]:
    seconds = member.seconds(now)
    result = str(member.standing)
    if member.standing.bad and member.reason:
        result += f": {member.reason}"
    return (*member.key, result, "" if seconds is None else brief(seconds), member.writes)


def _summary(progress: Progress, now: datetime) -> str:
    counts = progress.counts
    parts: list[tuple[int, Any]] = [
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.running, "running"),
        (counts.waiting, "waiting"),
    ]
    told = ", ".join(f"{number} {word}" for number, word in parts if number) or "none"
    name = f"{progress.fleet.name}: " if progress.fleet else ""
    return f"{name}{counts.selected} selected: {told}; {brief(progress.elapsed(now))}"
