"""What is tried again one by one, what its fleet tries again, and how many at the same time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import pytest

from helm_mattermost_migrate.cli import main
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.errors import Exit, explained
from helm_mattermost_migrate.fleet_request import MAX_CONCURRENT
from mattermost_migrate.domain.errors import ForbiddenError, MigrateError
from mattermost_migrate.domain.membership import Enlistment
from mattermost_migrate.domain.names import (
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LEASE,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import name_of

MANY = tuple(f"chat{number:02}" for number in range(MAX_CONCURRENT + 1))


def summary(status: str, **more: str) -> dict[str, Any]:
    return {"type": "Succeeded", "status": status, "observedGeneration": 1, **more}


def fleet(name: str, *, over: bool, uid: str = "") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": uid or name, "generation": 1},
        "spec": {"desiredKind": MATTERMOST.kind, "retryGeneration": 4},
        "status": {"conditions": [summary("False" if over else "Unknown")]},
    }


def failed(name: str, of: str = "", *, wanted: str = MATTERMOST.kind) -> dict[str, Any]:
    """One that was rolled back; the member of a fleet, if it is named."""
    metadata: dict[str, Any] = {"namespace": "ns", "name": name, "uid": name, "generation": 1}
    if of:
        metadata["labels"] = {FLEET_LABEL: of}
        metadata["annotations"] = Enlistment(of, 0, MATTERMOST.kind).written()
    conditions = [summary("False", reason="RolledBack"), {**summary("True"), "type": "Stalled"}]
    return {
        "metadata": metadata,
        "spec": {"desiredKind": wanted, "paused": True},
        "status": {"startTime": "2026-12-01T12:00:00Z", "conditions": conditions},
    }


class Cluster:
    """Shows what is there, and notes what is written."""

    connection = SimpleNamespace(namespace="ns")

    def __init__(
        self, *migrations: dict[str, Any], fleets: tuple[dict[str, Any], ...] | None
    ) -> None:
        self._migrations, self._fleets = migrations, fleets
        self.written: dict[str, dict[str, Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """As the real one of a command does."""
        if isinstance(error, MigrateError):
            raise explained(error) from error

    async def list(self, resource: Resource, *_: object, **__: object) -> Any:
        if resource == LEASE or (resource == FLEET_MIGRATION and self._fleets is None):
            raise ForbiddenError(f"you may not list {resource.plural}")
        found: tuple[dict[str, Any], ...] = ()
        if resource == FLEET_MIGRATION:
            found = self._fleets or ()
        elif resource == INSTALLATION_MIGRATION:
            found = self._migrations
        elif resource == MATTERMOST:
            found = tuple(
                {"kind": MATTERMOST.kind, "metadata": {"namespace": "ns", "name": name_of(each)}}
                for each in self._migrations
            )
        return SimpleNamespace(items=found)

    async def patch(self, _: Resource, __: str | None, name: str, body: dict[str, Any]) -> None:
        self.written[name] = body["spec"]


def retry(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(Target, "client", lambda *_, **__: cluster)
    with pytest.raises(SystemExit) as ended:
        main(["retry", *arguments, "--no-wait"])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("migration", "fleets"),
    [
        pytest.param(failed("chat"), (fleet("november", over=False),), id="of no fleet"),
        pytest.param(failed("chat"), None, id="of no fleet, where none may be seen"),
        pytest.param(failed("chat", "november"), (fleet("november", over=True),), id="of one over"),
        pytest.param(failed("chat", "november"), (), id="of one that is gone"),
        pytest.param(
            failed("chat", "november"),
            (fleet("november", over=False, uid="another"),),
            id="of an earlier one of that name",
        ),
        pytest.param(
            failed("chat", "november", wanted="ClusterInstallation"),
            (fleet("november", over=False),),
            id="turned round by hand",
        ),
    ],
)
def test_what_no_fleet_tries_again_is_tried_by_itself(
    migration: dict[str, Any],
    fleets: tuple[dict[str, Any], ...] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(migration, fleets=fleets)

    assert retry(cluster, monkeypatch, "chat") == Exit.DONE
    assert cluster.written == {"chat": {"retryGeneration": 1, "paused": False}}


def test_what_an_open_fleet_has_is_left_to_that_fleet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [failed(name, "november") for name in MANY[:5]]
    fleets = (fleet("november", over=False), fleet("may", over=True))
    cluster = Cluster(*members, failed("old", "may"), failed("alone"), fleets=fleets)

    assert retry(cluster, monkeypatch, "--all") == Exit.REFUSED
    assert cluster.written == {}
    assert capsys.readouterr().err.splitlines() == [
        (
            "Error: FleetMigration november is not over, and tries its own again within its "
            "limits: ns/chat00, ns/chat01, ns/chat02, and 2 more"
        ),
        "Next: mattermost-migrate retry --fleet november",
    ]


def test_who_cannot_see_whether_the_fleet_is_over_starts_none_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = Cluster(failed("chat", "november"), fleets=None)

    assert retry(cluster, monkeypatch, "chat") == Exit.REFUSED
    assert cluster.written == {}
    assert "Error: a right is lacking: you may not list fleetmigrations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("of", "following"),
    [
        ("", "name fewer, or say --all-at-once"),
        ("may", "mattermost-migrate retry --fleet may, or name fewer, or say --all-at-once"),
    ],
)
def test_more_than_a_fleet_would_start_are_not_started_without_a_word(
    of: str,
    following: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = Cluster(*(failed(name, of) for name in MANY), fleets=(fleet("may", over=True),))

    assert retry(cluster, monkeypatch, *MANY[1:]) == Exit.DONE
    assert sorted(cluster.written) == list(MANY[1:])

    cluster.written.clear()
    capsys.readouterr()
    assert retry(cluster, monkeypatch, "--all") == Exit.REFUSED
    assert cluster.written == {}
    assert capsys.readouterr().err.splitlines() == [
        ("Error: 16 would be started at the same time, and more than 15 are not without your word"),
        f"Next: {following}",
    ]

    assert retry(cluster, monkeypatch, "--all", "--all-at-once") == Exit.DONE
    assert sorted(cluster.written) == list(MANY)


@pytest.mark.parametrize("over", [True, False])
def test_a_fleet_is_asked_to_try_its_own_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, over: bool
) -> None:
    turned = failed("turned", "november", wanted="ClusterInstallation")
    cluster = Cluster(failed("chat", "november"), turned, fleets=(fleet("november", over=over),))

    assert retry(cluster, monkeypatch, "--fleet", "november") == Exit.DONE
    assert cluster.written == {"november": {"retryGeneration": 5}}
    assert capsys.readouterr().out == (
        "FleetMigration november: 1 to be tried again, within its limits\n"
    )


def test_a_fleet_in_which_nothing_failed_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = Cluster(fleets=(fleet("november", over=True),))

    assert retry(cluster, monkeypatch, "--fleet", "november") == Exit.REFUSED
    assert cluster.written == {}
    assert "nothing to retry in FleetMigration november" in capsys.readouterr().err
