"""What each kind of installation generates, object for object as the operator does."""

from __future__ import annotations

from mattermost_migrate.domain.children.cluster_installation import render_cluster_installation
from mattermost_migrate.domain.children.mattermost import render_deployments, render_mattermost
from mattermost_migrate.domain.children.result import (
    ChildError,
    Generate,
    PatchStatus,
    Removal,
    Rendered,
)

__all__ = [
    "ChildError",
    "Generate",
    "PatchStatus",
    "Removal",
    "Rendered",
    "render_cluster_installation",
    "render_deployments",
    "render_mattermost",
]
