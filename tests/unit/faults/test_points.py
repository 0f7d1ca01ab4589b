from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.testing.faults import (
    Answer,
    Drop,
    Exchange,
    Fault,
    Hold,
    Points,
    Randomly,
    Recorder,
    Turns,
)

FAULTS: dict[str, Fault] = {"409": Answer(409), "500": Answer(500), "broken": Drop()}
SERVICES = "/api/v1/namespaces/ns/services"


def write(path: str = f"{SERVICES}/acme", method: str = "PATCH", **query: str) -> Exchange:
    return Exchange.of(method, path, query)


@pytest.mark.parametrize(
    ("exchange", "what"),
    [
        (write(), "PATCH services acme"),
        (write(SERVICES, "POST"), "POST services"),
        (
            write("/apis/apps/v1/namespaces/ns/deployments/acme/status", "PUT"),
            "PUT deployments/status acme",
        ),
        (write("/api/v1/namespaces/ns/pods/acme-5d9f-x2x2x"), "PATCH pods"),
        (write("/api/v1/namespaces", "POST"), "POST namespaces"),
    ],
    ids=str,
)
def test_a_request_says_what_it_writes(exchange: Exchange, what: str) -> None:
    assert exchange.what == what
    assert exchange.writes


@pytest.mark.parametrize(
    "exchange",
    [
        write(method="GET"),
        write(dryRun="All"),
        write("/apis/coordination.k8s.io/v1/namespaces/ns/leases/acme", "PUT"),
        write("/apis/events.k8s.io/v1/namespaces/ns/events", "POST"),
    ],
    ids=str,
)
def test_reads_rehearsals_leases_and_events_count_as_no_writes(exchange: Exchange) -> None:
    recorder = Recorder("ns")
    recorder(exchange)

    assert not exchange.writes
    assert recorder.writes == []


STATUS = "/apis/x/v1/namespaces/ns/ones/acme/status"
SECOND = {"ns": ("PATCH services acme", 1, Drop())}


@pytest.mark.parametrize(
    ("onwards", "struck"),
    [(False, [None, None, Drop(), None]), (True, [None, None, Drop(), Hold()])],
)
def test_a_fault_strikes_its_write_however_many_others_there_are_before(
    onwards: bool,  # noqa: FBT001
    struck: list[Fault | None],
) -> None:
    points = Points(SECOND, onwards=onwards)

    met = [points(each) for each in (write(), write(STATUS), write(), write(STATUS))]

    assert met == struck
    assert points.missed == points.until_struck(1) == {}


def test_who_has_not_met_its_fault_is_named() -> None:
    points = Points(SECOND)
    points(write())

    assert points.missed == {"ns": ("PATCH services acme", 1)}
    assert points.until_struck(1, lambda _: True) == points.missed
    with pytest.raises(TimeoutError, match="PATCH services acme"):
        points.until_struck(0)


def test_with_turns_every_write_meets_every_fault_and_passes_after_each() -> None:
    namespaces = ("one", "two", "three")
    kinds = ("services", "secrets")
    turns = Turns(namespaces, FAULTS, [f"PATCH {kind} acme" for kind in kinds])

    met: dict[str, set[Any]] = {}
    for namespace in namespaces:
        for kind in kinds:
            path = f"/api/v1/namespaces/{namespace}/{kind}/acme"
            attempts = [turns(write(path)) for _ in range(4)]
            assert attempts[1] is attempts[3] is None
            assert attempts[0] != attempts[2]
            met.setdefault(kind, set()).add(attempts[0])

    assert all(each == set(FAULTS.values()) for each in met.values())
    assert turns.missed == set()


def test_dice_fall_alike_for_one_seed_and_nothing_fails_in_the_end() -> None:
    def struck(seed: int) -> list[Fault | None]:
        script = Randomly(seed, ["ns"], FAULTS.values())
        return [script(write()) for _ in range(50)]

    assert struck(7) == struck(7) != struck(8)
    script = Randomly(7, ["ns"], FAULTS.values(), share=1.0)
    assert script(write()) is not None
    script.end()
    assert script(write()) is None
    assert not script.until(100, 1.0)
