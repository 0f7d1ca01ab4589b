"""A queue of keys to look at: each at most once in it, and never with two workers at a time.

An event says only *that* something happened, so ten of them for one installation are one look.
A key that comes back while a worker has it waits until that worker is done. Waiting is the
queue's business: nobody sleeps with a worker in hand.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mattermost_migrate.domain.spans import doubled

__all__ = ["Backoff", "WorkQueue"]

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a key that fails again and again stays away.

    Attributes:
        first: seconds after the first failure; each next one doubles them.
        longest: the most: who stands in the middle is to go on soon after the API server is back.
        longest_stale: the most where the key did not fail, but was looked at too early.
        jitter: between 0 and 1; the pause is between a half and the whole of what it would be.
    """

    first: float = 0.05
    longest: float = 30.0
    longest_stale: float = 2.0
    jitter: Callable[[], float] = random.random

    def pause(self, failures: int, *, stale: bool = False) -> float:
        """Seconds to stay away after so many failures, or stale looks, in a row."""
        longest = self.longest_stale if stale else self.longest
        whole = doubled(self.first, failures - 1, longest)
        return whole * (1.0 + self.jitter()) / 2.0


class WorkQueue(Generic[K]):
    """Hands out keys, in the order they came; belongs to one event loop."""

    def __init__(self, *, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._ready: deque[K] = deque()
        self._wanted: set[K] = set()  # in the queue, or to be put there by done()
        self._taken: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: Counter[K] = Counter()
        self._stale: Counter[K] = Counter()
        self._getters: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        """Keys that wait for a worker now; delayed ones do not count."""
        return len(self._ready)

    def add(self, key: K) -> None:
        """Have a key looked at as soon as a worker is free."""
        if key in self._wanted:
            return
        self._wanted.add(key)
        if key not in self._taken:
            self._ready.append(key)
            self._wake()

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key looked at later; of several such wishes the soonest counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if known is not None:
            if known.when() <= loop.time() + seconds:
                return
            known.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def add_backing_off(self, key: K, *, at_least: float = 0.0) -> None:
        """Have a key that failed looked at again, later each time."""
        self._failures[key] += 1
        self.add_after(key, max(at_least, self._backoff.pause(self._failures[key])))

    def add_stale(self, key: K) -> None:
        """Have a key looked at again that was looked at before our caches held what is.

        The event that brings them up to date adds it, too. It may have come before this, or hang
        behind a watch that broke: so never much later, and never as if the key itself had failed.
        """
        self._stale[key] += 1
        self.add_after(key, self._backoff.pause(self._stale[key], stale=True))

    def forget(self, key: K) -> None:
        """A key went well, or made headway: its next failure is the first."""
        self._failures.pop(key, None)
        self._stale.pop(key, None)

    async def get(self) -> K:
        """The next key; whoever takes it gives it back with ``done``."""
        while not self._ready:
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                # Woken and cancelled in the same moment: the next one is to have the key.
                if getter.done() and not getter.cancelled() and self._ready:
                    self._wake()
                raise
            finally:
                if getter in self._getters:
                    self._getters.remove(getter)
        key = self._ready.popleft()
        self._wanted.discard(key)
        self._taken.add(key)
        # This look decides anew when the next one is due.
        if timer := self._timers.pop(key, None):
            timer.cancel()
        return key

    def done(self, key: K) -> None:
        """A worker is through with a key; if it was asked for meanwhile, it is next."""
        self._taken.discard(key)
        if key in self._wanted:
            self._ready.append(key)
            self._wake()

    def _due(self, key: K) -> None:
        del self._timers[key]
        self.add(key)

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
