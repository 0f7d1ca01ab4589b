"""Kubernetes Events: telling users what happened to their objects, once.

Recording never waits and never fails whoever records: events are sent beside the work, the same
one again is counted in the first one's series, and when the server cannot keep up they are
dropped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mattermost_migrate.domain.errors import LeaseLostError, MigrateError, NotFoundError
from mattermost_migrate.domain.names import EVENT
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, uid_of
from mattermost_migrate.kube.client import Client

__all__ = ["NORMAL", "WARNING", "EventRecorder"]

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
#: The API's limit, in bytes.
_LONGEST_NOTE: Final = 1024
#: The same again within this time is a series; afterwards it is news.
_SERIES_SECONDS: Final = 600.0
#: A series is written at most this often, however fast it repeats.
_SERIES_PAUSE: Final = 60.0
_REMEMBERED: Final = 4096
_WAITING: Final = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Said:
    """What tells one event from another."""

    uid: str
    kind: str
    reason: str
    action: str
    note: str


@dataclass(slots=True)
class _Series:
    """An event that was sent, and how often it has happened since."""

    event: JsonObject
    count: int
    last: float
    written: float


class EventRecorder:
    """Records events; ``run`` sends them.

    Args:
        client: to send them by.
        controller: who reports, as ``domain/name``.
        instance: which process of it.
    """

    def __init__(self, client: Client, *, controller: str, instance: str) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance[:128]
        self._waiting: asyncio.Queue[tuple[_Said, JsonObject]] = asyncio.Queue(_WAITING)
        self._series: OrderedDict[_Said, _Series] = OrderedDict()

    def record(
        self,
        regarding: JsonObject,
        reason: str,
        note: str,
        *,
        action: str,
        warning: bool = False,
    ) -> None:
        """Say that something happened to an object.

        Args:
            regarding: the object, with ``apiVersion`` and ``kind``.
            reason: why, in one CamelCase word.
            note: for the person; cut where the API would refuse its length.
            action: what was done or tried, in one CamelCase word.
            warning: whether somebody should look.
        """
        kind = WARNING if warning else NORMAL
        said = _Said(uid_of(regarding), kind, reason, action, _cut(note))
        try:
            self._waiting.put_nowait((said, regarding))
        except asyncio.QueueFull:
            _log.warning("Dropped an Event", extra={"reason": reason, "note": note})

    async def run(self) -> None:
        """Send what is recorded, until cancelled."""
        while True:
            said, regarding = await self._waiting.get()
            try:
                await self._send(said, regarding)
            except LeaseLostError:
                raise
            except MigrateError as error:
                _log.warning("Could not send an Event", extra={"error": str(error)})
            finally:
                self._waiting.task_done()

    async def flush(self) -> None:
        """Wait until all that is recorded so far has been sent or given up."""
        await self._waiting.join()

    async def _send(self, said: _Said, regarding: JsonObject) -> None:
        now = time.monotonic()
        known = self._series.get(said)
        if known is None or now - known.last > _SERIES_SECONDS:
            event = await self._client.create(EVENT, self._event(said, regarding))
            self._remember(said, _Series(event, count=1, last=now, written=float("-inf")))
            return
        known.count += 1
        known.last = now
        self._series.move_to_end(said)
        if now - known.written < _SERIES_PAUSE:
            return
        known.written = now
        await self._count(said, known)

    async def _count(self, said: _Said, known: _Series) -> None:
        series = {"count": known.count, "lastObservedTime": _now()}
        try:
            await self._client.patch(
                EVENT, namespace_of(known.event), name_of(known.event), {"series": series}
            )
        except NotFoundError:  # events are forgotten by the server after an hour
            del self._series[said]

    def _remember(self, said: _Said, series: _Series) -> None:
        self._series[said] = series
        self._series.move_to_end(said)
        while len(self._series) > _REMEMBERED:
            self._series.popitem(last=False)

    def _event(self, said: _Said, regarding: JsonObject) -> dict[str, Any]:
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{name_of(regarding)[:230]}.{secrets.token_hex(8)}",
                # Events about cluster-scoped objects live in the default namespace.
                "namespace": namespace_of(regarding) or "default",
            },
            "eventTime": _now(),
            "type": said.kind,
            "reason": said.reason,
            "action": said.action,
            "note": said.note,
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "regarding": _reference(regarding),
        }


def _reference(obj: JsonObject) -> dict[str, Any]:
    reference = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "namespace": namespace_of(obj),
        "name": name_of(obj),
        "uid": uid_of(obj),
        "resourceVersion": str((obj.get("metadata") or {}).get("resourceVersion") or ""),
    }
    return {key: value for key, value in reference.items() if value}


def _cut(note: str) -> str:
    """The note, or as many of its characters as fit."""
    encoded = note.encode()
    if len(encoded) <= _LONGEST_NOTE:
        return note
    return encoded[: _LONGEST_NOTE - 3].decode(errors="ignore") + "…"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
