"""How a pass over an installation can end other than well."""

from __future__ import annotations

from mattermost_migrate.domain.errors import MigrateError

__all__ = ["NotReadyError", "ProblemError"]


class ProblemError(MigrateError):
    """A child cannot be made or read; the text is for the installation's status."""


class NotReadyError(MigrateError):
    """Something has to finish first; no failure, so nothing is said but ``reconciling``."""
