"""Reading Secrets, and making the two that the operator generates (operator facts 0.7)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError, Generate
from mattermost_migrate.domain.names import SECRET, V1ALPHA1
from mattermost_migrate.domain.objects import Existing, JsonObject

__all__ = ["data_of", "minio_secret", "mysql_secret", "read", "require_key"]

_ACCESS_KEY_LENGTH = 16
_SECRET_KEY_LENGTH = 28
_PASSWORD_LENGTH = 16


def data_of(secret: JsonObject) -> dict[str, bytes]:
    """A Secret's decoded data; ``stringData`` of a manifest counts, as it would on a server."""
    data = {key: base64.b64decode(value or "") for key, value in (secret.get("data") or {}).items()}
    given = {key: str(value).encode() for key, value in (secret.get("stringData") or {}).items()}
    return {**data, **given}


def read(existing: Existing, name: str) -> dict[str, bytes]:
    """The data of the Secret of that name.

    Raises:
        ChildError: there is none.
    """
    secret = existing.get(SECRET, name)
    if secret is None:
        raise ChildError(f'secrets "{name}" not found')
    return data_of(secret)


def require_key(existing: Existing, name: str, key: str) -> None:
    """Make sure that a Secret has a key.

    Raises:
        ChildError: the Secret or the key is missing.
    """
    try:
        data = read(existing, name)
    except ChildError as error:
        raise ChildError(f"error getting secret: {error}") from None
    if key not in data:
        raise ChildError(f"secret {name} is missing data key: {key}")


def _encoded(values: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def minio_secret(
    installation: Installation, existing: Existing, generate: Generate
) -> dict[str, Any]:
    """``N-minio``: what is there is kept, unless half of it is missing.

    Its label is the old kind's for both kinds.
    """
    name = installation.minio_secret
    live = existing.get(SECRET, name)
    data: Mapping[str, str] = {} if live is None else live.get("data") or {}
    if "accesskey" not in data or "secretkey" not in data:
        data = _encoded(
            {
                "accesskey": generate("minio-accesskey", _ACCESS_KEY_LENGTH),
                "secretkey": generate("minio-secretkey", _SECRET_KEY_LENGTH),
            }
        )
    labels = {V1ALPHA1.resource: installation.name}
    return installation.child(SECRET, installation.metadata(name, labels=labels), data=dict(data))


def mysql_secret(installation: Installation, generate: Generate) -> dict[str, Any]:
    """``N-mysql-root-password``, which is created once and never written again."""
    values = {
        "ROOT_PASSWORD": generate("mysql-root-password", _PASSWORD_LENGTH),
        "USER": "mmuser",
        "PASSWORD": generate("mysql-password", _PASSWORD_LENGTH),
        "DATABASE": "mattermost",
    }
    metadata = {"name": installation.mysql_secret, "namespace": installation.namespace}
    return installation.adopted(SECRET, metadata, data=_encoded(values))
