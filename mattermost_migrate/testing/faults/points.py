"""Which request meets which fault."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from mattermost_migrate.testing.faults.exchange import Exchange
from mattermost_migrate.testing.faults.fault import Fault

__all__ = ["Ends", "Points", "Randomly", "Recorder", "Turns"]

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
    """Faults by namespace, each at one of its writes.

    Args:
        faults: by namespace and number of the write, what happens to it.
        onwards: what happens to a write happens to all later ones of that namespace, too.
    """

    def __init__(self, faults: Mapping[str, Mapping[int, Fault]], *, onwards: bool = False) -> None:
        self._faults = dict(faults)
        self._onwards = onwards
        self._counts: Counter[str] = Counter()
        self._struck: dict[str, dict[int, str]] = defaultdict(dict)
        self._news = threading.Condition()

    def __call__(self, exchange: Exchange) -> Fault | None:
        """What happens to a request."""
        if not exchange.writes or exchange.namespace not in self._faults:
            return None
        with self._news:
            number = self._counts[exchange.namespace]
            self._counts[exchange.namespace] += 1
            fault = self._of(exchange.namespace, number)
            if fault is not None:
                self._struck[exchange.namespace][number] = exchange.what
                self._news.notify_all()
            return fault

    @property
    def missed(self) -> dict[str, int]:
        """Namespaces that have not met all their faults, and how many writes there were."""
        with self._news:
            return self._missed()

    def until_struck(self, seconds: float) -> None:
        """Wait until all have met their faults.

        Raises:
            TimeoutError: some have not; the message says how far they came.
        """
        with self._news:
            if not self._news.wait_for(lambda: not self._missed(), seconds):
                raise TimeoutError(f"no fault after {seconds} s; writes so far: {self._missed()}")

    def _of(self, namespace: str, number: int) -> Fault | None:
        faults = self._faults[namespace]
        if not self._onwards:
            return faults.get(number)
        return next((faults[at] for at in sorted(faults, reverse=True) if at <= number), None)

    def _missed(self) -> dict[str, int]:
        return {
            namespace: self._counts[namespace]
            for namespace, wanted in self._faults.items()
            if wanted.keys() - self._struck[namespace].keys()
        }


class Ends:
    """In each namespace all writes from one on meet a fault: the end of who sends them.

    That one is known by what it is of and how often there was the like before: how many writes of
    a status there are in between varies from run to run.

    Args:
        faults: by namespace, which write (counted from 0 among its like), and what happens.
    """

    def __init__(self, faults: Mapping[str, tuple[str, int, Fault]]) -> None:
        self._faults = dict(faults)
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
            if (exchange.what, self._counts[like]) == (what, number):
                self._struck.add(exchange.namespace)
                self._news.notify_all()
            self._counts[like] += 1
            return fault if exchange.namespace in self._struck else None

    def until_struck(self, seconds: float, over: Callable[[str], bool]) -> dict[str, str]:
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
                left = {name: self._faults[name][0] for name in self._faults.keys() - self._struck}
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
