"""Ports that several workers of the tests choose from at a time."""

from __future__ import annotations

import random
import socket
import subprocess
import sys

import pytest

from mattermost_migrate.testing.cluster import ports
from mattermost_migrate.testing.cluster.ports import Port, free_port


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The two ports that whoever chooses is to try, in this order."""
    end = int(ports._HANDED_OUT.read_text().split()[0])
    numbers = [port for port in random.sample(range(end - 12_000, end), 50) if _free(port)]
    monkeypatch.setattr(random, "sample", lambda *_: numbers[:2])
    return numbers[:2]


def _free(number: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) != 0


def test_a_port_is_not_chosen_again_before_its_program_listens(two: list[int]) -> None:
    assert [free_port(), free_port()] == two


def test_nor_by_another_worker(two: list[int]) -> None:
    chosen = free_port()
    program = (
        "import random; from mattermost_migrate.testing.cluster.ports import free_port;"
        f"random.sample = lambda *_: {two}; print(free_port())"
    )
    other = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert [chosen, int(other.stdout)] == two


def test_what_is_held_is_nobody_elses_until_it_is_let_go_of(two: list[int]) -> None:
    held = Port.reserve()
    with socket.socket() as theirs:
        with pytest.raises(OSError, match="in use"):
            theirs.bind(("127.0.0.1", held.number))
        held.release()
        theirs.bind(("127.0.0.1", held.number))
    assert held.number == two[0]
