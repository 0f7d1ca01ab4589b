from __future__ import annotations

from typing import Any

import pytest

from controller.builtin.settled import Resync, Settled, progressed

WHOSE = ("Mattermost", "ns", "acme")


def owner(uid: str = "1", generation: int = 1) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "generation": generation}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def settled(clock: Clock | None = None) -> Settled:
    made = Settled(clock or Clock())
    made.settle(WHOSE, owner(), began=made.begin(WHOSE), patches={"servicePatch": {}})
    return made


def test_what_was_found_is_kept_with_its_patches() -> None:
    assert settled().found(WHOSE, owner()) == {"servicePatch": {}}


@pytest.mark.parametrize("other", [owner(uid="2"), owner(generation=2)], ids=["uid", "generation"])
def test_another_installation_or_spec_is_another_matter(other: dict[str, Any]) -> None:
    assert settled().found(WHOSE, other) is None


def test_a_disturbance_calls_for_a_look() -> None:
    memory = settled()
    memory.disturb(WHOSE)
    assert memory.found(WHOSE, owner()) is None


def test_a_disturbance_in_the_middle_of_a_round_is_not_forgotten_at_its_end() -> None:
    memory = Settled()
    began = memory.begin(WHOSE)
    memory.disturb(WHOSE)
    memory.settle(WHOSE, owner(), began=began)
    assert memory.found(WHOSE, owner()) is None


def test_what_nobody_tells_of_is_read_again_after_a_while() -> None:
    clock = Clock()
    memory = settled(clock)
    clock.now = 59.0
    assert memory.found(WHOSE, owner()) is not None
    clock.now = 60.0
    assert memory.found(WHOSE, owner()) is None


def deployment(**changes: Any) -> dict[str, Any]:
    metadata = {"name": "acme", "resourceVersion": "1", **changes.pop("metadata", {})}
    return {"metadata": metadata, "spec": {"replicas": 1}, **changes}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(deployment(status={"replicas": 1}), True, id="status"),
        pytest.param(deployment(metadata={"resourceVersion": "2"}), True, id="bookkeeping"),
        pytest.param(
            deployment(metadata={"annotations": {"deployment.kubernetes.io/revision": "2"}}),
            True,
            id="revision",
        ),
        pytest.param(deployment(metadata={"annotations": {"a": "b"}}), False, id="annotation"),
        pytest.param(deployment(metadata={"labels": {"a": "b"}}), False, id="label"),
        pytest.param(deployment(metadata={"ownerReferences": [{}]}), False, id="owner"),
        pytest.param(deployment(metadata={"deletionTimestamp": "now"}), False, id="deletion"),
        pytest.param(deployment(spec={"replicas": 2}), False, id="spec"),
        pytest.param(None, False, id="gone"),
    ],
)
def test_progress_is_told_from_change(after: dict[str, Any] | None, *, expected: bool) -> None:
    assert progressed(deployment(), after) is expected


def test_what_is_new_is_no_progress() -> None:
    assert not progressed(None, deployment())


@pytest.mark.parametrize(
    ("installations", "chance", "seconds"),
    [
        pytest.param(1, 0.5, 600, id="few"),
        pytest.param(1, 0.0, 480, id="soonest"),
        pytest.param(1, 1.0, 720, id="latest"),
        pytest.param(5000, 0.5, 2500, id="no more than two a second"),
    ],
)
def test_what_is_well_is_looked_at_again(installations: int, chance: float, seconds: float) -> None:
    assert Resync(chance=lambda: chance).after(installations) == pytest.approx(seconds)
