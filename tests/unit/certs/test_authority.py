from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Pair, authority, certificates_in, leaf, service_names
from certs.renewal import due, flaw, renewal_time

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NAMES = service_names("hook", "acme")


def numbered_keys() -> Callable[[], ec.EllipticCurvePrivateKey]:
    """Keys that are the same in every run."""
    numbers = iter(range(1, 100))
    return lambda: ec.derive_private_key(next(numbers), ec.SECP256R1())


@pytest.fixture
def signer() -> Pair:
    return authority(NOW, keys=numbered_keys())


def test_the_same_time_and_keys_give_the_same_certificates() -> None:
    first, second = (authority(NOW, keys=numbered_keys()).parsed for _ in range(2))

    assert first.tbs_certificate_bytes == second.tbs_certificate_bytes


def test_a_leaf_serves_the_names_an_api_server_dials(signer: Pair) -> None:
    served = leaf(signer, NAMES, NOW).parsed

    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "hook.acme.svc",
        "hook.acme.svc.cluster.local",
    ]


def test_certificates_begin_before_now_so_that_slow_clocks_accept_them(signer: Pair) -> None:
    served = leaf(signer, NAMES, NOW).parsed

    assert served.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert served.not_valid_after_utc == NOW + timedelta(days=7)


def test_a_leaf_never_outlives_its_authority(signer: Pair) -> None:
    served = leaf(signer, NAMES, NOW + timedelta(days=362)).parsed

    assert served.not_valid_after_utc == signer.parsed.not_valid_after_utc


def test_a_strict_client_trusts_the_leaf_through_the_authority() -> None:
    now = datetime.now(UTC)
    signer = authority(now)
    served = leaf(signer, NAMES, now)
    store = x509.verification.Store([signer.parsed])
    verifier = x509.verification.PolicyBuilder().store(store).time(now)

    chain = verifier.build_server_verifier(x509.DNSName(NAMES[0])).verify(served.parsed, [])

    assert len(chain) == 2
    ssl.create_default_context(cadata=signer.certificate.decode())


def test_a_leaf_without_names_is_an_error(signer: Pair) -> None:
    with pytest.raises(ValueError, match="at least one DNS name"):
        leaf(signer, (), NOW)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(timedelta(0), False, id="new"),
        pytest.param(timedelta(days=4, hours=15), False, id="just before two thirds"),
        pytest.param(timedelta(days=4, hours=16), True, id="just after two thirds"),
        pytest.param(timedelta(days=8), True, id="expired"),
        pytest.param(timedelta(days=-1), True, id="the clock jumped back before it began"),
    ],
)
def test_renewal_is_due_at_two_thirds_of_life(
    signer: Pair, age: timedelta, *, expected: bool
) -> None:
    assert due(leaf(signer, NAMES, NOW).parsed, NOW + age) is expected


def test_two_thirds_count_from_the_first_moment_of_validity(signer: Pair) -> None:
    served = leaf(signer, NAMES, NOW).parsed

    assert renewal_time(served) == NOW - timedelta(minutes=5) + timedelta(days=7, minutes=5) * 2 / 3


def test_what_is_good_has_no_flaw(signer: Pair) -> None:
    assert flaw(leaf(signer, NAMES, NOW), NOW, issuer=signer, names=NAMES) is None


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(
            lambda pair, _: Pair(b"", pair.key), "is not a PEM certificate", id="empty certificate"
        ),
        pytest.param(
            lambda pair, other: Pair(pair.certificate, other.key),
            "does not belong to its key",
            id="half-swapped",
        ),
        pytest.param(
            lambda pair, _: Pair(pair.certificate, b"no key"),
            "does not belong to its key",
            id="key is garbage",
        ),
        pytest.param(
            lambda _, other: other, "is not signed by the current CA", id="of another authority"
        ),
    ],
)
def test_a_damaged_pair_is_told_apart(
    signer: Pair, damage: Callable[[Pair, Pair], Pair], expected: str
) -> None:
    stranger = leaf(authority(NOW), NAMES, NOW)

    assert flaw(damage(leaf(signer, NAMES, NOW), stranger), NOW, issuer=signer) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(timedelta(days=5), "is due: 2 d 0 h of its life are left", id="due"),
        pytest.param(timedelta(days=8), "is due: it has expired", id="over"),
        pytest.param(
            timedelta(days=-1),
            "is not valid yet: a clock was wrong when it was issued, or is now",
            id="of the future",
        ),
    ],
)
def test_what_is_not_of_this_time_is_a_flaw(signer: Pair, age: timedelta, expected: str) -> None:
    assert flaw(leaf(signer, NAMES, NOW), NOW + age, issuer=signer) == expected


def test_a_serving_certificate_is_no_authority(signer: Pair) -> None:
    assert flaw(leaf(signer, NAMES, NOW), NOW) == "is no CA"


def test_certificates_are_found_among_garbage_each_once(signer: Pair) -> None:
    other = authority(NOW)
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    text = b"x" + signer.certificate + broken + b"\n\n" + other.certificate + signer.certificate

    assert certificates_in(text) == (signer.certificate, other.certificate)


def test_a_missing_name_is_a_flaw(signer: Pair) -> None:
    served = leaf(signer, NAMES, NOW)

    assert flaw(served, NOW, issuer=signer, names=("other.svc",)) == "does not name other.svc"
