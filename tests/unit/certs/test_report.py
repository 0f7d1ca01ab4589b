from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certs.authority import LEAF_LIFE, authority, leaf
from certs.injection import bundle
from certs.ladder import Keyring, Replica, Seen, Target
from certs.report import Health, as_json, as_table, health_of

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NAMES = ("hook.acme.svc",)
OLD, CA, FOREIGN = authority(NOW), authority(NOW), authority(NOW)
LEAF, BEFORE = (leaf(CA, NAMES, NOW) for _ in range(2))
OVER = leaf(CA, NAMES, NOW - LEAF_LIFE)
GOOD = Seen(
    now=NOW,
    keyring=Keyring(CA),
    leaf=LEAF,
    names=NAMES,
    targets=(Target("Validating/mm", (bundle([CA.certificate]),)),),
    replicas=(Replica("r0", LEAF.certificate), Replica("r1", BEFORE.certificate)),
)


def beside(certificate: bytes | None, problem: str = "") -> Seen:
    """All is good, but for one further replica."""
    return replace(GOOD, replicas=(*GOOD.replicas, Replica("r2", certificate, problem)))


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        pytest.param(GOOD, Health.GOOD, id="every replica is of the CA"),
        pytest.param(replace(GOOD, replicas=()), Health.GOOD, id="no replica"),
        pytest.param(beside(None, "refused"), Health.AMISS, id="one is not reached"),
        pytest.param(beside(OVER.certificate), Health.AMISS, id="one serves what has expired"),
        pytest.param(
            beside(leaf(FOREIGN, NAMES, NOW).certificate), Health.AMISS, id="one is foreign"
        ),
        pytest.param(replace(GOOD, keyring=Keyring()), Health.AMISS, id="no CA"),
        pytest.param(replace(GOOD, leaf=None), Health.AMISS, id="no serving certificate"),
        pytest.param(
            replace(GOOD, targets=(Target("Validating/mm", ("",)),)), Health.AMISS, id="no caBundle"
        ),
        pytest.param(
            replace(GOOD, now=NOW + timedelta(days=5)), Health.AMISS, id="a renewal is due"
        ),
        pytest.param(
            replace(beside(None), keyring=Keyring(CA, (OLD.certificate,))),
            Health.ROTATING,
            id="an old CA is trusted still",
        ),
    ],
)
def test_the_whole_is_good_only_when_every_part_is(seen: Seen, health: Health) -> None:
    assert health_of(seen) == health
    assert ("All is good." in as_table(seen)) is (health is Health.GOOD)


@pytest.mark.parametrize(
    ("seen", "state", "following"),
    [
        pytest.param(
            beside(None, "refused"),
            "not reached: refused",
            "Amiss: r2 is not reached: refused.",
            id="not reached",
        ),
        pytest.param(
            beside(OVER.certificate),
            "serves a certificate that has expired",
            "Amiss: r2 serves a certificate that has expired.",
            id="expired",
        ),
        pytest.param(
            beside(leaf(FOREIGN, NAMES, NOW).certificate),
            "serves a certificate of a CA nobody here knows",
            "Amiss: r2 serves a certificate of a CA nobody here knows.",
            id="foreign",
        ),
    ],
)
def test_a_replica_that_lags_is_named_with_what_it_serves(
    seen: Seen, state: str, following: str
) -> None:
    told = json.loads(as_json(seen))

    assert told["items"][-1] == {"what": "replica r2", "state": state, "until": "", "renewed": ""}
    assert told["next"] == following
