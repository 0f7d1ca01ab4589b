"""The operator's defaults: both specs as it stores them before it does anything else."""

from __future__ import annotations

from mattermost_migrate.domain.defaults.cluster_installation import (
    cluster_installation_faults,
    default_cluster_installation,
)
from mattermost_migrate.domain.defaults.mattermost import default_mattermost, mattermost_faults

__all__ = [
    "cluster_installation_faults",
    "default_cluster_installation",
    "default_mattermost",
    "mattermost_faults",
]
