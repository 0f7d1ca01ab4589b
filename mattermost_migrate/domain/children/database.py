"""The database's part of the pod: environment and init container (operator facts 0.5, 2.4, 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.children.env import from_secret, variable
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError

__all__ = [
    "CHECK_URL",
    "CONNECTION",
    "DATASOURCE",
    "READERS",
    "DatabasePart",
    "builtin_check",
    "database_type",
    "external_check",
    "mysql_check",
    "mysql_env",
    "require_mysql",
]

CONNECTION: Final = "DB_CONNECTION_STRING"
CHECK_URL: Final = "DB_CONNECTION_CHECK_URL"
READERS: Final = "MM_SQLSETTINGS_DATASOURCEREPLICAS"
DATASOURCE: Final = "MM_SQLSETTINGS_DATASOURCE"
CURL_IMAGE: Final = "appropriate/curl:latest"
_CHECKS: Final = {
    "mysql": (CURL_IMAGE, f'curl --max-time 5 "${CHECK_URL}"'),
    "postgres": ("postgres:13", f'pg_isready --dbname="${CHECK_URL}"'),
}
_MYSQL_KEYS: Final = {
    "ROOT_PASSWORD": "root password",
    "USER": "username",
    "PASSWORD": "password",
    "DATABASE": "name",
}


@dataclass(frozen=True, slots=True)
class DatabasePart:
    """What the database adds to the pod."""

    env: list[dict[str, Any]]
    init_containers: list[dict[str, Any]]


def database_type(connection: bytes) -> str:
    """``mysql``, ``postgres`` or ``unknown``, by how the connection string begins."""
    for kind in ("mysql", "postgres"):
        if connection.startswith(kind.encode()):
            return kind
    return "unknown"


def wait_until(probe: str, what: str) -> list[str]:
    """The command of an init container that waits."""
    return ["sh", "-c", f"until {probe}; do echo waiting for {what}; sleep 5; done;"]


def external_check(secret: str, kind: str) -> list[dict[str, Any]]:
    """Waits for an external database of a known type; nothing for another."""
    if kind not in _CHECKS:
        return []
    image, probe = _CHECKS[kind]
    container = {
        "name": "init-check-database",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [from_secret(CHECK_URL, secret, CHECK_URL)],
        "command": wait_until(probe, "database"),
    }
    return [container]


def builtin_check(
    image: str, pull_policy: str, env: list[dict[str, Any]], timeout: str
) -> list[dict[str, Any]]:
    """Waits for an external database with Mattermost's own command."""
    container = {
        "name": "init-check-database",
        "image": image,
        "imagePullPolicy": pull_policy,
        "env": env,
        "command": ["/mattermost/bin/mattermost"],
        "args": ["db", "ping", f"--timeout={timeout}"],
    }
    return [container]


def _mysql_host(installation: Installation, which: str) -> str:
    return f"{installation.database_name}-{which}.{installation.namespace}.svc.cluster.local:3306"


def mysql_check(installation: Installation) -> list[dict[str, Any]]:
    """Waits for the operator-managed MySQL."""
    probe = f"curl --max-time 5 http://{_mysql_host(installation, 'mysql-master')}"
    container = {
        "name": "init-check-operator-mysql",
        "image": CURL_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": wait_until(probe, "mysql"),
    }
    return [container]


def require_mysql(data: Mapping[str, bytes]) -> None:
    """Make sure that a secret has what operator-managed MySQL needs.

    Raises:
        ChildError: a key is missing or empty; the first, in the operator's order.
    """
    for key, what in _MYSQL_KEYS.items():
        if not data.get(key):
            raise ChildError(f"database {what} shouldn't be empty")


def mysql_env(
    installation: Installation, secret: str, data: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    """The environment for operator-managed MySQL."""
    name = data["DATABASE"].decode(errors="replace")
    login = "$(MYSQL_USERNAME):$(MYSQL_PASSWORD)"
    timeouts = "readTimeout=30s&writeTimeout=30s"
    replicas, master = (_mysql_host(installation, which) for which in ("mysql", "mysql-master"))
    return [
        from_secret("MYSQL_USERNAME", secret, "USER"),
        from_secret("MYSQL_PASSWORD", secret, "PASSWORD"),
        variable(READERS, f"{login}@tcp({replicas})/{name}?{timeouts}"),
        variable(
            "MM_CONFIG", f"mysql://{login}@tcp({master})/{name}?charset=utf8mb4,utf8&{timeouts}"
        ),
    ]
