"""Workers: take a key, reconcile it, and turn the outcome into when to look again.

The one place where an unexpected error of a reconciler is caught (and logged, once).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from prometheus_client import Gauge, Histogram

from controller.workqueue import WorkQueue
from mattermost_migrate.domain.errors import (
    ForbiddenError,
    LeaseLostError,
    MigrateError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
)
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.kube import current_installation
from mattermost_migrate.logs import bound

__all__ = ["Key", "Reconcile", "UnsuccessfulError", "reason_of", "unforeseen", "work"]

#: (namespace, name)
Key: TypeAlias = tuple[str, str]
#: Looks at one key; gives the seconds after which to look again, or None: at the next event.
Reconcile: TypeAlias = Callable[[Key], Awaitable[float | None]]


class UnsuccessfulError(MigrateError):
    """A reconcile that ended in order, but not well; it told so itself. Tried again later."""


def reason_of(kind: type[Exception]) -> Reason:
    """What a status says in a word of an error that does not pass by itself."""
    reasons: dict[type[Exception], Reason] = {
        RejectedError: Reason.REJECTED,
        ForbiddenError: Reason.FORBIDDEN,
        TransientError: Reason.UNAVAILABLE,
    }
    return reasons.get(kind, Reason.INTERNAL_ERROR)


def unforeseen(error: Exception) -> str:
    """What a status tells of an error that nobody foresaw.

    Only its type, for its text may hold anything, and be another one each time.
    """
    return f"{type(error).__name__}, which is a fault of the controller: see its log"


RECONCILE_SECONDS: Final = Histogram(
    "mattermost_migrate_reconcile_seconds", "Time of one reconcile", ("controller", "outcome")
)
QUEUE_DEPTH: Final = Gauge(
    "mattermost_migrate_queue_depth", "Keys waiting for a worker", ("controller",)
)
_log = logging.getLogger(__name__)


async def work(
    queue: WorkQueue[Key], reconcile: Reconcile, *, controller: str, workers: int
) -> None:
    """Run workers until cancelled or until the lease is lost.

    Args:
        queue: where the keys come from.
        reconcile: what to do with one.
        controller: its name, for metrics and logs.
        workers: how many keys at the same time.

    Raises:
        LeaseLostError: another replica may be leading; this one must stop.
    """
    QUEUE_DEPTH.labels(controller).set_function(lambda: len(queue))
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_worker(queue, reconcile, controller))


async def _worker(queue: WorkQueue[Key], reconcile: Reconcile, controller: str) -> None:
    while True:
        key = await queue.get()
        current_installation.set("/".join(key))
        started = time.monotonic()
        outcome = "error"
        try:
            with bound(**_subject(key)):
                outcome = await _one(queue, reconcile, key, controller)
        finally:
            queue.done(key)
            RECONCILE_SECONDS.labels(controller, outcome).observe(time.monotonic() - started)


def _subject(key: Key) -> dict[str, str]:
    """What a pass is about, for its log lines: what has no namespace is a fleet."""
    namespace, name = key
    return {"installation": f"{namespace}/{name}"} if namespace else {"fleet": name}


async def _one(queue: WorkQueue[Key], reconcile: Reconcile, key: Key, controller: str) -> str:
    try:
        again = await reconcile(key)
    except LeaseLostError:
        raise
    except (StaleError, NotFoundError):  # what was to be written has moved, or is gone by now
        queue.add_stale(key)
        return "stale"
    except TransientError as error:
        queue.add_backing_off(key, at_least=error.retry_after or 0.0)
        return "transient"
    except UnsuccessfulError as error:
        queue.add_backing_off(key)
        _log.info("Reconciled without success", extra={"key": key, "problem": str(error)})
        return "unsuccessful"
    except Exception:  # noqa: BLE001 - the top of the loop; logged here, once
        queue.add_backing_off(key)
        _log.exception("Failed to reconcile", extra={"controller": controller, "key": key})
        return "error"
    queue.forget(key)
    if again is not None:
        queue.add_after(key, again)
    return "success"
