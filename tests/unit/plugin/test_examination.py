"""Lists are not read in one instant: what is broken is broken at every look."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from helm_mattermost_migrate import examination
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.inspection import State, Verdict

WHOLE, TORN = State.WHOLE_AS_CLUSTER_INSTALLATION, State.BROKEN


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        pytest.param({"acme": [WHOLE]}, {"acme": WHOLE}, id="whole"),
        pytest.param({"acme": [TORN, TORN, WHOLE]}, {"acme": WHOLE}, id="torn twice"),
        pytest.param({"acme": [TORN, TORN, TORN]}, {"acme": TORN}, id="broken"),
        pytest.param(
            {"acme": [TORN, WHOLE, TORN], "chat": [WHOLE, TORN, TORN], "left": [TORN] * 3},
            {"acme": WHOLE, "chat": WHOLE, "left": TORN},
            id="torn when another is looked at again",
        ),
        pytest.param({"acme": [TORN, None]}, {}, id="deleted meanwhile"),
    ],
)
def test_broken_is_what_every_look_finds_broken(
    looks: dict[str, list[State | None]], found: dict[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = -1

    def inspect(_: object, namespace: str, name: str) -> Verdict:
        state = looks[name][look]
        assert state is not None
        return Verdict(namespace, name, state)

    async def listed(*_: object) -> object:
        nonlocal look
        look += 1
        there = [name for name, states in looks.items() if states[look]]
        kind = {"apiVersion": CLUSTER_INSTALLATION.api_version, "kind": CLUSTER_INSTALLATION.kind}
        metadata = [{"namespace": "ns", "name": name, "uid": name} for name in there]
        return SimpleNamespace(items=tuple({**kind, "metadata": each} for each in metadata))

    async def find(*_: object) -> None:
        return None

    client: Any = SimpleNamespace(list=listed, find=find)
    monkeypatch.setattr(examination, "inspect", inspect)
    monkeypatch.setattr(examination, "_PAUSE_SECONDS", 0)

    verdicts = asyncio.run(
        examination.examine(client, Selection(everything=True), [CLUSTER_INSTALLATION])
    )

    assert {each.name: each.state for each in verdicts} == found
