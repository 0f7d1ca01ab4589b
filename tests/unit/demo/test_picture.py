"""The picture of a run: taken from what a terminal was sent, and nothing else."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest
from rich.console import Console

from deploy.demo.picture import COMMAND, drawn, moment, shown
from helm_mattermost_migrate.live import LiveScreen
from helm_mattermost_migrate.members import Member, Standing
from helm_mattermost_migrate.progress import Progress

BEGAN = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


def recorded() -> str:
    """What a run of four writes to its terminal."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24)
    file.write(f"the demo\r\n$ {COMMAND}\r\n")
    file.write("\rchecking 1/4 …\rchecking 2/4 …\r\x1b[K4 installations: 4 can be migrated\r\n")
    with LiveScreen(console, "fleet-a") as screen:
        for through in range(5):
            standings = [Standing.SUCCEEDED] * through + [Standing.RUNNING] * (4 - through)
            members = (Member(("acme", f"chat-{n}"), standing=s) for n, s in enumerate(standings))
            screen.show(Progress(tuple(members), None, BEGAN))
            screen._live.refresh()
    file.write("all: 4 selected: 4 succeeded\r\n")
    return file.getvalue()


def test_the_moment_is_the_command_and_one_look_half_way() -> None:
    told = moment(recorded())

    assert told.startswith(f"$ {COMMAND}\r\n")
    assert "4 installations: 4 can be migrated" in told
    assert "the demo" not in told
    assert "4 succeeded" not in told
    assert told.count("fleet-a") == 1
    assert "2/4" in told


def test_the_picture_needs_no_network() -> None:
    picture = drawn(moment(recorded()), title="make demo", width=80)

    assert "chat-3" in picture
    assert "checking" not in picture
    assert "can&#160;be&#160;migrated" in picture
    assert "url(" not in picture.replace("url(#", "")


def test_what_drew_nothing_is_no_picture() -> None:
    with pytest.raises(ValueError, match="drew nothing"):
        moment(f"$ {COMMAND}\r\nError: no cluster")


def test_the_terminal_is_one_of_the_size_that_was_asked_for() -> None:
    program = "import os,sys; print(os.get_terminal_size(), sys.stdout.isatty()); sys.exit(3)"

    code, text = shown([sys.executable, "-c", program], width=71, height=19)

    assert code == 3
    assert "columns=71, lines=19) True" in text
