"""What can go wrong: faults are values with a field path, surprises are exceptions.

MigrateError
├── RefusedError     the input cannot be carried: every fault at once
├── StaleError       the world moved (409, other UID): look again at once
│   ├── AlreadyExistsError   409: something of that name is there
│   └── ExpiredError         410: that resourceVersion is history; list anew
├── TransientError   429, 5xx, time-out: back off; told of once it lasts
├── ForbiddenError   401, 403: only the administrator can help
├── RejectedError    the API server refuses the object itself (400, 422, an admission policy)
├── NotFoundError    the server answered 404
│   └── NotServedError       not even the kind is there
├── ConfigurationError   how to reach the cluster cannot be told: names the file and why
│   └── KubeconfigError      the file that is meant, or one that it names, cannot be used
├── LeaseLostError   another replica may be leading by now: nothing more is written
└── InvariantError   our own promise broke: this one stops
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "AlreadyExistsError",
    "ConfigurationError",
    "ExpiredError",
    "Fault",
    "ForbiddenError",
    "InvariantError",
    "KubeconfigError",
    "LeaseLostError",
    "MigrateError",
    "NotFoundError",
    "NotServedError",
    "RefusedError",
    "RejectedError",
    "StaleError",
    "TransientError",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    Attributes:
        field: path in Kubernetes' form, such as ``spec.minio.secret`` or ``spec.hosts[0].name``.
        message: what is wrong and what would be right; no full stop.
        reason: CamelCase word for machines.
    """

    field: str
    message: str
    reason: str = "Invalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class MigrateError(Exception):
    """Raised on purpose by this project; the tree stands in the module's docstring."""


class RefusedError(MigrateError):
    """The input cannot be carried over; ``faults`` holds everything found, not just the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class StaleError(MigrateError):
    """The world moved: a conflict, a failed precondition, another UID. Look again at once."""


class AlreadyExistsError(StaleError):
    """Something of that name is there already (409 with reason AlreadyExists)."""


class ExpiredError(StaleError):
    """The server no longer keeps that resourceVersion or continue token (410): list anew."""


class TransientError(MigrateError):
    """The server could not answer just now.

    Attributes:
        retry_after: seconds the server asked for, or None.
        answered: it said itself that it failed, as where it got no answer from an admission
            webhook; else a write may yet be applied.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, answered: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.answered = answered


class ForbiddenError(MigrateError):
    """The server knows us not, or does not let us."""


class RejectedError(MigrateError):
    """The server refuses what was sent: invalid, or denied by admission."""


class NotFoundError(MigrateError):
    """The server answered 404: the object is not there."""


class NotServedError(NotFoundError):
    """The server answered 404 without a Status: it has no such path, so no object of the kind."""


class ConfigurationError(MigrateError):
    """How to reach the cluster cannot be told; the message names the file and the reason."""


class KubeconfigError(ConfigurationError):
    """Which kubeconfig is meant is plain, but it, or what it names, cannot be used."""


class LeaseLostError(MigrateError):
    """The lease is not ours for certain any more, so nothing was sent."""


class InvariantError(MigrateError):
    """Our own promise broke. Whoever catches this stops, and says so."""
