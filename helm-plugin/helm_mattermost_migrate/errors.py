"""How a command ends when it cannot do what was asked: an exit code, a reason, a next step.

Exit codes are part of the interface: 0 done, 1 failed or rolled back, 2 not
finished in time, 3 refused or nothing selected, 4 usage or input that cannot be parsed.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from helm_mattermost_migrate.documented import program_name
from mattermost_migrate.domain.errors import (
    ConfigurationError,
    ForbiddenError,
    KubeconfigError,
    MigrateError,
    RejectedError,
    TransientError,
)

__all__ = ["CommandError", "Exit", "explained", "granting", "granting_all"]

#: How the API server's authorizer says no.
_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" '
    r'in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_MEND_KUBECONFIG: Final = (
    "mend what is named above, or name another file with --kubeconfig; then repeat the command"
)


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
    if isinstance(error, TransientError) and server and not error.answered:
        what = f"{what} at {server}"
    return CommandError(f"{what}: {message}" if what else message, hint=hint)


def _told(error: MigrateError, message: str) -> tuple[str, str]:
    """What could not be done, and what to do about it."""
    told = ("", "")
    match error:
        case KubeconfigError():
            told = ("", _MEND_KUBECONFIG)
        case ConfigurationError():
            told = (
                "cannot tell which cluster is meant",
                "name one with --kube-context, or let KUBECONFIG name the file",
            )
        case TransientError(answered=True):
            told = ("the cluster failed", "mend what is named above; then repeat the command")
        case TransientError():
            told = ("cannot reach the cluster", "kubectl cluster-info")
        case ForbiddenError() if "nauthorized" in message:
            told = (
                "the cluster does not accept these credentials",
                "log in again, the token may have expired; then repeat the command",
            )
        case ForbiddenError():
            told = ("a right is lacking", _right_in(message))
        case RejectedError():
            told = ("the cluster refused", "")
    return told


def granting(verb: str, what: str, *, user: str = "", namespace: str = "") -> str:
    """What an administrator runs to give a right, for whoever lacks it to pass on.

    Args:
        verb: in the API server's words.
        what: the resource with its group; several by comma.
        user: who lacks it; empty is whoever reads this.
        namespace: where; empty is everywhere.
    """
    return f"have an administrator run: {_granting(verb, what, user, namespace)}"


def granting_all(rights: Iterable[tuple[str, str]], *, user: str = "") -> str:
    """What an administrator runs, in one line, to give several rights in every namespace.

    Args:
        rights: verb, and the resource with its group.
        user: who lacks them; empty is whoever reads this.
    """
    by_verb: dict[str, list[str]] = defaultdict(list)
    for verb, what in rights:
        by_verb[verb].append(what)
    commands = (_granting(verb, ",".join(each), user, "") for verb, each in by_verb.items())
    return f"have an administrator run: {' && '.join(commands)}"


def _granting(verb: str, what: str, user: str, namespace: str) -> str:
    kind, place = ("role", f" -n {namespace}") if namespace else ("clusterrole", "")
    # Named after what it gives, and to whom: no other proposal is ever refused for its name.
    told = f"{verb}\n{what}\n{user}\n{namespace}"
    name = f"mattermost-migrate-{verb}-{zlib.crc32(told.encode()):08x}"
    return (
        f"kubectl create {kind} {name} --verb={verb} --resource={what}"
        f"{place} && kubectl create {kind}binding {name} --{kind}={name} "
        f"--user={user or 'YOU'}{place}"
    )


def _right_in(message: str) -> str:
    """How to get the right that the API server says is lacking, and how to find all that lack."""
    found = _FORBIDDEN.search(message)
    if found is None:
        return f"{program_name()} doctor"
    what = ".".join(filter(None, (found["resource"], found["group"])))
    grant = granting(found["verb"], what, user=found["user"], namespace=found["namespace"] or "")
    return f"{program_name()} doctor names every right that lacks; {grant}"
