"""What the builtin operator tells the engine beside it counts for the state it was told of."""

from __future__ import annotations

from typing import Any

from controller.heard import Heard


def installation(uid: str = "u", generation: int = 2) -> dict[str, Any]:
    metadata = {"name": "acme", "namespace": "ns", "uid": uid, "generation": generation}
    return {"kind": "ClusterInstallation", "metadata": metadata}


def test_it_holds_for_what_was_seen_and_for_no_later_state() -> None:
    heard = Heard()
    heard.tell(installation())

    assert heard.of(installation())
    assert not heard.of(installation(generation=3))
    assert not heard.of(installation(uid="another"))
    assert not heard.of(None)


def test_a_deletion_is_no_edit() -> None:
    """Kubernetes raises the generation for it."""
    heard = Heard()
    heard.tell(installation())
    leaving, edited = installation(generation=3), installation(generation=4)
    for each in (leaving, edited):
        each["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert heard.of(leaving)
    assert not heard.of(edited)


def test_whoever_waits_is_woken_once() -> None:
    woken: list[tuple[str, str]] = []
    heard = Heard()
    heard.told = woken.append

    for _ in range(2):  # each event brings a round about
        heard.tell(installation())

    assert woken == [("ns", "acme")]


def test_what_is_gone_is_forgotten() -> None:
    heard = Heard()
    heard.tell(installation())

    heard.forget(installation())

    assert not heard.of(installation())
