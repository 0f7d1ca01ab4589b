"""From the API server's answers to this project's errors: once, here, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.errors import (
    AlreadyExistsError,
    ExpiredError,
    ForbiddenError,
    MigrateError,
    NotFoundError,
    NotServedError,
    RejectedError,
    StaleError,
    TransientError,
)

__all__ = ["error_of", "retry_after", "status_of"]

#: What authorization says, and admission never does: it names the user and the verb.
_NOT_AUTHORIZED: Final = re.compile(r'(?:User|user) "[^"]*" cannot |cannot impersonate')
#: What an admission plugin says while the API server that has just started reads what it needs.
_NOT_READY: Final = "not yet ready to handle request"
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_UNPROCESSABLE: Final = 422
_NO_REASON: Final = "the server rejected our request due to an error in our request"
_FIRST_SERVER_ERROR: Final = 500
_PASSING: Final = frozenset({408, 429})
#: By this the API server tells that it is through with a request, in vain. By a 504 it does not,
#: nor by what etcd has to say, who may carry out later what it has timed out.
_FAILED: Final = "InternalError"
_BY_CODE: Final[Mapping[int, type[MigrateError]]] = {
    401: ForbiddenError,
    404: NotFoundError,
    409: StaleError,
    410: ExpiredError,
    412: StaleError,
}


def status_of(body: bytes) -> Mapping[str, Any]:
    """The ``Status`` object in an answer's body; a bare message when it holds none."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("kind") == "Status":
        return document
    return {"message": body[:500].decode("utf-8", "replace").strip()}


def retry_after(headers: Mapping[str, str], status: Mapping[str, Any]) -> float | None:
    """The seconds the server asked to be left alone, by header or by ``Status``, or None."""
    given = headers.get("Retry-After", "")
    if given.isdigit():
        return float(given)
    seconds = (status.get("details") or {}).get("retryAfterSeconds")
    return float(seconds) if seconds else None


def error_of(
    code: int, status: Mapping[str, Any], *, asked: str, wait: float | None = None
) -> MigrateError:
    """The error for an answer of 400 or above.

    Args:
        code: the HTTP status, or the code in an ERROR event of a watch.
        status: the ``Status`` object.
        asked: what was asked for, such as ``create Service acme/chat``.
        wait: the seconds the server asked for.
    """
    reason = str(status.get("reason") or "")
    message = f"{asked}: {status.get('message') or reason or f'HTTP {code}'}"
    if code == _FORBIDDEN:
        return _forbidden(status, message)
    if reason == "AlreadyExists":
        return AlreadyExistsError(message)
    if _names_another(status) or _does_not_apply(code, status):
        return StaleError(message)
    if code == _NOT_FOUND and status.get("kind") != "Status":
        return NotServedError(message)
    if code in _PASSING or code >= _FIRST_SERVER_ERROR:
        return TransientError(message, retry_after=wait, answered=reason == _FAILED)
    return _BY_CODE.get(code, RejectedError)(message)


def _names_another(status: Mapping[str, Any]) -> bool:
    """Whether a patch was meant for an earlier object of that name.

    A UID in a patch is a precondition to whoever sends it; to the server, which has no such thing
    for patches, it is an attempt to change an immutable field, and answered as invalid.
    """
    causes = (status.get("details") or {}).get("causes") or ()
    return any(cause.get("field") == "metadata.uid" for cause in causes)


def _does_not_apply(code: int, status: Mapping[str, Any]) -> bool:
    """Whether a JSON patch met an object that it was not made for: a ``test`` in it failed.

    The server has one sentence for this and no details; a refusing webhook has words of its own.
    """
    words = str(status.get("message") or "")
    return code == _UNPROCESSABLE and not status.get("details") and words.startswith(_NO_REASON)


def _forbidden(status: Mapping[str, Any], message: str) -> MigrateError:
    """Tell a missing right from an admission plugin that refuses this object.

    Both answer 403. Authorization's message names the user and the verb; a quota, a policy, a
    webhook or a namespace that is going away never does. An answer without ``Status`` comes from
    something before the API server's admission: a missing right as well.
    """
    if status.get("kind") != "Status" or _NOT_AUTHORIZED.search(str(status.get("message"))):
        return ForbiddenError(message)
    return (TransientError if message.endswith(_NOT_READY) else RejectedError)(message)
