"""What ``plan`` prints, from what was appraised; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.tables import table
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, Strategy

__all__ = ["details", "exit_code", "plan_table", "structured", "totals"]

_HEADER = ("NAMESPACE", "NAME", "VERDICT", "PODS", "ROLLOUT", "WARNINGS", "MANAGED BY")


_REVERTING: Final = {
    Verdict.MIGRATE: "can be reverted",
    Verdict.MIGRATED: f"already a {CLUSTER_INSTALLATION.kind}",
}


def plan_table(appraisals: Iterable[Appraisal]) -> str:
    """One row an installation that a run would touch or refuse."""
    return table(_HEADER, map(_row, appraisals))


def _row(appraisal: Appraisal) -> Sequence[object]:
    verdict = str(appraisal.verdict)
    if appraisal.refusals:
        verdict += f": {appraisal.refusals[0].reason}"
    migrating = appraisal.verdict is Verdict.MIGRATE
    return (
        *appraisal.key,
        verdict,
        appraisal.pods or "",
        _rollout(appraisal) if migrating else "",
        len(appraisal.warnings) or "",
        ", ".join(map(str, appraisal.managers)),
    )


def _rollout(appraisal: Appraisal) -> str:
    if appraisal.replaced:
        return "new pods beside the old ones"
    return "one rolling update" if appraisal.rolls else "none, same pods"


def _strategy(appraisal: Appraisal) -> Strategy:
    return Strategy.RECREATE if appraisal.replaced else Strategy.ADOPT


def details(appraisal: Appraisal) -> str:
    """Everything that is known of one installation, as a block of text."""
    return "\n".join(_details(appraisal))


def _details(appraisal: Appraisal) -> Iterator[str]:
    yield f"{appraisal.path}: {appraisal.verdict}"
    for refusal in appraisal.refusals:
        yield f"  {refusal.reason}: {refusal.message}"
        if refusal.next_command:
            yield f"    Next: {refusal.next_command}"
    if appraisal.verdict is Verdict.MIGRATE:
        yield f"  Strategy: {_strategy(appraisal)}; rollout: {_rollout(appraisal)}"
    yield from _block("The pods see differently", map(str, appraisal.seen_by_pods))
    yield from _block(
        "Held back by the pin; seen when it is dropped", map(str, appraisal.seen_when_unpinned)
    )
    yield from _block(
        "Carried in another form", (f"{field}: {text}" for field, text in appraisal.warnings)
    )
    yield from _block(
        "Also written by", (f"{manager}: {manager.edit}" for manager in appraisal.managers)
    )
    yield from _block("Chosen by its old labels", map(str, appraisal.neighbours))
    yield from _block("Not checked", appraisal.notes)


def _block(heading: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield f"  {heading}:"
        yield from (f"    {line}" for line in found)


def totals(appraisals: Sequence[Appraisal], *, reverting: bool = False) -> str:
    """``7 installations: 4 can be migrated, 2 refused, 1 already migrated``.

    Args:
        appraisals: what was found.
        reverting: they are to be ClusterInstallations again.
    """
    words = _REVERTING if reverting else {}
    counted = Counter(appraisal.verdict for appraisal in appraisals)
    told = ", ".join(
        f"{counted[verdict]} {words.get(verdict, verdict)}"
        for verdict in Verdict
        if counted[verdict]
    )
    number = len(appraisals)
    return f"{number} installation{'' if number == 1 else 's'}: {told}"


def exit_code(appraisals: Sequence[Appraisal]) -> Exit:
    """3 when something is refused or there is nothing to migrate, else 0."""
    verdicts = {appraisal.verdict for appraisal in appraisals}
    if Verdict.REFUSED in verdicts or Verdict.MIGRATE not in verdicts:
        return Exit.REFUSED
    return Exit.DONE


def structured(appraisals: Sequence[Appraisal]) -> dict[str, Any]:
    """The same for machines; the names of the fields are an interface."""
    counted = Counter(appraisal.verdict for appraisal in appraisals)
    return {
        "installations": [_structured(appraisal) for appraisal in appraisals],
        "totals": {
            "selected": len(appraisals),
            "migrate": counted[Verdict.MIGRATE],
            "refused": counted[Verdict.REFUSED],
            "underWay": counted[Verdict.UNDER_WAY],
            "migrated": counted[Verdict.MIGRATED],
        },
    }


def _structured(appraisal: Appraisal) -> dict[str, Any]:
    return {
        "namespace": appraisal.key[0],
        "name": appraisal.key[1],
        "verdict": appraisal.verdict.name.title().replace("_", ""),
        "strategy": str(_strategy(appraisal)) if appraisal.verdict is Verdict.MIGRATE else None,
        "pods": appraisal.pods,
        "pinned": appraisal.pinned,
        "rollingUpdate": appraisal.rolls,
        "refusals": [
            {
                "reason": str(refusal.reason),
                "message": refusal.message,
                "nextCommand": refusal.next_command,
            }
            for refusal in appraisal.refusals
        ],
        "podDifferences": _differences(appraisal.seen_by_pods),
        "podDifferencesWhenUnpinned": _differences(appraisal.seen_when_unpinned),
        "warnings": [{"field": field, "message": text} for field, text in appraisal.warnings],
        "managers": [
            {"tool": manager.tool, "name": manager.name, "edit": manager.edit}
            for manager in appraisal.managers
        ],
        "neighbours": [
            {"kind": each.kind, "name": each.name, "message": each.told}
            for each in appraisal.neighbours
        ],
        "notChecked": list(appraisal.notes),
    }


def _differences(found: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"field": each.field, "before": each.before, "after": each.after} for each in found]
