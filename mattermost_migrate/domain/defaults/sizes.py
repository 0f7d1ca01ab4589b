"""Installation sizes and what each means (operator facts 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["DEFAULT_SIZE", "SIZES", "Component", "Size"]


@dataclass(frozen=True, slots=True)
class Component:
    """Replicas and resources of one component."""

    replicas: int
    requests: tuple[str, str]
    limits: tuple[str, str] | None = None

    def resources(self) -> dict[str, Any]:
        """The component's ResourceRequirements, as a new object."""
        made = {"requests": dict(zip(("cpu", "memory"), self.requests, strict=True))}
        if self.limits is not None:
            made["limits"] = dict(zip(("cpu", "memory"), self.limits, strict=True))
        return made


@dataclass(frozen=True, slots=True)
class Size:
    """What one word such as ``1000users`` stands for."""

    app: Component
    file_store: Component
    database: Component


_TINY: Final = ("100m", "256Mi")
_HALF: Final = ("500m", "500Mi")
_SMALL_DATABASE: Final = ("200m", "512Mi")
_NARROW: Final = ("2", "4Gi")

DEFAULT_SIZE: Final = Size(
    Component(2, _HALF, ("4", "8Gi")), Component(4, ("200m", "500Mi")), Component(3, _HALF)
)

#: By the word in ``spec.size``; matching is exact.
SIZES: Final[Mapping[str, Size]] = {
    "100users": Size(
        Component(1, _TINY, _NARROW), Component(1, _TINY), Component(1, _SMALL_DATABASE)
    ),
    "1000users": Size(
        Component(2, ("150m", "256Mi"), _NARROW),
        Component(4, ("150m", "512Mi")),
        Component(2, ("250m", "512Mi")),
    ),
    "5000users": DEFAULT_SIZE,
    "10000users": DEFAULT_SIZE,
    "25000users": Size(
        Component(2, ("1", "4Gi"), ("4", "16Gi")),
        Component(4, ("300m", "500Mi")),
        Component(3, ("500m", "1Gi")),
    ),
    "cloud10users": Size(
        Component(2, ("10m", "150Mi"), _NARROW),
        Component(4, _TINY),
        Component(2, _SMALL_DATABASE),
    ),
    "cloud100users": Size(
        Component(2, ("50m", "256Mi"), _NARROW),
        Component(4, _TINY),
        Component(2, _SMALL_DATABASE),
    ),
    "miniSingleton": Size(
        Component(1, ("10m", "150Mi"), _NARROW),
        Component(1, _TINY),
        Component(1, _SMALL_DATABASE),
    ),
    "miniHA": Size(
        Component(2, ("10m", "150Mi"), _NARROW),
        Component(4, _TINY),
        Component(2, _SMALL_DATABASE),
    ),
}
