"""Warnings of the Secrets that an installation names, read live while its review waits.

A warning is not worth a delay, let alone a refusal. So a review is looked into only when it brings
new names of Secrets, for 0.3 s at most, a few at a time and not too many a second; whoever does not
get his turn, or no answer, is told nothing. What was said is remembered for some seconds, for those
who ask again and again. Of the Secrets themselves nothing is kept.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from typing import Final, TypeAlias

from mattermost_migrate.domain.errors import ForbiddenError, MigrateError
from mattermost_migrate.domain.named_secrets import NamedSecret, named_secrets
from mattermost_migrate.domain.validation.secrets import cautions
from mattermost_migrate.domain.validation.syntax import is_subdomain
from webhook.knowledge import Held, MustWaitError
from webhook.metrics import SECRET_LOOKUPS
from webhook.review import Review

__all__ = ["Read", "Secrets"]

#: Begins to read Secrets of a namespace.
Read: TypeAlias = Callable[[str, Collection[str]], Future[Mapping[str, Held]]]
_Said: TypeAlias = tuple[str, ...]

#: For all Secrets of one review.
_SECONDS: Final = 0.3
#: Threads that may wait; the others are for reviews that matter.
_AT_A_TIME: Final = 4
_A_SECOND: Final = 32
_NAMES: Final = 8
#: Whoever has made the missing Secret by then is not warned again.
_REMEMBERED_SECONDS: Final = 10.0
_REMEMBERED: Final = 1024
#: After no answer from the API server, and after it said that we may not.
_QUIET_SECONDS: Final = 10.0
_FORBIDDEN_SECONDS: Final = 60.0
_EVERYWHERE: Final = ""
_log = logging.getLogger(__name__)


class Secrets:
    """Looks up the Secrets that installations name. Safe for any number of threads.

    Args:
        read: begins to read them.
        clock: seconds that never go back.
    """

    def __init__(self, read: Read, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        #: Until when what is said: by namespace and names, or by namespace where there is nothing.
        self._remembered: OrderedDict[Hashable, tuple[float, _Said]] = OrderedDict()
        self._looking = 0
        self._second = (0, 0)

    def at_once(self, review: Review) -> _Said:
        """What can be said without asking the API server.

        Raises:
            MustWaitError: it is to be asked, where there is time to wait.
        """
        named = _of_interest(review)
        if not named:
            return ()
        said = self._settled(review, named)
        if said is None:
            raise MustWaitError(f"{review.namespace}: {len(named)} Secrets")
        return said

    def warnings(self, review: Review) -> _Said:
        """What there is to say; nothing where it cannot be known in time."""
        named = _of_interest(review)
        if not named:
            return ()
        said = self._settled(review, named, begin=True)
        if said is not None:
            return said
        try:
            return self._looked_up(review, named)
        finally:
            with self._lock:
                self._looking -= 1

    def _settled(
        self, review: Review, named: tuple[NamedSecret, ...], *, begin: bool = False
    ) -> _Said | None:
        """What is remembered, or nothing when it is not our turn; None: look it up."""
        now = self._clock()
        with self._lock:
            for key in (_EVERYWHERE, review.namespace, (review.kind, review.namespace, named)):
                until, said = self._remembered.get(key, (0.0, ()))
                if now < until:
                    return said
            second, begun = self._second
            begun = begun if second == int(now) else 0
            if self._looking >= _AT_A_TIME or begun >= _A_SECOND:
                SECRET_LOOKUPS.labels("saturated").inc()
                return ()
            if begin:
                self._looking += 1
                self._second = (int(now), begun + 1)
            return None

    def _looked_up(self, review: Review, named: tuple[NamedSecret, ...]) -> _Said:
        outcome = "failed"
        try:
            said = tuple(self._warnings(review, named))
        except ForbiddenError as error:
            outcome = "forbidden"
            self._remember(review.namespace, (), seconds=_FORBIDDEN_SECONDS)
            _log.info("May not look up Secrets", extra={"error": str(error)})
        except (TimeoutError, CancelledError, MigrateError) as error:
            self._remember(_EVERYWHERE, (), seconds=_QUIET_SECONDS)
            _log.info("Could not look up Secrets", extra={"error": str(error)})
        except Exception as error:  # noqa: BLE001 - no warning is worth a review unanswered
            self._remember(_EVERYWHERE, (), seconds=_QUIET_SECONDS)
            _log.error("Could not judge Secrets", exc_info=error)
        else:
            outcome = "answered"
            key = (review.kind, review.namespace, named)
            self._remember(key, said, seconds=_REMEMBERED_SECONDS)
            return said
        finally:
            SECRET_LOOKUPS.labels(outcome).inc()
        return ()

    def _warnings(self, review: Review, named: tuple[NamedSecret, ...]) -> Iterator[str]:
        reading = self._read(review.namespace, sorted({each.name for each in named}))
        try:
            held = reading.result(timeout=_SECONDS)
        finally:
            reading.cancel()  # where it has not ended
        for each in named:
            yield from map(str, cautions(review.kind, each, held[each.name]))

    def _remember(self, key: Hashable, said: _Said, *, seconds: float) -> None:
        with self._lock:
            self._remembered[key] = (self._clock() + seconds, said)
            self._remembered.move_to_end(key)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)


def _of_interest(review: Review) -> tuple[NamedSecret, ...]:
    """What a write brings that was not named before; whoever names the same again was told."""
    new, old = review.new, review.old or {}
    if (
        new is None
        or new.get("spec") == old.get("spec")
        or (new.get("metadata") or {}).get("deletionTimestamp")
        or not is_subdomain(review.namespace)
    ):
        return ()
    # A name that no Secret can have is never put into the path of a request.
    named = [each for each in named_secrets(review.kind, new) if is_subdomain(each.name)]
    stored = named_secrets(review.kind, old) if old else ()
    before = {(each.use, each.name, each.key) for each in stored}
    return tuple(each for each in named if (each.use, each.name, each.key) not in before)[:_NAMES]
