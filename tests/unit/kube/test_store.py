"""A store is a mapping, whatever it packs."""

from __future__ import annotations

import threading
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_migrate.kube.store import Key, Store

KEYS = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from("xyz"))
#: What the API server's own JSON has.
INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
OBJECTS = st.dictionaries(
    st.text(min_size=1),
    st.recursive(st.none() | st.booleans() | INTEGERS | st.text(), st.lists, max_leaves=5),
    min_size=1,
)


@given(st.lists(st.tuples(KEYS, st.none() | OBJECTS), max_size=30))
def test_it_gives_back_what_was_put_in(changes: list[tuple[Key, dict[str, Any] | None]]) -> None:
    store, plain = Store(unpacked=2), dict[Key, dict[str, Any]]()
    for key, obj in changes:
        if obj is not None:
            store.put(key, obj)
            plain[key] = obj
        elif key in plain:
            assert store.pop(key) == plain.pop(key)
        else:
            with pytest.raises(KeyError):
                store.pop(key)

    assert store.keys() == plain.keys()
    assert len(store) == len(plain)
    assert list(store) == list(plain.values())
    for key in [("", "x"), ("a", "y"), ("b", "z"), *plain]:
        assert store.get(key) == plain.get(key)
        assert (key in store) is (key in plain)


def test_what_is_at_work_is_kept_as_it_is() -> None:
    store = Store(unpacked=2)
    objects = {("ns", name): {"name": name} for name in "abc"}
    for key, obj in objects.items():
        store.put(key, obj)

    assert store.get(("ns", "c")) is objects["ns", "c"]
    assert store.get(("ns", "a")) is not objects["ns", "a"]
    assert store.get(("ns", "a")) is store.get(("ns", "a"))


def test_what_is_at_work_is_packed_once_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[bytes] = []
    compress = zlib.compress

    def counted(text: bytes, level: int) -> bytes:
        packed.append(text)
        return compress(text, level)

    monkeypatch.setattr(zlib, "compress", counted)
    store = Store(unpacked=2)
    for version in range(10):
        store.put(("ns", "a"), {"version": version})
    assert packed == []

    for name in "bcd":
        store.put(("ns", name), {"name": name})
    assert store.get(("ns", "a")) == {"version": 9}
    store.get(("ns", "c"))
    store.get(("ns", "d"))

    assert packed == [b'{"version":9}', b'{"name":"b"}', b'{"name":"c"}', b'{"name":"d"}']


def test_objects_may_change_while_they_are_read() -> None:
    store = Store()
    for name in "abc":
        store.put(("ns", name), {"name": name})

    seen = []
    for obj in store:
        seen.append(obj["name"])
        if obj["name"] == "a":
            store.pop(("ns", "b"))

    assert seen == ["a", "c"]


def test_what_is_put_in_while_another_thread_unpacks_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, key = Store(unpacked=1), ("ns", "a")
    store.put(key, {"version": 1})
    store.put(("ns", "b"), {"name": "b"})
    newer = threading.Thread(target=store.put, args=(key, {"version": 2}))
    decompress = zlib.decompress

    def slowly(packed: bytes) -> bytes:
        newer.start()
        newer.join(timeout=0.2)  # nothing holds it up: it is through by then
        return decompress(packed)

    monkeypatch.setattr(zlib, "decompress", slowly)
    store.get(key)
    newer.join()

    assert store.get(key) == {"version": 2}
