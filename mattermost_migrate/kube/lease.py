"""Leader election by a Lease: one writes, the others stand by.

Clocks of different machines are never compared: whoever stands by measures with its own clock
how long the holder's record has not changed. The holder stops trusting its lease earlier than
anyone else may take it, counted from *before* the renewal was sent; that margin is what a write
under way has to land in.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from mattermost_migrate.domain.errors import LeaseLostError, MigrateError, StaleError
from mattermost_migrate.domain.names import LEASE, VERSION_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.kube.client import Client
from mattermost_migrate.kube.transport import Patience

__all__ = ["Election", "Timing"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a lease lasts.

    Attributes:
        duration: seconds without renewal after which another may take it.
        deadline: seconds after the last renewal until which the holder itself trusts it.
        retry: seconds between renewals, and between looks of those who stand by.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


class Election:
    """One candidate for a Lease.

    Args:
        client: to write the Lease by; not fenced by this very election. Its other requests may take
            as long as they like.
        namespace: where the Lease is.
        name: its name.
        identity: who we are; another one for every process.
        timing: how long it lasts.
        version: of the candidate, for whoever must know whom it speaks to.

    Attributes:
        before: when it was last renewed by who held it before us, by the clock of that one.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        *,
        identity: str,
        timing: Timing | None = None,
        version: str = "",
    ) -> None:
        self._timing = timing or Timing()
        deadline = self._timing.deadline
        # A renewal waits for nobody, and one that hangs leaves time for another.
        self._client = client.apart(Patience(total=deadline / 2, answer=deadline * 0.3))
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._labels = {VERSION_LABEL: version} if version else {}
        self.before: datetime | None = None
        self._held_until = 0.0
        self._mine: JsonObject | None = None
        self._seen: tuple[str, float] = ("", 0.0)  # a record, and when we first saw it so

    @property
    def held(self) -> bool:
        """Whether nobody else can be leading now. The fence for writes."""
        return time.monotonic() < self._held_until

    async def lead(self, body: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait to become the leader, then run ``body``; give the lease back at its end.

        Raises:
            LeaseLostError: the lease could not be renewed; ``body`` was cancelled.
        """
        await self._acquire()
        renewing = asyncio.create_task(self._keep())
        working = asyncio.create_task(body())
        try:
            await asyncio.wait({renewing, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                renewing.result()
            return working.result()
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
            await self._release()

    async def _acquire(self) -> None:
        while not await self._try():
            pause = self._timing.retry * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            await asyncio.sleep(pause)
        _log.info("Became leader", extra={"lease": self._name, "identity": self._identity})

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._timing.retry)
            await self._try()
            if not self.held:
                raise LeaseLostError(f"Lease {self._namespace}/{self._name}: could not be renewed")

    async def _try(self) -> bool:
        """Take or renew the lease, if it may be ours."""
        sent = time.monotonic()
        try:
            async with asyncio.timeout(self._timing.deadline / 2):
                taken = await self._write()
        except StaleError:
            self._mine = None  # somebody wrote it: look first, next time
            return False
        except (MigrateError, TimeoutError) as error:
            _log.warning("Could not reach the Lease", extra={"error": str(error)})
            return False
        if taken:
            self._held_until = sent + self._timing.deadline
        return taken

    async def _write(self) -> bool:
        lease = self._mine or await self._client.find(LEASE, self._namespace, self._name)
        if lease is None:
            self._mine = await self._client.create(LEASE, self._record({}))
            return True
        if not self._free(lease):
            return False
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self._identity and spec.get("renewTime"):
            self.before = parse_time(spec["renewTime"])
        self._mine = await self._client.replace(LEASE, self._record(lease))
        return True

    def _free(self, lease: JsonObject) -> bool:
        """Whether the lease is ours, nobody's, or its holder's no longer."""
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in (None, "", self._identity):
            return True
        version = str(lease["metadata"]["resourceVersion"])
        if version != self._seen[0]:
            self._seen = (version, time.monotonic())
        lasts = float(spec.get("leaseDurationSeconds") or self._timing.duration)
        return time.monotonic() > self._seen[1] + lasts

    def _record(self, lease: JsonObject) -> JsonObject:
        """The Lease as it says that we hold it."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = lease.get("spec") or {}
        mine = spec.get("holderIdentity") == self._identity
        metadata = lease.get("metadata") or {"name": self._name, "namespace": self._namespace}
        transitions = int(spec.get("leaseTransitions") or 0)
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {**metadata, "labels": {**labels_of(lease), **self._labels}},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._timing.duration)),
                "acquireTime": spec.get("acquireTime") if mine else now,
                "renewTime": now,
                "leaseTransitions": transitions if mine or not lease else transitions + 1,
            },
        }

    async def _release(self) -> None:
        """Say that nobody holds it, so that another need not wait for it to run out."""
        still_ours = self.held
        self._held_until = 0.0
        if not still_ours:
            return
        try:
            async with asyncio.timeout(self._timing.deadline / 2):
                while not await self._given_back():
                    pass
        except (MigrateError, TimeoutError) as error:
            _log.warning("Could not give the Lease back", extra={"error": str(error)})

    async def _given_back(self) -> bool:
        """Write it once; False where a renewal that was cut off has been applied since."""
        lease = self._mine or await self._client.find(LEASE, self._namespace, self._name)
        self._mine = None
        if lease is None or lease["spec"].get("holderIdentity") != self._identity:
            return True
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._client.replace(LEASE, {**lease, "spec": spec})
        except StaleError:
            return False
        return True
