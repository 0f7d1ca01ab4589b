"""A collection kept in memory by list and watch: look things up, be told, wait for a change.

What is kept is trimmed and packed, so thousands of objects stay small. What one reads here may be a
moment old: it says *when* to look; what a destructive write rests on is read live.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Final, TypeAlias

from mattermost_migrate.domain.errors import ExpiredError, MigrateError, TransientError
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
    namespace_of,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.spans import doubled
from mattermost_migrate.kube.client import Client, Event, EventType
from mattermost_migrate.kube.store import Key, Store

__all__ = ["BY_OWNER", "Handler", "Index", "Informer", "Key", "Trim", "without_managed_fields"]

#: Told of a change: the object before (None: it is new) and after (None: it is gone).
Handler: TypeAlias = Callable[[JsonObject | None, JsonObject | None], None]
Trim: TypeAlias = Callable[[JsonObject], JsonObject]
#: The values under which an object is to be found.
Index: TypeAlias = Callable[[JsonObject], Iterable[str]]

#: The index by the UIDs of all owners; every informer has it.
BY_OWNER: Final = "owner"
#: Objects a request of a list: what is parsed at once is the most we ever hold.
_PAGE: Final = 100
_JITTER: Final = 0.1
_FIRST_PAUSE: Final = 0.2
#: An API server that is back is not to be waited for much longer: migrations stand still meanwhile.
_LONGEST_PAUSE: Final = 10.0
#: Seconds after which a stream that told nothing counts as one that lived.
_SHORT_STREAM: Final = 1.0
_log = logging.getLogger(__name__)


def without_managed_fields(obj: JsonObject) -> JsonObject:
    """The object without the bookkeeping of server-side apply, the largest part of most."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


