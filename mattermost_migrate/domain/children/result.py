"""What rendering an installation yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["ChildError", "Generate", "PatchStatus", "Removal", "Rendered"]

#: Random text for a purpose: ``generate("minio-accesskey", 16)`` gives 16 characters.
Generate: TypeAlias = Callable[[str, int], str]


class ChildError(MigrateError):
    """A child cannot be made; the text is the operator's. Rendering turns it into its result."""


@dataclass(frozen=True, slots=True)
class Removal:
    """An object that must not be there. Who removes it checks that it is the installation's own.

    The operator does not check (operator facts 3.4, 3.5): an installation ``foo-jobserver`` beside
    ``foo``, or the IngressClass of someone else, would be lost to a name.
    """

    resource: Resource
    name: str


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """What became of one resource patch (operator facts 3.6)."""

    applied: bool
    error: str = ""

    def to_json(self) -> dict[str, object]:
        """As it stands in ``status.resourcePatch``: false and empty are absent."""
        applied: dict[str, object] = {"applied": True} if self.applied else {}
        return {**applied, "error": self.error} if self.error else applied


@dataclass(frozen=True, slots=True)
class Rendered:
    """The children of one installation.

    Attributes:
        children: complete objects, in the order in which the operator writes them.
        removals: what must not exist beside them.
        error: why rendering stopped, in the operator's words; ``children`` are those before it.
        patch_status: by ``servicePatch`` and ``deploymentPatch``; only where a patch was tried.
    """

    children: tuple[JsonObject, ...] = ()
    removals: tuple[Removal, ...] = ()
    error: str | None = None
    patch_status: Mapping[str, PatchStatus] = field(default_factory=dict)
