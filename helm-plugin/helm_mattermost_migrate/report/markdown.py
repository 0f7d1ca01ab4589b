"""A record as Markdown, for a ticket or a merge request; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.report.figures import histogram, step_figures, took_seconds
from helm_mattermost_migrate.report.record import Entry, Record
from helm_mattermost_migrate.report.told import (
    figures_told,
    fleet_seconds,
    moment,
    troubles_told,
    verdict,
)

__all__ = ["markdown"]

#: Installations that are listed; of more a person uses the page.
_MOST_ROWS = 500
_BAR_WIDTH = 40


def markdown(record: Record) -> str:
    """The whole as one document."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: Record) -> Iterator[str]:
    yield "# Mattermost migration report"
    yield ""
    yield f"{verdict(record)} Scope: {record.scope}. As of {moment(record.made)}."
    yield ""
    yield from _table(("Figure", "Value", ""), figures_told(record))
    yield from _fleets(record)
    yield from _durations(record)
    yield from _steps(record)
    yield from _troubles(record)
    yield from _installations(record)
    yield from _section("Environment", ("", ""), record.environment.items())


def _fleets(record: Record) -> Iterator[str]:
    header = ("Run", "To", "State", "Selected", "Succeeded", "Failed", "Skipped", "Began", "Took")
    rows = (
        (
            fleet.name,
            fleet.desired,
            str(fleet.standing),
            fleet.counts.selected,
            fleet.counts.succeeded,
            fleet.counts.failed,
            fleet.counts.skipped,
            moment(fleet.started),
            _brief(fleet_seconds(fleet, record.made)),
        )
        for fleet in record.fleets
    )
    yield from _section("Runs", header, rows)
    of_waves = ("Run", "Wave", "Members", "Succeeded", "Failed", "Began", "Took")
    waves = (
        (
            wave.fleet,
            wave.name,
            wave.members,
            wave.succeeded,
            wave.failed,
            moment(wave.began),
            _brief(wave.seconds),
        )
        for wave in record.waves
    )
    yield from _section("Waves", of_waves, waves)


def _durations(record: Record) -> Iterator[str]:
    bins = histogram(took_seconds(record.entries))
    most = max((each.count for each in bins), default=1)
    rows = (
        (
            f"{each.low:g} to {each.high:g} s",
            each.count,
            "█" * round(_BAR_WIDTH * each.count / most) or ("▏" if each.count else ""),
        )
        for each in bins
    )
    yield from _section("Durations", ("Seconds", "Migrations", ""), rows)


def _steps(record: Record) -> Iterator[str]:
    rows = (
        (
            each.step,
            each.count,
            brief(each.median),
            brief(each.slow),
            brief(each.longest),
            f"{each.share:.0%}",
        )
        for each in step_figures(record)
    )
    yield from _section("Steps", ("Step", "Count", "Median", "95 %", "Longest", "Share"), rows)


def _troubles(record: Record) -> Iterator[str]:
    rows = (
        (reason, entry.member.path, entry.member.message, entry.member.next_command)
        for reason, found in troubles_told(record)
        for entry in found
    )
    yield from _section("What did not succeed", ("Reason", "Installation", "Why", "Next"), rows)


def _installations(record: Record) -> Iterator[str]:
    header = ("Installation", "To", "Result", "Began", "Took", "API writes", "Changed otherwise")
    rows = (_row(entry, record) for entry in record.entries[:_MOST_ROWS])
    yield from _section("Installations", header, rows)
    if len(record.entries) > _MOST_ROWS:
        yield f"… and {len(record.entries) - _MOST_ROWS} more: `-o html` and `-o json` have all."
        yield ""


def _row(entry: Entry, record: Record) -> Sequence[object]:
    member = entry.member
    return (
        member.path,
        member.desired,
        str(member.standing),
        moment(member.started),
        _brief(member.seconds(record.made)),
        "" if member.writes is None else member.writes,
        "; ".join(f"{field}: {text}" for field, text in entry.warnings),
    )


def _section(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    if found := list(rows):
        yield f"## {title}"
        yield ""
        yield from _table(header, found)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield _cells(header)
    yield _cells(["---"] * len(header))
    yield from map(_cells, rows)
    yield ""


def _cells(values: Iterable[object]) -> str:
    return "| " + " | ".join(map(_cell, values)) + " |"


def _cell(value: object) -> str:
    """One line, in which nothing of a message is taken for markup."""
    text = " ".join(str(value).split()).replace("\\", "\\\\")
    for mark in "|`*_<>[]":
        text = text.replace(mark, f"\\{mark}")
    return text


def _brief(seconds: float | None) -> str:
    return "" if seconds is None else brief(seconds)
