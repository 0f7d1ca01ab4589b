"""What the builtin operator tells the engine beside it counts for the state it was told of."""

from __future__ import annotations

from typing import Any

from controller.heard import Handed, Heard
from mattermost_migrate.domain.names import ROLE, SERVICE


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


def test_what_is_handed_over_is_used_once_and_while_it_is_fresh() -> None:
    now = [0.0]
    handed = Handed(lambda: now[0])
    key = ("ns", "acme")
    for each in (installation("old"), installation("new")):
        handed.put(ROLE, each)

    assert handed.take(SERVICE, key) is None
    assert handed.take(ROLE, key) == installation("new")
    assert handed.take(ROLE, key) is None

    handed.put(ROLE, installation())
    now[0] = 61.0
    assert handed.take(ROLE, key) is None


def test_what_nobody_takes_is_not_kept_for_ever() -> None:
    handed = Handed()
    for number in range(3000):
        obj = installation()
        obj["metadata"]["name"] = f"acme-{number}"
        handed.put(ROLE, obj)

    assert handed.take(ROLE, ("ns", "acme-0")) is None
    assert handed.take(ROLE, ("ns", "acme-2999")) is not None
