"""The operator's defaults: both specs as it stores them before it does anything else."""

from __future__ import annotations

from mattermost_migrate.domain.defaults.cluster_installation import default_cluster_installation
from mattermost_migrate.domain.defaults.mattermost import default_mattermost

__all__ = ["default_cluster_installation", "default_mattermost"]
