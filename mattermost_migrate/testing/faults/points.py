"""Which request meets which fault."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from mattermost_migrate.testing.faults.exchange import Exchange
from mattermost_migrate.testing.faults.fault import Fault, Hold

__all__ = ["Points", "Randomly", "Recorder", "Turns"]

#: Seconds between two looks at who is through.
_LOOKING: Final = 1.0


class Recorder:
    """Lets everything pass and keeps the writes of a namespace, in order."""

    def __init__(self, namespace: str) -> None:
        self.writes: list[str] = []
        self._namespace = namespace

    def __call__(self, exchange: Exchange) -> Fault | None:
        """Note a request."""
        if exchange.writes and exchange.namespace == self._namespace:
            self.writes.append(exchange.what)
        return None


class Points:
    """In each namespace one write meets a fault.

    That one is known by what it is of and how often there was the like before: how many writes of
    a status there are in between varies from run to run.

    Args:
        faults: by namespace, which write (counted from 0 among its like), and what happens to it.
        onwards: all later writes of the namespace are held, and none is carried out: whoever has
            come to its write stands there. Its attempts would go on one write at a time otherwise,
            were each only robbed of its answer.
    """

    def __init__(
        self, faults: Mapping[str, tuple[str, int, Fault]], *, onwards: bool = False
    ) -> None:
        self._faults = dict(faults)
        self._onwards = onwards
        self._counts: Counter[tuple[str, str]] = Counter()
        self._struck: set[str] = set()
        self._news = threading.Condition()

    def __call__(self, exchange: Exchange) -> Fault | None:
        """What happens to a request."""
        if not exchange.writes or exchange.namespace not in self._faults:
            return None
        what, number, fault = self._faults[exchange.namespace]
        with self._news:
            like = (exchange.namespace, exchange.what)
            here = (exchange.what, self._counts[like]) == (what, number)
            self._counts[like] += 1
            if here:
                self._struck.add(exchange.namespace)
                self._news.notify_all()
                return fault
            return Hold() if self._onwards and exchange.namespace in self._struck else None

    @property
    def missed(self) -> dict[str, tuple[str, int]]:
        """By namespace, the write that there has not been, and the how manieth of its like."""
        with self._news:
            left = self._faults.keys() - self._struck
            return {name: self._faults[name][:2] for name in left}

    def until_struck(
        self, seconds: float, over: Callable[[str], bool] = lambda _: False
    ) -> dict[str, tuple[str, int]]:
        """Wait until each namespace has met its fault, or is through without.

        Returns:
            The latter, with the write that there was not.

        Raises:
            TimeoutError: others are left; the message names their writes.
        """
        ends = time.monotonic() + seconds
        while True:
            with self._news:
                self._news.wait_for(lambda: self._faults.keys() <= self._struck, _LOOKING)
            left = self.missed
            if all(map(over, left)):
                return left
            if time.monotonic() > ends:
                raise TimeoutError(f"no fault after {seconds} s: {left}")


class Turns:
    """Every write fails before it passes, in each namespace in another way.

    A write is known by what it is of: its first attempt fails, the second passes, and so on. With
    as many namespaces as there are faults, every write meets every fault.

    Args:
        namespaces: in which this happens.
        faults: by name.
        writes: those of a migration without faults; the others take the next turn.
    """

    def __init__(
        self, namespaces: Sequence[str], faults: Mapping[str, Fault], writes: Sequence[str]
    ) -> None:
        self._turns = {namespace: turn for turn, namespace in enumerate(namespaces)}
        self._faults = dict(faults)
        self._order = {what: at for at, what in enumerate(dict.fromkeys(writes))}
        self._wanted = {(what, name) for what in self._order for name in faults}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._met: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> Fault | None:
        """What happens to a request."""
        if not exchange.writes or exchange.namespace not in self._turns:
            return None
        with self._lock:
            attempt = self._counts[exchange.namespace, exchange.what]
            self._counts[exchange.namespace, exchange.what] += 1
            if attempt % 2:
                return None
            at = self._order.setdefault(exchange.what, len(self._order))
            names = tuple(self._faults)
            name = names[(at + self._turns[exchange.namespace] + attempt // 2) % len(names)]
            self._met.add((exchange.what, name))
            return self._faults[name]

    @property
    def met(self) -> int:
        """How many pairs of a write and a fault there were."""
        return len(self._met)

    @property
    def missed(self) -> set[tuple[str, str]]:
        """Writes that have not met a fault."""
        return self._wanted - self._met


class Randomly:
    """A share of the writes fails, by dice of each namespace's own.

    Args:
        seed: of the dice. Requests of one pass are sent at the same time, so a seed gives like
            schedules, not the very same.
        namespaces: in which this happens.
        faults: one of which a write meets.
        share: of the writes.
    """

    def __init__(
        self,
        seed: int,
        namespaces: Sequence[str],
        faults: Collection[Fault],
        *,
        share: float = 0.25,
    ) -> None:
        self._dice = {
            namespace: random.Random(f"{seed}/{number}")  # noqa: S311 - seeded, and guards nothing
            for number, namespace in enumerate(namespaces)
        }
        self._faults = tuple(faults)
        self._share = share
        self._over = False
        self._news = threading.Condition()
        self.writes = 0
        self.struck = 0

    def __call__(self, exchange: Exchange) -> Fault | None:
        """What happens to a request."""
        if not exchange.writes or exchange.namespace not in self._dice:
            return None
        with self._news:
            self.writes += 1
            self._news.notify_all()
            dice = self._dice[exchange.namespace]
            if self._over or dice.random() > self._share:
                return None
            self.struck += 1
            return dice.choice(self._faults)

    def until(self, writes: int, seconds: float) -> bool:
        """Wait until there were so many writes in all; False when there were not, or it is over."""
        with self._news:
            self._news.wait_for(lambda: self._over or self.writes >= writes, seconds)
            return not self._over and self.writes >= writes

    def end(self) -> None:
        """From now on nothing fails."""
        with self._news:
            self._over = True
            self._news.notify_all()
