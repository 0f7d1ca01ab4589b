"""What a conversion reads: one ClusterInstallation in canonical form, and its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mattermost_migrate.domain.objects import Existing, JsonObject

__all__ = ["Source", "plain"]


@dataclass(frozen=True, slots=True)
class Source:
    """A ClusterInstallation as the sections see it.

    Attributes:
        name: of the installation; children, and much that is left unset, are named after it.
        metadata: as given.
        spec: in canonical form (``canonical.cluster_installation_spec``).
        existing: what else there is in the namespace.
        document: all of it, as a round trip must give it back.
        assume_external: take a Secret that is not among ``existing`` for one that is as it
            should be, and the database it describes for an external one.
    """

    name: str
    metadata: JsonObject
    spec: JsonObject
    existing: Existing
    document: JsonObject
    assume_external: bool = False


def plain(**fields: Any) -> dict[str, Any]:
    """The fields that say something, as Go leaves out the optional ones that do not."""
    return {name: value for name, value in fields.items() if value or value == {}}
