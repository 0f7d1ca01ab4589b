"""A run as it is told: counts, rate, one line a change, and the view on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from helm_mattermost_migrate.errors import Exit
from helm_mattermost_migrate.fleets import Counts, Fleet, Notice, fleet_of
from helm_mattermost_migrate.lines import LineScreen
from helm_mattermost_migrate.live import LiveScreen, draw
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.progress import Progress, changes
from helm_mattermost_migrate.run_view import ended

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NOW = START + timedelta(seconds=10)


def chat(number: int, standing: Standing = Standing.RUNNING, **fields: Any) -> Member:
    return Member(("acme", f"chat-{number}"), standing=standing, **fields)


def progress(*members: Member, fleet: Fleet | None = None) -> Progress:
    return Progress(members, fleet, START)


def test_an_installation_is_one_line_when_it_is_through() -> None:
    waiting = progress(chat(1, Standing.WAITING), chat(2, Standing.WAITING))
    begun = progress(chat(1, step="PodsSeen", started=NOW), chat(2, Standing.WAITING))
    done = progress(
        chat(1, Standing.SUCCEEDED, started=START, ended=START + timedelta(seconds=0.4), writes=11),
        chat(2, Standing.WAITING),
    )

    assert list(changes(None, waiting, NOW)) == ["all: 2 selected: 2 waiting"]
    assert list(changes(waiting, begun, NOW)) == []
    assert list(changes(begun, done, NOW)) == ["acme/chat-1: succeeded in 0.4s, 11 writes (1 of 2)"]
    assert list(changes(done, done, NOW + timedelta(hours=1))) == []


def test_several_that_end_together_are_counted_one_by_one() -> None:
    before = progress(*(chat(number) for number in range(3)))
    after = progress(*(chat(number, Standing.SUCCEEDED) for number in range(3)))

    assert [line.rpartition(" (")[2] for line in changes(before, after, NOW)] == [
        "1 of 3)",
        "2 of 3)",
        "3 of 3)",
    ]


def test_a_step_that_takes_its_time_is_told_once() -> None:
    hangs = progress(
        chat(1, step="PodsSeen", since=START, started=START, message="its controller lags")
    )
    looks = [START + timedelta(seconds=each) for each in (10, 14, 16, 21, 26)]

    told = [
        list(changes(hangs, hangs, now, then))
        for then, now in zip([START, *looks], looks, strict=False)
    ]
    assert told == [
        [],
        [],
        ["acme/chat-1: still at 7/14 PodsSeen: its controller lags"],
        [],
        [],
    ]


def test_what_failed_says_why_and_what_to_run() -> None:
    failed = chat(
        1, Standing.FAILED, message="no pod is ready", next_command="kubectl -n acme get pods"
    )

    assert list(changes(progress(chat(1)), progress(failed), NOW)) == [
        "acme/chat-1: failed: no pod is ready; next: kubectl -n acme get pods (1 of 1)"
    ]


def test_a_wave_and_what_it_waits_for_are_told() -> None:
    members = (chat(1, Standing.SUCCEEDED), chat(2, Standing.WAITING))
    first = Fleet("f", counts=Counts(2, waiting=1, running=1), started=START, wave=(1, 2))
    message = "wave 1 is through: the next begins when its outcome is approved"
    held = replace(first, message=message, next_command="helm mattermost-migrate approve f")
    second = replace(first, wave=(2, 2))

    assert list(changes(None, progress(*members, fleet=first), NOW))[:2] == [
        "f: 2 selected: 1 waiting, 1 succeeded",
        "f: wave 1 of 2",
    ]
    one, two, three = (progress(*members, fleet=fleet) for fleet in (first, held, second))
    assert list(changes(one, two, NOW)) == [f"f: {message}; next: {held.next_command}"]
    assert list(changes(two, three, NOW)) == ["f: wave 2 of 2"]
    shown = drawn(two)
    assert f"wave 1 of 2   {message}" in shown[3]
    assert shown[4] == f"next: {held.next_command}"


def test_before_a_fleet_has_selected_there_is_nothing_to_tell() -> None:
    assert list(changes(None, progress(fleet=Fleet("fleet-a")), NOW)) == []


def test_while_a_fleet_selects_it_does_not_pretend_to_know_how_many() -> None:
    half = progress(chat(1, Standing.WAITING), fleet=Fleet(name="f"))

    assert list(changes(None, half, NOW)) == ["f: selecting, 1 so far"]


def test_the_members_are_counted_once_all_of_them_are_known() -> None:
    fleet = Fleet("fleet-a", counts=Counts(selected=3, waiting=2, skipped=1), passed_over=1)
    known = progress(chat(1), chat(2, Standing.SUCCEEDED), fleet=fleet)

    assert known.counts == Counts(selected=3, running=1, succeeded=1, skipped=1)
    assert progress(chat(1), fleet=fleet).counts == fleet.counts


def test_who_was_turned_round_is_told_as_the_fleet_counts_it() -> None:
    fleet = Fleet("f", counts=Counts(selected=2, succeeded=1, skipped=1), started=START, ended=NOW)
    back = chat(1, Standing.REVERTED, reason="Edited", message="set by another hand")
    seen = progress(back, chat(2, Standing.SUCCEEDED), fleet=fleet)

    assert seen.counts == fleet.counts
    told = list(ended(seen, NOW))
    assert "reverted: Edited" in told[0]
    assert told[-1].startswith("f: 2 selected: 1 succeeded, 1 skipped")


def test_rate_and_rest_do_not_count_what_was_passed_over() -> None:
    members = [chat(number, Standing.SUCCEEDED, ended=NOW) for number in range(5)]
    skipped = [chat(number, Standing.REFUSED, ended=NOW) for number in range(5, 20)]
    seen = progress(*members, *skipped, chat(30), chat(31, Standing.WAITING))

    assert seen.rate(NOW) == 0.5
    assert seen.remaining(NOW) == 4.0


def test_the_rate_of_a_selection_is_of_what_ended_since_we_look() -> None:
    before = [
        chat(number, Standing.SUCCEEDED, ended=START - timedelta(minutes=1)) for number in range(22)
    ]
    never = [chat(number, Standing.NONE) for number in range(22, 25)]
    since = [chat(number, Standing.SUCCEEDED, ended=NOW) for number in range(25, 29)]

    assert progress(*before, *never, chat(30)).rate(NOW) is None
    assert progress(*before, *never, *since, chat(30), chat(31)).rate(NOW) == 0.4
    assert progress(*before, *never, *since, chat(30), chat(31)).remaining(NOW) == 5.0
    fleet = Fleet("f", counts=Counts(22, succeeded=22), started=START - timedelta(seconds=1))
    assert progress(*before, fleet=fleet).rate(NOW) == 2.0


def test_nothing_is_foretold_from_one() -> None:
    assert progress(chat(1, Standing.SUCCEEDED, ended=NOW), chat(2)).remaining(NOW) is None


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ([], Exit.UNFINISHED),
        ([("Unknown", "Progressing")], Exit.UNFINISHED),
        ([("True", "Succeeded")], Exit.DONE),
        ([("False", "MembersFailed")], Exit.FAILED),
        ([("False", "MembersSkipped")], Exit.REFUSED),
        ([("False", "NothingSelected")], Exit.REFUSED),
    ],
)
def test_a_run_ends_with(conditions: Any, code: Exit) -> None:
    told = [
        {"type": "Succeeded", "status": status, "reason": reason, "observedGeneration": 1}
        for status, reason in conditions
    ]
    seen = fleet_of(
        {
            "metadata": {"name": "fleet-a", "generation": 1},
            "spec": {"desiredKind": "Mattermost"},
            "status": {"conditions": told},
        }
    )

    assert seen.exit is code


def test_a_failure_counts_though_others_are_under_way() -> None:
    spec = {"desiredKind": "Mattermost"}
    status = {"counts": {"selected": 3, "running": 2, "failed": 1}}

    seen = fleet_of(
        {"metadata": {"name": "fleet-a", "generation": 1}, "spec": spec, "status": status}
    )

    assert not seen.standing.ended
    assert seen.exit is Exit.FAILED


def test_in_a_pipe_there_is_no_escape_code(capsys: pytest.CaptureFixture[str]) -> None:
    screen = LineScreen(clock=lambda: NOW)
    with screen:
        screen.show(progress(chat(1, step="PodsSeen")))
        screen.show(progress(chat(1, Standing.SUCCEEDED)))

    assert capsys.readouterr().out.splitlines() == [
        "12:00:10Z all: 1 selected: 1 running",
        "12:00:10Z acme/chat-1: succeeded (1 of 1)",
    ]


def test_what_succeeded_before_anybody_looked_is_no_news() -> None:
    before, after = START - timedelta(minutes=1), START + timedelta(seconds=1)
    seen = progress(
        chat(1, Standing.SUCCEEDED, started=before, ended=before),
        chat(2, Standing.SUCCEEDED, started=before, ended=after),
        chat(3, Standing.FAILED, started=before, ended=before, message="it is refused"),
        chat(4),
    )

    assert [line.partition(":")[0] for line in changes(None, seen, NOW)] == [
        "all",
        "acme/chat-2",
        "acme/chat-3",
    ]


def drawn(seen: Progress, *, width: int = 100, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(draw(seen, title="fleet-a → Mattermost", now=NOW, width=width, height=height))
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_view_has_a_bar_the_counts_what_is_in_flight_and_what_failed() -> None:
    flying = chat(1, step="PodsSeen", started=START, message="its controller has yet to see it")
    failed = chat(
        2,
        Standing.FAILED,
        reason="DeadlineExceeded",
        message="no progress for 600 s",
        ended=NOW,
    )
    done = [chat(number, Standing.SUCCEEDED, ended=NOW) for number in range(3, 7)]
    lines = drawn(progress(flying, failed, *done, chat(9, Standing.WAITING)), width=104)

    assert lines[0] == "fleet-a → Mattermost"
    assert lines[1].endswith("5/7   71%  10s  30.0/min  ETA 4.0s")
    assert lines[2] == "1 waiting   1 running   4 succeeded   1 failed   0 skipped"
    assert lines[5].split() == [
        *("acme/chat-1", "7/14", "PodsSeen", "━━━━━", "10s"),
        *("its", "controller", "has", "yet", "to", "see", "it"),
    ]
    assert lines[7] == "✗ acme/chat-2  DeadlineExceeded: no progress for 600 s"


@pytest.mark.parametrize("width", [60, 80, 132])
def test_names_and_steps_keep_their_place_on_a_narrow_terminal(width: int) -> None:
    lines = drawn(progress(chat(1, step="ChildrenTransferred", message="x" * 200)), width=width)

    assert width < 80 or lines[5].startswith("acme/chat-1    11/14 ChildrenTransferred")
    # A message is told where there is room for some words of it, and not at all otherwise.
    assert ("xxx" in lines[5]) is (width > 100)
    assert all(len(line) <= width for line in lines)


def test_the_view_never_grows_beyond_the_terminal() -> None:
    many = [chat(number, step="PodsSeen") for number in range(200)]
    failed = [chat(number, Standing.FAILED, message="x" * 300) for number in range(300, 350)]

    assert len(drawn(progress(*many, *failed), height=24)) < 24


def test_the_live_screen_leaves_the_terminal_as_it_was() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24)
    with LiveScreen(console, "fleet-a") as screen:
        screen.show(progress(chat(1)))

    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1


def test_the_end_is_a_table_and_a_sum() -> None:
    fleet = Fleet(
        "fleet-a",
        started=START,
        ended=START + timedelta(seconds=2),
        counts=Counts(selected=3, succeeded=1, failed=1, skipped=1),
        skips=(Notice("acme/chat-3", "InAnotherFleet", "it is a member of fleet-b"),),
        passed_over=1,
    )
    seen = progress(
        chat(1, Standing.SUCCEEDED, started=START, ended=START + timedelta(seconds=1), writes=11),
        chat(2, Standing.FAILED, reason="NoReadyPods", message="none is ready", next_command="x"),
        fleet=fleet,
    )

    table, notices = "\n".join(ended(seen, NOW)).split("\n\n")
    assert [line.split() for line in table.splitlines()] == [
        ["NAMESPACE", "NAME", "RESULT", "TIME", "API", "WRITES"],
        ["acme", "chat-1", "succeeded", "1.0s", "11"],
        ["acme", "chat-2", "failed:", "NoReadyPods", "-", "-"],
    ]
    assert notices.splitlines() == [
        "acme/chat-2: NoReadyPods: none is ready",
        "  Next: x",
        "acme/chat-3: InAnotherFleet: it is a member of fleet-b",
        "fleet-a: 3 selected: 1 succeeded, 1 failed, 1 skipped; 2.0s",
    ]


def test_of_many_only_what_went_wrong_is_listed() -> None:
    done = [chat(number, Standing.SUCCEEDED) for number in range(100)]
    lines = list(ended(progress(*done, chat(500, Standing.FAILED, message="x")), NOW))

    assert "chat-500" in lines[0]
    assert "chat-42" not in lines[0]


def test_no_row_reaches_the_edge_where_an_interrupt_would_break_the_line() -> None:
    seen = progress(chat(1, step="PodsSeen", started=START, message="its controller lags " * 9))
    rows = drawn(seen, width=120)

    assert any("its controller" in row for row in rows)
    assert max(map(len, rows)) <= 117
