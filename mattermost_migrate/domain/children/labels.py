"""Labels a Mattermost gives its children (operator facts 0.3).

The operator computes them into the very map of ``spec.resourceLabels``, when there is one, so what
it adds for the pods shows on the Deployment too. These are the results, without the side effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.names import APP_LABEL, V1BETA1

__all__ = ["JOB_SERVER", "MattermostLabels"]

JOB_SERVER: Final = "mattermost-jobserver"


@dataclass(frozen=True, slots=True)
class MattermostLabels:
    """The labels by what carries them."""

    name: str
    spec: Mapping[str, Any]

    @property
    def _own(self) -> Mapping[str, str]:
        return self.spec.get("resourceLabels") or {}

    def objects(self) -> dict[str, str]:
        """Of Service, Ingress and claim: the operator's win over the user's."""
        return {**self._own, **V1BETA1.selector(self.name)}

    def pods(self) -> dict[str, str]:
        """Of the pods, and what the health check lists by."""
        extra = (self.spec.get("podTemplate") or {}).get("extraLabels") or {}
        return {**self._own, **extra, **V1BETA1.selector(self.name)}

    def deployment(self) -> dict[str, str]:
        """Of the Deployment: with user labels, the map shared with the pods."""
        return self.pods() if self._own else self.objects()

    def job_server_pods(self) -> dict[str, str]:
        """Of the job server's pods, and its selector."""
        return {**self.pods(), APP_LABEL: JOB_SERVER}

    def job_server(self) -> dict[str, str]:
        """Of the job server's Deployment: again the shared map, or none."""
        return self.job_server_pods() if self._own else self.objects()
