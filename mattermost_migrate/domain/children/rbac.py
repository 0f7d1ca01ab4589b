"""ServiceAccount, Role and RoleBinding: the same for both kinds (operator facts 0.6)."""

from __future__ import annotations

from typing import Any

from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.names import ROLE, ROLE_BINDING, SERVICE_ACCOUNT

__all__ = ["role", "role_binding", "service_account"]


def service_account(installation: Installation) -> dict[str, Any]:
    """The account the pods run under."""
    return installation.child(SERVICE_ACCOUNT, installation.metadata(installation.name))


def role(installation: Installation) -> dict[str, Any]:
    """What the pods may do: look at a Job that is never created."""
    rule = {
        "apiGroups": ["batch"],
        "resourceNames": ["mattermost-db-setup"],
        "resources": ["jobs"],
        "verbs": ["get", "list", "watch"],
    }
    return installation.child(ROLE, installation.metadata(installation.name), rules=[rule])


def role_binding(installation: Installation) -> dict[str, Any]:
    """Binds the Role to the ServiceAccount; the API server fills in ``apiGroup``."""
    subject = {
        "kind": "ServiceAccount",
        "name": installation.name,
        "namespace": installation.namespace,
    }
    return installation.child(
        ROLE_BINDING,
        installation.metadata(installation.name),
        roleRef={"apiGroup": "", "kind": "Role", "name": installation.name},
        subjects=[subject],
    )
