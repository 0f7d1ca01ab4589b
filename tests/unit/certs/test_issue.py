from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from certs.__main__ import main
from certs.authority import service_names
from certs.issue import Issued, ensure, trusted
from certs.storage import CA_NAME, CERTIFICATE, KEY, FolderStore

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NAMES = service_names("hook", "acme")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def look(store: FolderStore, now: datetime) -> Issued:
    return asyncio.run(ensure(store, "serving", NAMES, now))


def test_the_first_look_issues_both(store: FolderStore) -> None:
    issued = look(store, NOW)

    assert issued.changes == ("CA is missing", "Serving certificate is missing")
    assert issued.leaf.signed_by(issued.authority)


def test_a_second_look_changes_nothing(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(hours=1))

    assert second.changes == ()
    assert second.leaf == first.leaf


def test_a_leaf_at_two_thirds_is_renewed_by_the_same_authority(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(days=5))

    assert second.authority == first.authority
    assert second.leaf != first.leaf
    assert second.leaf.signed_by(first.authority)


def test_a_new_authority_keeps_the_old_one_trusted_and_renews_the_leaf(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(days=300))

    bundle = base64.b64decode(second.ca_bundle)
    assert second.authority.certificate in bundle
    assert first.authority.certificate in bundle
    assert second.leaf.signed_by(second.authority)
    assert asyncio.run(trusted(store)) == second.ca_bundle


def test_an_expired_authority_is_no_longer_trusted(store: FolderStore) -> None:
    first, second = look(store, NOW), look(store, NOW + timedelta(days=400))

    assert first.authority.certificate not in base64.b64decode(second.ca_bundle)


def test_a_half_written_pair_is_issued_anew(store: FolderStore) -> None:
    first = look(store, NOW)
    torn = {CERTIFICATE: first.leaf.certificate, KEY: first.authority.key}
    asyncio.run(store.write("serving", torn))

    assert look(store, NOW).changes == ("Serving certificate does not belong to its key",)


def test_the_authority_s_key_is_not_among_the_served_files(
    store: FolderStore, tmp_path: Path
) -> None:
    issued = look(store, NOW)

    served = b"".join(path.read_bytes() for path in (tmp_path / "serving").iterdir())
    assert issued.authority.key not in served


def test_a_reader_never_sees_two_sets_mixed_because_the_link_is_renamed(
    store: FolderStore, tmp_path: Path
) -> None:
    look(store, NOW)
    before = (tmp_path / CA_NAME).resolve()
    look(store, NOW + timedelta(days=300))

    assert (tmp_path / CA_NAME).is_symlink()
    assert (tmp_path / CA_NAME).resolve() != before
    assert not before.exists()


def test_the_command_issues_once_and_says_what_there_is(tmp_path: Path) -> None:
    folder = ["--directory", str(tmp_path)]
    run = CliRunner().invoke

    assert run(main, ["status", *folder]).exit_code == 1
    assert "CA is missing: issued" in run(main, ["issue", *folder]).output
    assert "nothing issued" in run(main, ["issue", *folder]).output
    shown = run(main, ["status", *folder])
    assert shown.exit_code == 0
    assert f"{CA_NAME}: good until" in shown.output
