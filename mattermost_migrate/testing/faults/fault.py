"""What can happen to a request on its way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

__all__ = ["Answer", "Drop", "Fault", "Hold", "LoseWatches"]

_REASONS: Final = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """It is answered with an error.

    Attributes:
        code: the HTTP status.
        applied: the API server has carried it out nevertheless.
        retry_after: seconds to stay away, in the header.
    """

    code: int
    applied: bool = False
    retry_after: int | None = None

    def body(self) -> bytes:
        """The ``Status`` an API server would send."""
        status = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "reason": _REASONS[self.code],
            "message": f"a fault of the test: {_REASONS[self.code]}",
            "code": self.code,
        }
        return json.dumps(status).encode()


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks before the API server has seen anything."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nobody answers until the gate lets go; ``applied``: the API server has carried it out.

    Let go of, one that was not carried out is, late. With the gate closed it never is.
    """

    applied: bool = False


@dataclass(frozen=True, slots=True)
class LoseWatches:
    """It passes, but first every watch of the program breaks.

    Attributes:
        expired: the API server ends them, because it keeps what they ask for no more (410).
    """

    expired: bool = False


Fault = Answer | Drop | Hold | LoseWatches
