"""Parts of a container: environment, resources, probes, ports.

The API server checks these only when the operator writes a Deployment; then the user sees nothing
but an installation that never gets ready (operator facts 0.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from mattermost_migrate.domain.canonical import integers, quantities
from mattermost_migrate.domain.validation import syntax
from mattermost_migrate.domain.validation.field import Field, Finding, Rules

__all__ = ["amounts", "env", "liveness_probe", "ports", "readiness_probe", "resources"]

_ENV_NAME: Final = re.compile(r"[ -<>-~]+")  # printable ASCII without "="
_PORT_NAME: Final = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_LAST_PORT: Final = 65535
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_SUFFIX: Final = re.compile(r"(?P<digits>[+-]?[\d.]+)(?P<suffix>.*)")
_SCALE: Final = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Pi", "Ei"), 5)},
    **{
        suffix: Decimal(10) ** power
        for suffix, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
    },
    "": Decimal(1),
}


def env(at: Field) -> Iterator[Finding]:
    """Environment variables: names, sources, and repetitions."""
    if not at:
        return
    seen: set[str] = set()
    for item in at:
        name = item / "name"
        if not name.text:
            yield name.required("each variable needs a name")
        elif not _ENV_NAME.fullmatch(name.text):
            yield name.invalid("must be printable ASCII without '='")
        elif name.text in seen:
            yield name.caution("is there twice: the operator lets the last one win")
        seen.add(name.text)
        yield from _env_source(item)


def _env_source(item: Field) -> Iterator[Finding]:
    source = item / "valueFrom"
    if not source.present:
        return
    if (item / "value").text:
        yield source.invalid("must not be given together with value")
    given = source.given(*_SOURCES)
    if len(given) != 1:
        yield source.required(f"must have exactly one of {', '.join(_SOURCES)}")
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in given and not (source / name / "name").text:
            yield (source / name / "name").required("name the object to read from")


def amounts(at: Field) -> Iterator[Finding]:
    """Requests and limits that are stored but never used: quantities they must be all the same."""
    if not at:
        return
    for kind in ("requests", "limits"):
        for _, amount in (at / kind).entries():
            yield from syntax.quantity(amount)


def resources(at: Field) -> Iterator[Finding]:
    """Requests and limits of a container: quantities, and no request above its limit."""
    if not at:
        return
    yield from amounts(at)
    limits = dict((at / "limits").entries())
    for name, request in (at / "requests").entries():
        limit = limits.get(name)
        if limit is None:
            continue
        wanted, most = _amount(request), _amount(limit)
        if wanted is not None and most is not None and wanted > most:
            yield request.invalid(f"must be at most the limit, {limit.value}")


def _amount(at: Field) -> Decimal | None:
    try:
        match = _SUFFIX.fullmatch(quantities.canonical(at.value))
    except (ValueError, TypeError):
        return None
    if match is None:
        return None
    digits, suffix = match["digits"], match["suffix"]
    if suffix[:1] in {"e", "E"} and suffix[1:]:
        return Decimal(f"{digits}{suffix}")
    return Decimal(digits) * _SCALE[suffix]


def liveness_probe(at: Field) -> Iterator[Finding]:
    """A liveness probe that overrides the operator's own, in part or whole."""
    yield from readiness_probe(at)
    if ((at / "successThreshold").number or 1) > 1:
        yield (at / "successThreshold").invalid("must be 1 for a liveness probe")


def readiness_probe(at: Field) -> Iterator[Finding]:
    """The same of a readiness probe."""
    given = at.given(*_HANDLERS)
    if len(given) > 1:
        yield at.required(f"must have at most one of {', '.join(given)}")
    for name in ("httpGet", "tcpSocket"):
        if name in given:
            yield from _port_reference(at / name / "port")
    yield from at.each(_PROBE)


def _scheme(at: Field) -> Iterator[Finding]:
    yield from syntax.one_of(at, "HTTP", "HTTPS")


def _ignored(at: Field) -> Iterator[Finding]:
    yield at.caution("is ignored by the operator")


_PROBE: Final[Rules] = {
    "httpGet": {"scheme": _scheme},
    "initialDelaySeconds": syntax.count,
    "timeoutSeconds": syntax.count,
    "periodSeconds": syntax.count,
    "successThreshold": syntax.count,
    "failureThreshold": syntax.count,
    "terminationGracePeriodSeconds": _ignored,
}


def _port_reference(at: Field) -> Iterator[Finding]:
    number = integers.bounded(at.text) if at.text.isdecimal() else at.number
    if number is not None:
        if not 1 <= number <= _LAST_PORT:
            yield at.invalid("must be between 1 and 65535")
    elif not _PORT_NAME.fullmatch(at.text):
        yield at.invalid("must be a port's number or name")


def ports(at: Field, *, taken: frozenset[str], numbers: frozenset[int]) -> Iterator[Finding]:
    """Ports added to a container that has some already."""
    names = set(taken)
    for item in at:
        number, name = item / "containerPort", item / "name"
        if number.number is None or not 1 <= number.number <= _LAST_PORT:
            yield number.invalid("must be between 1 and 65535")
        elif number.number in numbers:
            yield number.caution("is a port of Mattermost itself")
        if name and not _PORT_NAME.fullmatch(name.text):
            yield name.invalid("must be at most 15 lower-case letters, digits and '-'")
        elif name.text in names:
            yield name.duplicate()
        if name:
            names.add(name.text)
        yield from syntax.one_of(item / "protocol", "TCP", "UDP", "SCTP")
