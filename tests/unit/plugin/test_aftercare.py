"""What may be finalized or unpinned, and what is said of the rest."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Self

import pytest

from helm_mattermost_migrate import aftercare
from helm_mattermost_migrate.aftercare import Request, not_done, ready
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.inventory import Inventory
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.names import Condition, Resource

REQUEST = Request("finalize", value=True, condition=Condition.FINALIZED, summary="", done="")
UNPIN = Request(
    "pinPodTemplate", value=False, condition=Condition.UNPINNED, summary="", done="unpinned"
)
KEY = ("ns", "chat")


def migration(desired: str, status: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": "chat", "generation": 1},
        "spec": {"desiredKind": desired},
        "status": {
            "conditions": [{"type": "Succeeded", "status": status, "observedGeneration": 1}]
        },
    }


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            migration("ClusterInstallation"),
            "ns/chat: it was reverted, and is a ClusterInstallation now",
        ),
        (
            migration("Mattermost", "Unknown"),
            "ns/chat (running): no migration to Mattermost has succeeded",
        ),
    ],
)
def test_what_is_no_mattermost_is_told_by_what_it_is(seen: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError) as raised:
        ready(Inventory(migrations=(seen,)), Selection(names=(KEY,)), REQUEST)

    assert raised.value.message == f"installation {said}"


def test_what_has_become_a_mattermost_may_be() -> None:
    seen = migration("Mattermost")

    assert ready(Inventory(migrations=(seen,)), Selection(names=(KEY,)), REQUEST) == (seen,)


def unpinned(status: str, *, generation: int = 1, asked: bool = True) -> dict[str, Any]:
    seen = migration("Mattermost")
    seen["metadata"] |= {"uid": "u", "generation": generation}
    seen["spec"]["pinPodTemplate"] = not asked
    told = {"type": "Unpinned", "status": status, "reason": "NotUnpinnable", "message": "a patch"}
    seen["status"]["conditions"].append(told)
    return seen


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(unpinned("False"), "ns/chat: not unpinned: NotUnpinnable: a patch", id="no"),
        pytest.param(unpinned("True"), "", id="done"),
        pytest.param(unpinned("False", generation=2), "", id="told before it was asked again"),
        pytest.param(migration("Mattermost"), "", id="not told yet"),
    ],
)
def test_what_could_not_be_done_is_told_by_its_condition(seen: dict[str, Any], said: str) -> None:
    assert not_done(seen, UNPIN) == said


def test_who_asks_again_is_told_that_it_could_not_be_done() -> None:
    with pytest.raises(CommandError) as raised:
        ready(Inventory(migrations=(unpinned("False"),)), Selection(names=(KEY,)), UNPIN)

    assert raised.value.message == "asked already: ns/chat: not unpinned: NotUnpinnable: a patch"
    assert raised.value.code == Exit.FAILED


class Cluster:
    """Takes what is asked for, and shows what came of it."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        self._outcome = outcome

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def patch(self, _: Resource, *args: Any) -> dict[str, Any]:
        answer: dict[str, Any] = args[-1]
        return answer

    async def list(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(items=(self._outcome,))


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("True", Exit.DONE, ["ns/chat: asked to be unpinned"]),
        (
            "False",
            Exit.FAILED,
            [
                "ns/chat: asked to be unpinned",
                "ns/chat: not unpinned: NotUnpinnable: a patch",
                "  Next: correct what is named there; it is then done by itself",
            ],
        ),
    ],
)
def test_what_could_not_be_done_is_no_success(
    status: str,
    code: Exit,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def followed(*_: object) -> int:
        return Exit.DONE

    cluster = Cluster(unpinned(status))
    target = SimpleNamespace(of=lambda _: SimpleNamespace(client=lambda: cluster))
    monkeypatch.setattr(aftercare, "Target", target)
    monkeypatch.setattr(aftercare, "watch_amended", followed)
    arguments = {"no_wait": False, "timeout": None}

    ended = asyncio.run(aftercare._set(arguments, UNPIN, [unpinned(status, asked=False)]))

    assert ended == code
    assert capsys.readouterr().out.splitlines() == told
