"""How ``doctor`` shows what it found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from helm_mattermost_migrate.diagnosis import Finding
from helm_mattermost_migrate.tables import as_json, as_yaml, table
from helm_mattermost_migrate.terminal import say
from mattermost_migrate.inspection import State, Verdict

__all__ = ["rows", "show"]


def show(findings: Sequence[Finding], verdicts: Sequence[Verdict], output: str) -> None:
    """Print it: what a migration needs first, then the installations, then what to run next."""
    match output:
        case "json":
            say(as_json(list(rows(findings, verdicts))))
        case "yaml":
            say(as_yaml(list(rows(findings, verdicts))))
        case _:
            _show_tables(findings, verdicts)


def rows(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> Iterator[dict[str, Any]]:
    """One a check; of an installation with its state and with what is wrong, object by object."""
    for finding in findings:
        yield {
            "check": finding.check,
            "well": finding.well,
            "message": finding.told,
            "nextCommand": finding.hint,
        }
    for verdict in verdicts:
        first = verdict.findings[0] if verdict.findings else None
        yield {
            "check": f"installation {verdict.namespace}/{verdict.name}",
            "well": verdict.state is not State.BROKEN,
            "message": str(first) if first else "",
            "nextCommand": first.next_command if first else "",
            "state": str(verdict.state),
            "findings": [each.as_dict() for each in verdict.findings],
        }


def _show_tables(findings: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
    checks = [("ok" if each.well else "MISSING", each.check, each.told) for each in findings]
    say(table(("", "CHECK", "FOUND"), checks))
    if verdicts:
        say("")
        say(table(("INSTALLATION", "STATE", "OBJECT", "FOUND"), _lines(verdicts)))
    needing: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        if not finding.well and finding.hint:
            needing[finding.hint].append(finding.check)
    for hint, which in needing.items():
        say(f"Next: {', '.join(which)}: {hint}")
    for verdict in verdicts:
        for each in verdict.findings:
            say(f"Next: {each.where}: {each.next_command}")


def _lines(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str, str, str]]:
    """An installation once, and below it what is wrong with it."""
    for verdict in verdicts:
        name, state = f"{verdict.namespace}/{verdict.name}", str(verdict.state)
        if not verdict.findings:
            yield name, state, "", ""
        for each in verdict.findings:
            yield name, state, f"{each.kind}/{each.name}", each.message
