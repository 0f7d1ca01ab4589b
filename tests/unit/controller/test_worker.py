import asyncio
import io
import json
import logging
from collections.abc import Callable, Collection
from contextlib import suppress

import pytest

from controller.worker import Key, UnsuccessfulError, work
from controller.workqueue import Backoff, WorkQueue
from mattermost_migrate.domain.errors import (
    LeaseLostError,
    NotFoundError,
    StaleError,
    TransientError,
)
from mattermost_migrate.kube import current_installation
from mattermost_migrate.logs import handler
from mattermost_migrate.testing import clock

ACME = ("ns", "acme")
#: Seconds of a simulated clock.
WHILE = 100.0


def looks(
    outcome: Callable[[int], float | None], *, times: int, headway: Collection[int] = ()
) -> list[float]:
    """When a key was looked at, given what its n-th look comes to, and which ones made headway."""

    async def main() -> list[float]:
        queue: WorkQueue[Key] = WorkQueue(backoff=Backoff(first=1, jitter=lambda: 1.0))
        seen: list[float] = []

        async def reconcile(key: Key) -> float | None:
            assert current_installation.get() == "/".join(key)
            seen.append(asyncio.get_running_loop().time())
            if len(seen) in headway:
                queue.forget(ACME)
            return outcome(len(seen))

        queue.add(ACME)
        with suppress(TimeoutError):
            async with asyncio.timeout(WHILE):
                await work(queue, reconcile, controller="test", workers=3)
        return seen[:times]

    return clock.run(main())


def fail(error: Exception) -> None:
    raise error


def test_success_comes_back_when_it_asked_to() -> None:
    assert looks(lambda _: 6.0, times=3) == pytest.approx([0, 6, 12])


@pytest.mark.parametrize(
    "error", [UnsuccessfulError("not well"), TransientError("down"), KeyError("a bug")], ids=repr
)
def test_a_failure_comes_back_later_each_time(error: Exception) -> None:
    assert looks(lambda _: fail(error), times=4) == pytest.approx([0, 1, 3, 7])


@pytest.mark.parametrize("error", [StaleError("moved"), NotFoundError("gone")], ids=repr)
def test_a_world_that_moves_is_looked_at_again_within_two_seconds(error: Exception) -> None:
    assert looks(lambda _: fail(error), times=5) == pytest.approx([0, 1, 3, 5, 7])


def test_a_failure_after_headway_is_the_first() -> None:
    down = TransientError("down")
    when = looks(lambda _: fail(down), times=5, headway={3})
    assert when == pytest.approx([0, 1, 3, 4, 6])


@pytest.mark.parametrize(
    "error", [StaleError("moved"), NotFoundError("gone"), TransientError("down")], ids=repr
)
def test_a_world_that_moves_is_no_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    looks(lambda _: fail(error), times=2)

    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_the_server_is_left_alone_for_as_long_as_it_asked() -> None:
    asked = TransientError("busy", retry_after=20)
    assert looks(lambda _: fail(asked), times=3) == pytest.approx([0, 20, 40])


def test_a_success_makes_the_next_failure_the_first() -> None:
    def outcome(look: int) -> float | None:
        return 10.0 if look == 3 else fail(TransientError("down"))

    assert looks(outcome, times=5) == pytest.approx([0, 1, 3, 13, 14])


def test_a_lost_lease_stops_all_workers() -> None:
    with pytest.raises(ExceptionGroup) as stopped:
        looks(lambda _: fail(LeaseLostError("gone")), times=2)
    assert stopped.group_contains(LeaseLostError)


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        pytest.param(ACME, {"installation": "ns/acme"}, id="an installation"),
        pytest.param(("", "nightly"), {"fleet": "nightly"}, id="a fleet"),
    ],
)
def test_every_line_that_is_logged_says_what_it_is_about(
    key: Key, fields: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    out = handler()
    out.setStream(io.StringIO())
    log = logging.getLogger("test_worker")
    log.addHandler(out)

    async def main() -> None:
        queue: WorkQueue[Key] = WorkQueue()

        async def reconcile(_: Key) -> None:
            log.info("Looked")

        queue.add(key)
        with suppress(TimeoutError):
            async with asyncio.timeout(WHILE):
                await work(queue, reconcile, controller="test", workers=1)

    clock.run(main())
    log.removeHandler(out)

    line = json.loads(out.stream.getvalue())
    assert line["message"] == "Looked"
    assert fields.items() <= line.items()
