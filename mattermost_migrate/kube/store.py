"""Objects in memory, packed: thousands lie still while a few dozen are at work.

A parsed object takes ten times the room of its compressed text. So all are kept as text, and those
that were last asked for also as they are.
"""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterator, KeysView
from typing import Final, TypeAlias

from mattermost_migrate.domain.objects import JsonObject

__all__ = ["Key", "Store"]

#: (namespace, name); the namespace of a cluster-scoped object is an empty string.
Key: TypeAlias = tuple[str, str]
#: The quickest: the next levels save a tenth and take twice as long.
_LEVEL: Final = 1


class Store:
    """Objects by key.

    Args:
        unpacked: how many are also kept as they are: those that were last put in or asked for.
    """

    def __init__(self, *, unpacked: int = 256) -> None:
        self._packed: dict[Key, bytes] = {}
        self._unpacked: OrderedDict[Key, JsonObject] = OrderedDict()
        self._most = unpacked

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: Key) -> bool:
        return key in self._packed

    def __iter__(self) -> Iterator[JsonObject]:
        """All objects; changes meanwhile are no harm."""
        for key in list(self._packed):
            packed = self._packed.get(key)
            if packed is not None:
                yield self._unpacked.get(key) or _unpack(packed)

    def keys(self) -> KeysView[Key]:
        """The keys of all objects."""
        return self._packed.keys()

    def get(self, key: Key) -> JsonObject | None:
        """The object, or None. It is not to be changed."""
        obj = self._unpacked.get(key)
        if obj is not None:
            self._unpacked.move_to_end(key)
            return obj
        packed = self._packed.get(key)
        if packed is None:
            return None
        obj = _unpack(packed)
        self._keep(key, obj)
        return obj

    def put(self, key: Key, obj: JsonObject) -> None:
        """Store an object, over what was there."""
        text = json.dumps(obj, separators=(",", ":"))
        self._packed[key] = zlib.compress(text.encode(), _LEVEL)
        self._keep(key, obj)

    def pop(self, key: Key) -> JsonObject:
        """Take an object out; KeyError when there is none."""
        packed = self._packed.pop(key)
        obj = self._unpacked.pop(key, None)
        return obj if obj is not None else _unpack(packed)

    def _keep(self, key: Key, obj: JsonObject) -> None:
        self._unpacked[key] = obj
        self._unpacked.move_to_end(key)
        if len(self._unpacked) > self._most:
            self._unpacked.popitem(last=False)


def _unpack(packed: bytes) -> JsonObject:
    obj: JsonObject = json.loads(zlib.decompress(packed))
    return obj
