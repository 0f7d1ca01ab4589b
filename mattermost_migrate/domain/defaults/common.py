"""What both kinds default alike (operator facts 1.1, 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.defaults.sizes import Component

__all__ = ["DATABASE_TYPE", "DATABASE_VERSION", "STORAGE_SIZE", "fill", "filled", "sized"]

STORAGE_SIZE: Final = "50Gi"
DATABASE_TYPE: Final = "mysql"
DATABASE_VERSION: Final = "8.0"
_APP: Final = {
    "image": "mattermost/mattermost-enterprise-edition",
    "version": "10.8.1",
    "imagePullPolicy": "IfNotPresent",
}


def fill(section: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """The section with each value where it has none, or an empty one."""
    return {**section, **{key: value for key, value in values.items() if not section.get(key)}}


def filled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with image, version and pull policy."""
    return fill(spec, **_APP)


def sized(section: Mapping[str, Any], component: Component, *, override: bool) -> dict[str, Any]:
    """The section with its resources: from the size, or only where it has none."""
    if override or not section.get("resources"):
        return {**section, "resources": component.resources()}
    return dict(section)
