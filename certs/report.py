"""What a look at the certificates shows a person, and a program. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

from certs.authority import Pair, expired, signed
from certs.injection import bundle
from certs.ladder import Act, Done, Replica, Seen, Wait, decide, lagging
from certs.renewal import flaw, renewal_time
from certs.storage import CA_NAME, LEAF_NAME

__all__ = ["Health", "Row", "as_json", "as_table", "health_of", "rows"]


class Health(StrEnum):
    """How it stands with the whole."""

    GOOD = "good"
    AMISS = "amiss"
    ROTATING = "rotating"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing, and how it stands with it."""

    what: str
    state: str
    until: str = ""
    renewed: str = ""


def health_of(seen: Seen) -> Health:
    """Whether somebody has to see to it, or somebody is at it."""
    if seen.keyring.signer is None or seen.leaf is None:
        return Health.AMISS
    if isinstance(decide(seen), Done):
        # Nothing is left for the controller to do; whoever lags is a person's to look after.
        return Health.AMISS if lagging(seen) else Health.GOOD
    return Health.ROTATING if seen.keyring.previous else Health.AMISS


def rows(seen: Seen) -> Iterator[Row]:
    """The CA, the serving certificate, each caBundle, each replica."""
    signer = seen.keyring.signer
    yield _certificate(CA_NAME, signer, flaw(signer, seen.now) if signer else None)
    leaf = seen.leaf
    problem = flaw(leaf, seen.now, issuer=signer, names=seen.names) if leaf and signer else None
    yield _certificate(LEAF_NAME, leaf, problem)
    wanted = bundle(seen.keyring.trusted)
    for target in seen.targets:
        good = set(target.bundles) <= {wanted}
        yield Row(target.name, "trusts the CA" if good else "does not trust the CA: run inject")
    for replica in seen.replicas:
        yield Row(f"replica {replica.address}", _serves(seen, replica))


def as_table(seen: Seen) -> str:
    """For a terminal: columns, and below them what comes next."""
    head = Row("WHAT", "STATE", "VALID UNTIL", "RENEWED FROM")
    cells = [(row.what, row.state, row.until, row.renewed) for row in (head, *rows(seen))]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = [
        "   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join([*lines, "", _next(seen)])


def as_json(seen: Seen) -> str:
    """For a program."""
    document = {
        "health": health_of(seen),
        "time": _stamp(seen.now),
        "authoritiesTrusted": len(seen.keyring.trusted),
        "next": _next(seen),
        "items": [asdict(row) for row in rows(seen)],
    }
    return json.dumps(document, indent=2)


def _certificate(name: str, pair: Pair | None, problem: str | None) -> Row:
    if pair is None:
        return Row(name, "missing")
    try:
        parsed = pair.parsed
    except ValueError:
        return Row(name, "is not a PEM certificate")
    ends, renews = _stamp(parsed.not_valid_after_utc), _stamp(renewal_time(parsed))
    return Row(name, problem or "good", ends, renews)


def _serves(seen: Seen, replica: Replica) -> str:
    if replica.certificate is None:
        return f"not reached: {replica.problem}"
    if expired(replica.certificate, seen.now):
        return "serves a certificate that has expired"
    if seen.leaf and replica.certificate == seen.leaf.certificate:
        return "serves the stored certificate"
    signer = seen.keyring.signer
    if signer and signed(replica.certificate, signer.certificate):
        return "serves an earlier certificate of this CA"
    if any(signed(replica.certificate, ca) for ca in seen.keyring.previous):
        return "serves a certificate of an old CA"
    return "serves a certificate of a CA nobody here knows"


def _next(seen: Seen) -> str:
    match decide(seen):
        case Done():
            late = lagging(seen)
            return f"Amiss: {late}." if late else "All is good."
        case Wait(reason):
            return f"Waiting: {reason}."
        case Act(action):
            reason = getattr(action, "reason", "a caBundle is not what it should be")
            return f"Next, by the controller when it looks again: {reason}."


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
