"""How a command ends when it cannot do what was asked: an exit code, a reason, a next step.

Exit codes are part of the interface (design section 9): 0 done, 1 failed or rolled back, 2 not
finished in time, 3 refused or nothing selected, 4 usage or input that cannot be parsed.
"""

from __future__ import annotations

from enum import IntEnum

from helm_mattermost_migrate.documented import program_name
from mattermost_migrate.domain.errors import (
    ConfigurationError,
    ForbiddenError,
    MigrateError,
    RejectedError,
    TransientError,
)

__all__ = ["CommandError", "Exit", "explained"]


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    UNFINISHED = 2
    REFUSED = 3
    USAGE = 4


class CommandError(Exception):
    """What a command says instead of a traceback.

    Attributes:
        message: what, which, why; no full stop.
        hint: the next command to run, or the edit to make; may be empty.
        code: the exit code.
    """

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


def explained(error: MigrateError, *, server: str = "") -> CommandError:
    """An error of the shared package in words a person can act on.

    Args:
        error: what the cluster, or the way to it, answered.
        server: the API server's URL, where it is known.
    """
    message = str(error)
    what, hint = _told(error, message)
    if isinstance(error, TransientError) and server:
        what = f"{what} at {server}"
    return CommandError(f"{what}: {message}" if what else message, hint=hint)


def _told(error: MigrateError, message: str) -> tuple[str, str]:
    """What could not be done, and what to do about it."""
    told = ("", "")
    match error:
        case ConfigurationError():
            told = (
                "cannot tell which cluster is meant",
                "name one with --kube-context, or let KUBECONFIG name the file",
            )
        case TransientError():
            told = ("cannot reach the cluster", "kubectl cluster-info")
        case ForbiddenError() if "nauthorized" in message:
            told = (
                "the cluster does not accept these credentials",
                "log in again, the token may have expired; then repeat the command",
            )
        case ForbiddenError():
            told = (
                "a right is lacking",
                f"{program_name()} doctor",
            )
        case RejectedError():
            told = ("the cluster refused", "")
    return told
