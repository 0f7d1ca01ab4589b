"""The webhook converts in many threads from its first request on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mattermost_migrate.domain.canonical import types

SPEC = {
    "ingressName": "chat.example.com",
    "mattermostEnv": [{"name": "A", "value": "b"}],
    "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
}


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_no_thread_sees_a_type_that_another_is_still_reading_in() -> None:
    def convert(fresh: types._Types, start: threading.Barrier, seen: list[Any]) -> None:
        start.wait()
        seen.append(fresh.trip("ClusterInstallationSpec")(SPEC))

    for _ in range(20):
        fresh, seen = types._Types(types._same, no_time=None), []
        start = threading.Barrier(4)
        threads = [
            threading.Thread(target=convert, args=(fresh, start, seen))
            for _ in range(start.parties)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [types.written("ClusterInstallationSpec")(SPEC)] * start.parties
