"""Secrets that an installation names: are they there, and do they hold what both kinds need?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

from mattermost_migrate.domain.conversion.source import Source
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import SECRET, Reason
from mattermost_migrate.domain.objects import Existing, JsonObject

__all__ = ["decoded", "lacking", "missing", "values"]


def missing(existing: Existing, name: str, field: str) -> Fault:
    """The fault of a Secret that is not there; among documents it is missing from these only."""
    where = (
        "of its namespace among the documents"
        if existing.given
        else "in the namespace; create it, or correct the name"
    )
    return Fault(field, f"there is no Secret {name!r} {where}", Reason.SECRET_MISSING)


def decoded(text: str) -> bytes | None:
    """Base64 as Go reads it, line breaks and all; None when it is none."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None


def values(secret: JsonObject) -> dict[str, bytes | None]:
    """What the Secret holds, decoded; None where it is not base64.

    ``stringData`` counts as well, as the API server would have merged it into ``data``.
    """
    held = {key: decoded(value or "") for key, value in (secret.get("data") or {}).items()}
    for key, value in (secret.get("stringData") or {}).items():
        held[key] = str(value).encode("utf-8", "surrogatepass")
    return held


def lacking(source: Source, name: str, *, keys: Sequence[str], field: str) -> Iterator[Fault]:
    """Faults of a Secret that must be there with those keys.

    Args:
        source: whose surroundings are looked at.
        name: of the Secret.
        keys: it must have.
        field: path that names the Secret.
    """
    secret = source.existing.get(SECRET, name)
    if secret is None:
        if not source.assume_external:
            yield missing(source.existing, name, field)
        return
    held = values(secret)
    for key in keys:
        if held.get(key) is None:
            yield Fault(
                field,
                f"Secret {name!r} has no key {key!r} that can be read; add it",
                Reason.SECRET_MALFORMED,
            )
