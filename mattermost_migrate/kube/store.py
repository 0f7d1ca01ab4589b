"""Objects in memory, packed: thousands lie still while a few dozen are at work.

A parsed object takes ten times the room of its compressed text. So those that were last put in or
asked for are kept as they are, and all others as text. What is at work changes ten times in a row:
it is packed once, when it comes to rest.

One thread puts in; any may ask, as the webhook's do. While one of them unpacks an object, another
one may put a newer in its place, which must not be lost again: hence the lock.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, KeysView
from typing import Final, TypeAlias

import orjson

from mattermost_migrate.domain.objects import JsonObject

__all__ = ["Key", "Store"]

#: (namespace, name); the namespace of a cluster-scoped object is an empty string.
Key: TypeAlias = tuple[str, str]
#: The quickest: the next levels save a tenth and take twice as long.
_LEVEL: Final = 1


class Store:
    """Objects by key.

    Args:
        unpacked: how many are kept as they are: those that were last put in or asked for.
    """

    def __init__(self, *, unpacked: int = 256) -> None:
        # None: not packed yet, so it is among the unpacked ones.
        self._packed: dict[Key, bytes | None] = {}
        self._unpacked: OrderedDict[Key, JsonObject] = OrderedDict()
        self._most = unpacked
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: Key) -> bool:
        return key in self._packed

    def __iter__(self) -> Iterator[JsonObject]:
        """All objects; changes meanwhile are no harm."""
        for key in list(self._packed):
            with self._lock:
                obj = self._look(key) if key in self._packed else None
            if obj is not None:
                yield obj

    def keys(self) -> KeysView[Key]:
        """The keys of all objects."""
        return self._packed.keys()

    def get(self, key: Key) -> JsonObject | None:
        """The object, or None. It is not to be changed."""
        with self._lock:
            if key not in self._packed:
                return None
            obj = self._look(key)
            self._keep(key, obj)
            return obj

    def put(self, key: Key, obj: JsonObject) -> None:
        """Store an object, over what was there."""
        with self._lock:
            self._packed[key] = None
            self._keep(key, obj)

    def pop(self, key: Key) -> JsonObject:
        """Take an object out; KeyError when there is none."""
        with self._lock:
            obj = self._look(key)
            del self._packed[key]
            self._unpacked.pop(key, None)
            return obj

    def _look(self, key: Key) -> JsonObject:
        obj = self._unpacked.get(key)
        return obj if obj is not None else _unpack(self._packed[key])

    def _keep(self, key: Key, obj: JsonObject) -> None:
        self._unpacked[key] = obj
        self._unpacked.move_to_end(key)
        if len(self._unpacked) > self._most:
            rested, last = self._unpacked.popitem(last=False)
            if self._packed[rested] is None:
                self._packed[rested] = _pack(last)


def _pack(obj: JsonObject) -> bytes:
    return zlib.compress(orjson.dumps(obj), _LEVEL)


def _unpack(packed: bytes | None) -> JsonObject:
    if packed is None:
        raise AssertionError("neither packed nor as it is")
    obj: JsonObject = orjson.loads(zlib.decompress(packed))
    return obj
