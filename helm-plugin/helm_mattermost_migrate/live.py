"""The view of a run on a terminal: a bar, what is in flight, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from helm_mattermost_migrate.durations import brief
from helm_mattermost_migrate.fleets import Notice
from helm_mattermost_migrate.members import Member
from helm_mattermost_migrate.progress import Progress
from helm_mattermost_migrate.terminal import now as current_time
from mattermost_migrate.domain.names import RUNGS

__all__ = ["LiveScreen", "draw"]

_REDRAWS_A_SECOND: Final = 8
_BAR_WIDTH: Final = 32
_STEP_WIDTH: Final = 12
_TIME_WIDTH: Final = 6
_LONGEST_NAME: Final = 48
_LONGEST_RUNG: Final = max(map(len, chain(*RUNGS.values()))) + len("10/14 ")
#: Lines that are not rows of what is in flight: heading, bar, counts, gaps, failures.
_FRAME: Final = 14
_FAILURES: Final = 5
_GAP: Final = 3
#: Left free at the end of a row: where ^C goes, which must not begin a line of its own.
_MARGIN: Final = 3
#: A message that is cut after a word or two says nothing: then its column is left out.
_SHORTEST_MESSAGE: Final = 32


class LiveScreen:
    """Redraws in place; what is left on the screen in the end is the last look."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._console = console
        self._progress: Progress | None = None
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REDRAWS_A_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, progress: Progress) -> None:
        """Draw this look from now on."""
        self._progress = progress

    def note(self, text: str) -> None:
        """A line above the view, that stays."""
        self._console.print(Text(text, style="yellow"))

    def _render(self) -> RenderableType:
        if self._progress is None:
            return Text(f"{self._title}: waiting for the first word from the cluster …")
        width, height = self._console.size
        return draw(
            self._progress, title=self._title, now=current_time(), width=width, height=height
        )


def draw(
    progress: Progress, *, title: str, now: datetime, width: int = 100, height: int = 40
) -> RenderableType:
    """The whole view at one moment.

    Args:
        progress: how far it is.
        title: what this is.
        now: to tell durations by.
        width: columns the terminal has.
        height: its lines.
    """
    room = max(3, height - _FRAME)
    return Group(*_parts(progress, title, now, (width, room)))


def _parts(
    progress: Progress, title: str, now: datetime, size: tuple[int, int]
) -> Iterator[RenderableType]:
    width, room = size
    yield Text(title, style="bold")
    yield _bar(progress, now)
    yield _counts(progress)
    yield from _held(progress)
    if running := progress.running:
        yield Text()
        yield _in_flight(running[:room], now, width)
        if len(running) > room:
            yield Text(f"  … and {len(running) - room} more", style="dim")
    if notices := progress.notices:
        yield Text()
        yield from map(_notice, notices[-_FAILURES:])
        if len(notices) > _FAILURES:
            yield Text(f"  … and {len(notices) - _FAILURES} more", style="dim")


def _bar(progress: Progress, now: datetime) -> RenderableType:
    counts = progress.counts
    share = counts.through / counts.selected if counts.selected else 0.0
    figures = [f"{counts.through}/{counts.selected}", f"{share:4.0%}", brief(progress.elapsed(now))]
    if rate := progress.rate(now):
        figures.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
    if not progress.through and (left := progress.remaining(now)):
        figures.append(f"ETA {brief(left)}")
    row = Table.grid(padding=(0, 2))
    row.add_row(
        ProgressBar(total=counts.selected or 1, completed=counts.through, width=_BAR_WIDTH),
        Text("  ".join(figures)),
    )
    return row


def _counts(progress: Progress) -> Text:
    counts = progress.counts
    text = Text()
    for number, word, style in (
        (counts.waiting, "waiting", "dim"),
        (counts.running, "running", "cyan"),
        (counts.succeeded, "succeeded", "green"),
        (counts.failed, "failed", "red"),
        (counts.skipped, "skipped", "yellow"),
    ):
        text.append(f"{number} {word}   ", style=style if number else "dim")
    return text


def _held(progress: Progress) -> Iterator[RenderableType]:
    """The wave, and why no further one is started."""
    fleet = progress.fleet
    if fleet is None:
        return
    wave, waves = fleet.wave
    text = Text(no_wrap=True, overflow="ellipsis")
    if waves > 1:
        text.append(f"wave {wave} of {waves}   ", style="bold")
    if fleet.budget_left is not None and progress.counts.failed:
        left = max(0, fleet.budget_left)
        text.append(f"{left} more may fail   ", style="red" if not left else "dim")
    if fleet.held:
        text.append(fleet.held, style="bold yellow")
    if text:
        yield text
    if fleet.next_command and not fleet.standing.ended:
        yield Text(f"next: {fleet.next_command}", style="yellow")


def _in_flight(members: tuple[Member, ...], now: datetime, width: int) -> Table:
    """Names and steps keep their place; the message gives way on a narrow terminal."""
    named = min(_LONGEST_NAME, max(len(member.path) for member in members))
    fixed = (named, _LONGEST_RUNG, _STEP_WIDTH, _TIME_WIDTH)
    wide = width - _MARGIN - sum(fixed) - _GAP * len(fixed) >= _SHORTEST_MESSAGE
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="dim",
        width=width - _MARGIN if wide else None,
    )
    table.add_column("INSTALLATION", min_width=named, no_wrap=True, overflow="ellipsis")
    table.add_column("STEP", width=_LONGEST_RUNG, no_wrap=True)
    table.add_column("", width=_STEP_WIDTH, no_wrap=True)
    table.add_column("TIME", width=_TIME_WIDTH, justify="right", no_wrap=True)
    if wide:
        table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for member in members:
        seconds = member.seconds(now)
        table.add_row(
            member.path,
            member.rung or "starting",
            ProgressBar(total=len(member.ladder), completed=member.climbed, width=_STEP_WIDTH),
            brief(seconds) if seconds is not None else "",
            *([Text(member.message, style="dim")] if wide else ()),
        )
    return table


def _notice(notice: Notice) -> Text:
    """One line: the whole of it, with what to run next, is told in the end."""
    text = Text("✗ ", style="red", no_wrap=True, overflow="ellipsis")
    text.append(notice.path, style="bold")
    text.append(f"  {notice.reason}: {notice.message}", style="default")
    return text
