"""The keeper over a folder: no cluster, no replicas, a clock of the test's own."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from certs.__main__ import main
from certs.authority import Pair, service_names
from certs.injection import bundle
from certs.keeper import REQUEST, Keeper, Settled
from certs.ladder import Done, Target, Wait
from certs.site import Nowhere, Surroundings
from certs.storage import CA_NAME, CERTIFICATE, KEY, LEAF_NAME, FolderStore
from mattermost_migrate.domain.errors import NotFoundError, TransientError

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NAMES = service_names("hook", "acme")


class Caller:
    """Somewhere that carries a caBundle, of which several API servers hear in time."""

    def __init__(self) -> None:
        self.now, self.bundle, self.reached = NOW, "", True

    async def look(self) -> Surroundings:
        target = Target("caller", (self.bundle,))
        return Surroundings(self.now, NAMES, (target,), spread=timedelta(seconds=5))

    async def inject(self, _: Target, ca_bundle: str) -> None:
        if not self.reached:
            raise TransientError("503")
        self.bundle = ca_bundle


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def look(store: FolderStore, now: datetime) -> Settled:
    return asyncio.run(Keeper(store, Nowhere(NAMES, lambda: now)).settle())


def leaf_of(settled: Settled) -> Pair:
    assert settled.seen.leaf is not None
    return settled.seen.leaf


def signer_of(settled: Settled) -> Pair:
    assert settled.seen.keyring.signer is not None
    return settled.seen.keyring.signer


def test_the_first_look_issues_both(store: FolderStore) -> None:
    settled = look(store, NOW)

    assert settled.changes == ("CA is missing: issued", "Serving certificate is missing: issued")
    assert leaf_of(settled).signed_by(signer_of(settled))
    assert settled.decision == Done()


def test_a_second_look_changes_nothing(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(hours=1))

    assert second.changes == ()
    assert leaf_of(second) == leaf_of(first)


def test_a_leaf_at_two_thirds_is_renewed_by_the_same_authority(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(days=5))

    assert signer_of(second) == signer_of(first)
    assert leaf_of(second) != leaf_of(first)
    assert leaf_of(second).signed_by(signer_of(first))


def test_a_new_authority_keeps_the_old_one_trusted_until_it_expires(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(days=300))

    assert second.seen.keyring.trusted == (
        signer_of(second).certificate,
        signer_of(first).certificate,
    )
    assert leaf_of(second).signed_by(signer_of(second))
    assert isinstance(second.decision, Wait)

    third = look(store, NOW + timedelta(days=400))
    assert third.seen.keyring.trusted == (signer_of(second).certificate,)
    assert third.decision == Done()


def test_a_half_written_pair_is_issued_anew(store: FolderStore) -> None:
    first = look(store, NOW)
    torn = {CERTIFICATE: leaf_of(first).certificate, KEY: signer_of(first).key}
    asyncio.run(store.write(LEAF_NAME, torn))

    assert look(store, NOW).changes == ("Serving certificate does not belong to its key: issued",)


def test_the_authority_s_key_is_not_among_the_served_files(
    store: FolderStore, tmp_path: Path
) -> None:
    settled = look(store, NOW)

    served = b"".join(path.read_bytes() for path in (tmp_path / LEAF_NAME).iterdir())
    assert signer_of(settled).key not in served


def test_a_reader_never_sees_two_sets_mixed_because_the_link_is_renamed(
    store: FolderStore, tmp_path: Path
) -> None:
    look(store, NOW)
    before = (tmp_path / CA_NAME).resolve()
    look(store, NOW + timedelta(days=300))

    assert (tmp_path / CA_NAME).is_symlink()
    assert (tmp_path / CA_NAME).resolve() != before
    assert not before.exists()


@pytest.mark.parametrize("name", [CA_NAME, LEAF_NAME])
def test_what_is_asked_for_is_done_once(store: FolderStore, tmp_path: Path, name: str) -> None:
    first = look(store, NOW)
    asyncio.run(Keeper(store, Nowhere(NAMES, lambda: NOW)).request(name))
    assert (tmp_path / name / REQUEST).exists()

    second, third = look(store, NOW), look(store, NOW)

    assert leaf_of(second) != leaf_of(first)
    assert (signer_of(second) != signer_of(first)) is (name == CA_NAME)
    assert not (tmp_path / name / REQUEST).exists()
    assert third.changes == ()


def test_what_is_not_there_cannot_be_rotated(store: FolderStore) -> None:
    with pytest.raises(NotFoundError, match="nothing to rotate: run issue first"):
        asyncio.run(Keeper(store, Nowhere(NAMES)).request(CA_NAME))


def test_a_bundle_of_nothing_is_empty() -> None:
    assert base64.b64decode(bundle([])) == b""


def test_the_command_issues_once_and_says_what_there_is(tmp_path: Path) -> None:
    folder = ["--directory", str(tmp_path)]
    run = CliRunner().invoke

    assert run(main, ["status", *folder]).exit_code == 1
    assert "CA is missing: issued" in run(main, ["issue", *folder]).output
    assert "nothing issued" in run(main, ["issue", *folder]).output
    shown = run(main, ["status", *folder])
    assert shown.exit_code == 0
    assert [line.split()[:2] for line in shown.output.splitlines()[:3]] == [
        ["WHAT", "STATE"],
        [CA_NAME, "good"],
        [LEAF_NAME, "good"],
    ]


def test_status_tells_programs_too_and_shows_a_rotation_under_way(tmp_path: Path) -> None:
    folder = ["--directory", str(tmp_path)]
    run = CliRunner().invoke
    run(main, ["issue", *folder])
    assert run(main, ["rotate", "ca", *folder]).exit_code == 0

    shown = run(main, ["status", *folder, "-o", "json"])

    told = json.loads(shown.output)
    assert shown.exit_code == 2
    assert told["health"] == "rotating"
    assert told["authoritiesTrusted"] == 2
    assert [item["state"] for item in told["items"]] == ["good", "good"]
    assert told["next"].startswith("Waiting: no replica is seen")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["rotate", "everything"], 4, "is not one of 'ca', 'leaf'", id="what"),
        pytest.param(["rotate"], 4, "Missing argument", id="nothing"),
        pytest.param(
            ["rotate", "ca", "--here", "--no-wait"], 4, "leave --no-wait out", id="nobody to do it"
        ),
        pytest.param(
            ["rotate", "ca", "--directory", "none"], 1, "run issue first", id="an empty folder"
        ),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, words)

    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_ca_that_was_made_long_before_it_was_told_of_has_time_to_spread(
    store: FolderStore,
) -> None:
    caller, on_its_way = Caller(), Wait("the new CA is on its way to every API server")

    async def main() -> None:
        first = Keeper(store, caller)
        before = leaf_of(await first.settle())
        await first.request(CA_NAME)
        caller.reached = False
        with pytest.raises(TransientError):
            await first.settle()  # made, and told to nobody
        caller.now, caller.reached = NOW + timedelta(seconds=60), True
        assert (await first.settle()).decision == on_its_way
        caller.now += timedelta(seconds=4)
        assert (await first.settle()).decision == on_its_way
        caller.now += timedelta(seconds=1)
        assert leaf_of(await first.settle()) != before

    asyncio.run(main())


def test_who_leads_next_does_not_know_since_when_it_is_told(store: FolderStore) -> None:
    caller = Caller()

    async def main() -> None:
        first = Keeper(store, caller)
        before = leaf_of(await first.settle())
        await first.request(CA_NAME)
        await first.settle()  # made, and told at once
        caller.now += timedelta(seconds=60)
        next_one = Keeper(store, caller)
        keeping = asyncio.create_task(next_one.keep(interval=0.01))
        await asyncio.sleep(0.2)
        assert leaf_of(await next_one.settle()) == before
        caller.now += timedelta(seconds=5)
        await asyncio.sleep(0.2)
        keeping.cancel()
        assert leaf_of(await next_one.settle()) != before

    asyncio.run(main())
