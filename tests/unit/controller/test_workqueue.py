import asyncio

import pytest

from controller.workqueue import Backoff, WorkQueue
from mattermost_migrate.testing import clock


def queue(**backoff: float) -> WorkQueue[str]:
    return WorkQueue(backoff=Backoff(**backoff, jitter=lambda: 1.0))


def now() -> float:
    return asyncio.get_running_loop().time()


def test_many_wishes_for_one_key_are_one_look() -> None:
    async def main() -> None:
        work = queue()
        for _ in range(10):
            work.add("acme")
        assert len(work) == 1
        assert await work.get() == "acme"
        assert len(work) == 0

    clock.run(main())


def test_keys_come_in_the_order_they_were_added() -> None:
    async def main() -> list[str]:
        work = queue()
        for key in "cab":
            work.add(key)
        return [await work.get() for _ in range(3)]

    assert clock.run(main()) == ["c", "a", "b"]


def test_no_two_workers_have_the_same_key() -> None:
    async def main() -> None:
        work = queue()
        work.add("acme")
        await work.get()
        work.add("acme")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work.get(), 60)
        work.done("acme")
        assert await work.get() == "acme"
        work.done("acme")
        assert len(work) == 0

    clock.run(main())


def test_the_soonest_of_several_delays_counts() -> None:
    async def main() -> float:
        work = queue()
        work.add_after("acme", 30)
        work.add_after("acme", 10)
        work.add_after("acme", 20)
        await work.get()
        return now()

    assert clock.run(main()) == pytest.approx(10)


def test_a_look_takes_the_place_of_the_one_that_was_due_later() -> None:
    async def main() -> None:
        work = queue()
        work.add_after("acme", 30)
        work.add("acme")
        await work.get()
        work.done("acme")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work.get(), 60)

    clock.run(main())


def test_failures_double_the_pause_up_to_the_longest_until_forgotten() -> None:
    async def main() -> list[float]:
        work = queue(first=1, longest=5)
        pauses = []
        for forget in (False, False, False, True, False):
            began = now()
            work.add_backing_off("acme")
            await work.get()
            work.done("acme")
            pauses.append(now() - began)
            if forget:
                work.forget("acme")
        return pauses

    assert clock.run(main()) == pytest.approx([1, 2, 4, 5, 1])


def test_a_look_that_came_too_early_is_soon_followed_by_the_next_and_is_no_failure() -> None:
    async def main() -> list[float]:
        work = queue(first=1, longest=100, longest_stale=3)
        pauses = []
        again = [work.add_stale] * 5 + [work.add_backing_off]
        for add in again:
            began = now()
            add("acme")
            await work.get()
            work.done("acme")
            pauses.append(now() - began)
        return pauses

    assert clock.run(main()) == pytest.approx([1, 2, 3, 3, 3, 1])


def test_jitter_keeps_between_half_and_whole() -> None:
    assert Backoff(first=8, jitter=lambda: 0.0).pause(1) == pytest.approx(4)
    assert Backoff(first=8, jitter=lambda: 1.0).pause(1) == pytest.approx(8)


def test_a_worker_cancelled_in_the_moment_it_is_woken_leaves_the_key_to_the_next() -> None:
    async def main() -> str:
        work = queue()
        first = asyncio.create_task(work.get())
        second = asyncio.create_task(work.get())
        await asyncio.sleep(0)
        work.add("acme")
        first.cancel()
        return await asyncio.wait_for(second, 1)

    assert clock.run(main()) == "acme"
