"""What a rotation tells of the leader's work."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import cast

import pytest

from certs import __main__ as command
from certs.keeper import Keeper
from certs.ladder import Keyring, Replica, Seen

from .test_report import BEFORE, GOOD, LEAF, OLD


class Looks:
    """A keeper that sees one after the other, and the last one ever after."""

    def __init__(self, *seen: Seen) -> None:
        self._seen = list(seen)

    async def look(self) -> Seen:
        return self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]


def followed(*seen: Seen, seconds: float = 60.0) -> int:
    ends = time.monotonic() + seconds
    return asyncio.run(command._follow(cast("Keeper", Looks(*seen)), ends))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_LOOK_SECONDS", 0.0)


def serving(certificate: bytes | None) -> Seen:
    return replace(GOOD, replicas=(Replica("r0", certificate, "refused"),))


def test_a_new_certificate_is_done_when_every_replica_serves_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = followed(
        replace(serving(BEFORE.certificate), leaf_requested=True),
        serving(BEFORE.certificate),
        serving(LEAF.certificate),
    )

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "next: Serving certificate was asked to be replaced",
        "waiting: r0 still serves the certificate before",
        "done: every caBundle and every replica has the new one",
    ]


def test_a_new_ca_is_done_when_the_old_one_is_trusted_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = replace(serving(LEAF.certificate), keyring=replace(GOOD.keyring, requested=True))
    rotating = replace(serving(None), keyring=Keyring(GOOD.keyring.signer, (OLD.certificate,)))

    assert followed(asked, rotating, serving(LEAF.certificate)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "next: CA was asked to be replaced",
        "next: injecting the caBundle",
        "done: every caBundle and every replica has the new one",
    ]


def test_of_a_replica_out_of_reach_nothing_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    """From outside the cluster none may be within it; the leader reaches them."""
    beside = (*GOOD.replicas[:1], Replica("r2", None, "refused"))

    assert followed(replace(GOOD, replicas=beside)) == 0
    assert capsys.readouterr().out == (
        "done: every caBundle has the new one, and every replica that is reached from here; "
        "not reached: r2\n"
    )


def test_a_replica_that_is_late_for_good_is_not_waited_for_longer_than_was_said() -> None:
    assert followed(serving(BEFORE.certificate), seconds=0.05) == 2
