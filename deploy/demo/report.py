"""The table at the end, the totals, and the verdict on whether all was as promised."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from deploy.demo.intruder import Attempt
from deploy.demo.record import Account
from mattermost_migrate.percentile import percentile

__all__ = ["Findings", "table", "totals", "verdict"]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was measured.

    Attributes:
        accounts: one for each installation.
        in_flight: edits while an installation was being migrated, which had to be refused.
        others: other edits that had to be refused.
        exit_codes: of each command of the plugin.
        audited: writes that the API server's audit log has of the controller; None: no such log.
    """

    accounts: Sequence[Account]
    in_flight: Sequence[Attempt]
    others: Sequence[Attempt]
    exit_codes: Sequence[tuple[str, int]]
    audited: int | None = None

    @property
    def seconds(self) -> float:
        """From when the first migration was let go until the last one had succeeded."""
        spans = [each.span for each in self.accounts if each.span is not None]
        return max(e for _, e in spans) - min(b for b, _ in spans) if spans else 0.0


def table(accounts: Sequence[Account]) -> Table:
    """A row for each installation."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    made.add_column("Installation", overflow="fold")  # the one that gives way
    for title in ("Time", "Pods", "Replica\nSets", "New\npods", "Endpoints\nlost", "API\nwrites"):
        made.add_column(title, justify="right", no_wrap=True)
    for each in accounts:
        made.add_row(
            "/".join(each.key),
            "-" if each.seconds is None else f"{each.seconds:.2f} s",
            _same(*each.pods),
            _same(*each.replica_sets),
            _none(each.pods_created),
            _none(each.endpoints_lost),
            "-" if each.writes is None else str(each.writes),
        )
    return made


def _same(before: frozenset[str], after: frozenset[str]) -> Text:
    """How many there were and are, and whether they are the same ones: by UID."""
    if before == after:
        return Text(f"{len(before)}→{len(after)} same", style="green")
    return Text(f"{len(before)}→{len(after)}, {len(before & after)} same", style="bold red")


def _none(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "green")


def totals(findings: Findings) -> Iterator[tuple[str, str]]:
    """What to know of them all: names and values."""
    accounts = findings.accounts
    took = [each.seconds for each in accounts if each.seconds is not None]
    pods = sum(len(each.pods[0]) for each in accounts)
    endpoints = sum(each.endpoints for each in accounts)
    yield "Installations", f"{len(took)} of {len(accounts)} migrated in {findings.seconds:.1f} s"
    if took:
        yield "Rate", f"{findings.seconds / len(took):.2f} s an installation, many at once"
        slow = percentile(took, 0.95)
        yield "One of them", f"median {statistics.median(took):.2f} s, 95 % within {slow:.2f} s"
    yield (
        "Pods created",
        f"{sum(each.pods_created for each in accounts)}, beside {pods} that stayed",
    )
    yield "ReplicaSets created", str(sum(each.replica_sets_created for each in accounts))
    yield "Endpoints lost", f"{sum(each.endpoints_lost for each in accounts)} of {endpoints}"
    writes = [each.writes for each in accounts if each.writes is not None]
    if writes:
        yield "API writes", f"{statistics.mean(writes):.1f} an installation, by its own count"
    if findings.audited is not None:
        each = findings.audited / len(accounts)
        yield (
            "In the audit log",
            (f"{each:.1f} an installation, with those of the builtin operator, events and all"),
        )


def verdict(findings: Findings) -> tuple[str, ...]:
    """What is not as promised; empty when all is."""
    told = [
        f"{'/'.join(each.key)}: {breach}" for each in findings.accounts for breach in each.breaches
    ]
    told += [f"{name} ended with exit code {code}" for name, code in findings.exit_codes if code]
    edits = (*findings.others, *findings.in_flight)
    told += [f"not refused: {each.command}" for each in edits if not (each.refused or each.excuse)]
    if not findings.in_flight:
        told.append("no edit met an installation in flight, so the lock was not proven")
    elif not any(each.by_webhook for each in findings.in_flight):
        told.append("the webhook refused no edit in flight, so only the policy's lock was proven")
    return tuple(told)