class Informer:
    """Keeps all objects of one resource that a selector selects.

    Args:
        client: to list and watch by.
        resource: which kind.
        namespace: where; None is everywhere.
        label_selector: which ones, as kubectl takes it.
        field_selector: which ones, as kubectl takes it.
        trim: what of each object is worth keeping.
        indexes: named functions to look objects up by, beside ``BY_OWNER``.
        mark: of each object as the API server sent it, before it is trimmed: whether its key is to
            be among ``marked``, which it is before anybody is told of the change.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        trim: Trim = without_managed_fields,
        indexes: Mapping[str, Index] | None = None,
        mark: Callable[[JsonObject], bool] | None = None,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        #: How far this informer has come; empty before the first list.
        self.resource_version = ""
        self._client = client
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._trim = trim
        self._mark = mark
        self.marked: set[Key] = set()
        self._objects = Store()
        self._index_functions: dict[str, Index] = {BY_OWNER: _owner_uids, **(indexes or {})}
        self._indexes: dict[str, dict[str, set[Key]]] = {
            name: defaultdict(set) for name in self._index_functions
        }
        self._handlers: list[Handler] = []
        self._waiting: dict[Key, set[asyncio.Event]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str | None, name: str) -> JsonObject | None:
        """The object as last seen, or None."""
        return self._objects.get((namespace or "", name))

    def items(self, namespace: str | None = None) -> Iterator[JsonObject]:
        """All objects, or those of one namespace."""
        for obj in self._objects:
            if namespace in (None, namespace_of(obj)):
                yield obj

    def by_index(self, index: str, value: str) -> tuple[JsonObject, ...]:
        """The objects that an index holds under a value, in the order of their keys."""
        keys = self._indexes[index].get(value, ())
        found = (self._objects.get(key) for key in sorted(keys))
        return tuple(obj for obj in found if obj is not None)

    def owned_by(self, uid: str) -> tuple[JsonObject, ...]:
        """The objects with an owner of that UID."""
        return self.by_index(BY_OWNER, uid)

    def subscribe(self, handler: Handler) -> None:
        """Have every change told, at once also what is known already.

        Handlers run in the informer's own task: they note what to look at, and return.
        """
        self._handlers.append(handler)
        for obj in self._objects:
            handler(None, obj)

    def note(self, obj: JsonObject) -> None:
        """Take over the answer to a write of our own, so that the next look sees it.

        Older than what the watch has passed already, it is left alone.
        """
        if _version(obj) > _number(self.resource_version):
            self._put(obj)

    async def until(
        self,
        namespace: str | None,
        name: str,
        holds: Callable[[JsonObject | None], bool],
    ) -> JsonObject | None:
        """Wait until something is true of an object (None: there is none), and give it.

        Waits for ever; put ``asyncio.timeout`` around it.
        """
        key = (namespace or "", name)
        await self.synced.wait()
        with self._listening(key) as changed:
            while not holds(obj := self._objects.get(key)):
                changed.clear()
                await changed.wait()
            return obj

    async def run(self) -> None:
        """List and watch until cancelled; every failure is waited out.

        A stream that lived is taken up again at once, however it ended: only what fails time after
        time without telling anything is left alone, longer each time.
        """
        failures = 0
        while True:
            lived = False
            try:
                if not self.resource_version:
                    await self._relist()
                began, known = time.monotonic(), self.resource_version
                try:
                    await self._follow()
                finally:
                    told = self.resource_version != known
                    lived = told or time.monotonic() - began >= _SHORT_STREAM
            except ExpiredError:
                self.resource_version = ""
            except MigrateError as error:
                log = _log.debug if isinstance(error, TransientError) else _log.warning
                log("Lost watch", extra={"resource": self.resource.plural, "error": str(error)})
            failures = 0 if lived else failures + 1
            await asyncio.sleep(_pause(failures))

    async def _relist(self) -> None:
        """Take over what there is, page by page: all at once would be the most we ever hold."""
        listed: set[Key] = set()
        pages = self._client.pages(
            self.resource,
            self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            page=_PAGE,
        )
        version = ""
        async with aclosing(pages):
            async for page in pages:
                version = page.resource_version
                for obj in page.items:
                    listed.add(key_of(obj))
                    self._put(obj)
        for key in self._objects.keys() - listed:
            known = self._objects.get(key)
            # What we created meanwhile was noted, and is newer than the list.
            if known is not None and _version(known) <= _number(version):
                self._drop(key)
        self.resource_version = version
        self.synced.set()

    async def _follow(self) -> None:
        events = self._client.watch(
            self.resource,
            self._namespace,
            resource_version=self.resource_version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            # Not all at the same moment, so a server is not asked for everything at once.
            seconds=random.randint(240, 360),  # noqa: S311 - jitter
        )
        async with aclosing(events):
            async for event in events:
                self._apply(event)

    def _apply(self, event: Event) -> None:
        match event.type:
            case EventType.ADDED | EventType.MODIFIED:
                self._put(event.object)
            case EventType.DELETED:
                known = self._objects.get(key_of(event.object))
                if known is not None and _version(known) <= _version(event.object):
                    self._drop(key_of(event.object))
            case EventType.BOOKMARK:
                pass
        self.resource_version = str(event.object["metadata"]["resourceVersion"])

    def _put(self, obj: JsonObject) -> None:
        key = key_of(obj)
        before = self._objects.get(key)
        if before is not None and _version(before) >= _version(obj):
            return  # we know it already, from the answer to our own write
        if self._mark is not None:
            (self.marked.add if self._mark(obj) else self.marked.discard)(key)
        after = self._trim(obj)
        self._objects.put(key, after)
        self._reindex(key, before, after)
        self._tell(key, before, after)

    def _drop(self, key: Key) -> None:
        before = self._objects.pop(key)
        self.marked.discard(key)
        self._reindex(key, before, None)
        self._tell(key, before, None)

    def _reindex(self, key: Key, before: JsonObject | None, after: JsonObject | None) -> None:
        for name, function in self._index_functions.items():
            index = self._indexes[name]
            old = set(function(before)) if before is not None else set()
            new = set(function(after)) if after is not None else set()
            for value in old - new:
                index[value].discard(key)
                if not index[value]:
                    del index[value]
            for value in new - old:
                index[value].add(key)

    def _tell(self, key: Key, before: JsonObject | None, after: JsonObject | None) -> None:
        for handler in self._handlers:
            handler(before, after)
        for event in self._waiting.get(key, ()):
            event.set()

    @contextmanager
    def _listening(self, key: Key) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting[key].add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]


def _owner_uids(obj: JsonObject) -> Iterator[str]:
    return (uid_of({"metadata": owner}) for owner in owners_of(obj))


def _version(obj: JsonObject) -> int:
    return _number(str(obj["metadata"]["resourceVersion"]))


def _number(resource_version: str) -> int:
    """A resourceVersion as the number it is, by which Kubernetes lets versions be compared."""
    return int(resource_version or 0)


def _pause(failures: int) -> float:
    """Seconds after so many failures in a row; after none, a jitter: all watches end together."""
    if not failures:
        return random.uniform(0.0, _JITTER)  # noqa: S311 - jitter
    longest = doubled(_FIRST_PAUSE, failures - 1, _LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
