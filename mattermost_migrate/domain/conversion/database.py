"""``spec.database``: external by its Secret, or a MysqlCluster that the operator keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.children import check_url
from mattermost_migrate.domain.children.database import (
    CHECK_URL,
    CONNECTION,
    DATASOURCE,
    database_type,
)
from mattermost_migrate.domain.conversion import credentials
from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.inventory import mysql_secret
from mattermost_migrate.domain.names import SECRET, Reason
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["CREDENTIALS", "backward", "faults", "forward", "refused_url", "warnings"]

#: What the Secret of an operator-managed database must hold.
CREDENTIALS: Final = ("ROOT_PASSWORD", "USER", "PASSWORD", "DATABASE")
_FIELD: Final = "spec.database.secret"
_QUOTES_THE_URL: Final = "failed to parse"
_CARRIED: Final = (
    "type", "storageSize", "initBucketURL", "backupSchedule", "backupURL",
    "backupRemoteDeletePolicy", "backupSecretName", "backupRestoreSecretName", "version",
)  # fmt: skip


def _is_external(source: Source) -> bool:
    """A Secret with a connection string makes the database external (operator facts 1.1)."""
    name = source.spec.get("database", {}).get("secret")
    if not name:
        return False
    secret = source.existing.get(SECRET, name)
    return source.assume_external if secret is None else CONNECTION in credentials.values(secret)


def forward(source: Source) -> dict[str, Any]:
    """``external`` with the Secret's name, or ``operatorManaged`` with all that it has a place for.

    With ``initBucketURL`` 0 replicas mean none, for a restore, not "unset"; a Mattermost is told
    so by an explicit 0 (operator facts 1.4, 5.3). Negative ones reach the MysqlCluster as they are.
    """
    given = source.spec.get("database", {})
    if _is_external(source):
        return {"external": {"secret": given["secret"]}}
    managed = {name: given[name] for name in _CARRIED if name in given}
    replicas = given.get("replicas", 0)
    if replicas or given.get("initBucketURL"):
        managed["replicas"] = replicas
    return {"operatorManaged": {**managed, "resources": given.get("resources", {})}}


def backward(spec: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation's ``database``."""
    database = spec.get("database", {})
    external = database.get("external", {}).get("secret")
    if external:
        return {"resources": {}, "secret": external}
    managed = database.get("operatorManaged", {})
    return {
        **{name: managed[name] for name in _CARRIED if name in managed},
        **plain(replicas=managed.get("replicas")),
        "resources": managed.get("resources", {}),
    }


def faults(source: Source) -> Iterator[Fault]:
    """A Secret that is missing or unusable, and a database that no operator can keep."""
    name = source.spec.get("database", {}).get("secret")
    if not name:
        yield from _managed_faults(source, "")
        return
    secret = source.existing.get(SECRET, name)
    if secret is None:
        if not source.assume_external:
            yield credentials.missing(source.existing, name, _FIELD)
        return
    held = credentials.values(secret)
    if CONNECTION in held:
        yield from _external_faults(name, held)
    else:
        yield from _credential_faults(name, held)
        yield from _managed_faults(source, name)


def _external_faults(name: str, held: Mapping[str, bytes | None]) -> Iterator[Fault]:
    connection = held[CONNECTION]
    if not connection:
        yield _malformed(name, f"key {CONNECTION!r} is empty; put the connection string there")
        return
    if why := refused_url(held):
        yield _malformed(
            name,
            f"key {CHECK_URL!r} is refused by a Mattermost, even where it is not used: {why}; "
            "correct or remove the key",
        )


def refused_url(held: Mapping[str, bytes | None]) -> str | None:
    """Why a Mattermost refuses the check URL of an external database; None where it does not.

    Args:
        held: what the Secret holds, decoded. The URL is not repeated: it may have a password.
    """
    if CHECK_URL not in held:
        return None
    url = (held[CHECK_URL] or b"").decode(errors="replace")
    why = check_url.fault(url, database_type(held.get(CONNECTION) or b""))
    return "it cannot be parsed" if why and why.startswith(_QUOTES_THE_URL) else why


def _credential_faults(name: str, held: Mapping[str, bytes | None]) -> Iterator[Fault]:
    lacking = [key for key in CREDENTIALS if not held.get(key)]
    if lacking:
        yield _malformed(
            name,
            f"has neither {CONNECTION!r} (an external database) nor all of "
            f"{', '.join(CREDENTIALS)}; missing or empty: {', '.join(lacking)}",
        )


def _malformed(name: str, why: str) -> Fault:
    return Fault(_FIELD, f"Secret {name!r}: {why}", Reason.SECRET_MALFORMED)


def _managed_faults(source: Source, name: str) -> Iterator[Fault]:
    """A MysqlCluster of a Mattermost always uses the generated Secret's name."""
    wanted = mysql_secret(source.name)
    if name not in ("", wanted):
        yield Fault(
            _FIELD,
            f"the database is kept by the operator with Secret {name!r}, and a Mattermost would "
            f"use {wanted!r}, with new passwords the database does not know; copy the data "
            f"to a Secret {wanted!r} and name that one here",
        )
    kind = source.spec.get("database", {}).get("type") or "mysql"
    if kind != "mysql":
        yield Fault(
            "spec.database.type",
            f"neither operator can keep a database of type {kind!r}, only mysql",
        )


def warnings(source: Source) -> Iterator[Fault]:
    """A key that only a Mattermost reads, once its pods are no longer pinned."""
    name = source.spec.get("database", {}).get("secret")
    secret = source.existing.get(SECRET, name) if name else None
    held = credentials.values(secret) if secret else {}
    if DATASOURCE in held and held[DATASOURCE] != held.get(CONNECTION):
        yield Fault(
            _FIELD,
            f"Secret {name!r}: key {DATASOURCE!r} differs from {CONNECTION!r}; "
            "a Mattermost passes it to its pods, a ClusterInstallation does not",
            "NotInForce",
        )
