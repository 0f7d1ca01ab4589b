"""AdmissionReview v1 at the wire: strict reading, and answers in the API server's form.

What is no review gets a 400 that says why. Each rule here is the API's own (webhook facts 4.1).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.editlock import Operation
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["MalformedReviewError", "Review", "allowed", "denied", "patched", "read"]

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
_INVALID: Final = 422
_LONGEST_WARNING: Final = 120
#: The API server cuts all warnings of one answer at 4 KiB.
_MOST_WARNINGS: Final = 30


class MalformedReviewError(Exception):
    """The body is no AdmissionReview this server can answer; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Review:
    """What is asked about.

    Attributes:
        uid: of the request, echoed in the answer.
        operation: CREATE, UPDATE or DELETE.
        kind: of the object.
        namespace, name: of the object; the name may be empty with generateName.
        user: who asks.
        old: the object as stored, None on CREATE.
        new: the object as it would be stored, None on DELETE.
        dry_run: nothing will be stored.
    """

    uid: str
    operation: Operation
    kind: str
    namespace: str
    name: str
    user: str
    old: JsonObject | None
    new: JsonObject | None
    dry_run: bool


def read(body: bytes) -> Review:
    """Read the body of a request.

    Raises:
        MalformedReviewError: it is not what the API server sends.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedReviewError(f"the body is not JSON: {_short(error)}") from error
    if not isinstance(document, dict):
        raise MalformedReviewError("the body is not a JSON object")
    if (document.get("apiVersion"), document.get("kind")) != (API_VERSION, KIND):
        raise MalformedReviewError(f"apiVersion and kind must be {API_VERSION} and {KIND}")
    return _request(_mapping(document, "request"))


def _request(request: Mapping[str, Any]) -> Review:
    operation = _operation(request)
    old = _object(request, "oldObject", wanted=operation is not Operation.CREATE)
    new = _object(request, "object", wanted=operation is not Operation.DELETE)
    return Review(
        uid=_text(request, "uid"),
        operation=operation,
        kind=_text(_mapping(request, "kind", "request."), "kind", "request.kind."),
        namespace=_optional_text(request, "namespace"),
        name=_optional_text(request, "name") or _name(new or old),
        user=_text(_mapping(request, "userInfo", "request."), "username", "request.userInfo."),
        old=old,
        new=new,
        dry_run=bool(request.get("dryRun")),
    )


def _operation(request: Mapping[str, Any]) -> Operation:
    given = _text(request, "operation")
    try:
        return Operation(given)
    except ValueError:
        known = ", ".join(Operation)
        raise MalformedReviewError(f"request.operation must be one of {known}") from None


def _object(request: Mapping[str, Any], key: str, *, wanted: bool) -> JsonObject | None:
    """An object with the shape that all of Kubernetes has; only then may rules look into it."""
    given = request.get(key)
    if not wanted or given is None:
        if wanted:
            raise MalformedReviewError(f"request.{key} is missing")
        return None
    found = _mapping(request, key, "request.")
    metadata = _section(found, "metadata", f"request.{key}.")
    for name in ("labels", "annotations"):
        entries = _section(metadata, name, f"request.{key}.metadata.")
        if not all(isinstance(value, str) for value in entries.values()):
            raise MalformedReviewError(f"request.{key}.metadata.{name} must map text to text")
    for name in ("spec", "status"):
        _section(found, name, f"request.{key}.")
    return found


def _section(parent: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    """A part that may be absent or null, and is an object otherwise."""
    return {} if parent.get(key) is None else _mapping(parent, key, path)


def _mapping(parent: Mapping[str, Any], key: str, path: str = "") -> Mapping[str, Any]:
    found = parent.get(key)
    if not isinstance(found, dict):
        raise MalformedReviewError(f"{path}{key} must be an object")
    return found


def _text(parent: Mapping[str, Any], key: str, path: str = "request.") -> str:
    found = parent.get(key)
    if not isinstance(found, str) or not found:
        raise MalformedReviewError(f"{path}{key} must be a text that is not empty")
    return found


def _optional_text(parent: Mapping[str, Any], key: str) -> str:
    found = parent.get(key)
    if found is None:
        return ""
    return _text(parent, key) if found != "" else ""


def _name(obj: JsonObject | None) -> str:
    name = ((obj or {}).get("metadata") or {}).get("name")
    return name if isinstance(name, str) else ""


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def allowed(uid: str, warnings: Iterable[str] = ()) -> dict[str, Any]:
    """The answer that lets the write pass."""
    return _answer({"uid": uid, "allowed": True, **_warnings(warnings)})


def patched(
    uid: str, operations: Iterable[Mapping[str, Any]], warnings: Iterable[str] = ()
) -> dict[str, Any]:
    """The answer that lets the write pass, changed by a JSON Patch."""
    patch = base64.b64encode(json.dumps(list(operations)).encode()).decode("ascii")
    response = {"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": patch}
    return _answer({**response, **_warnings(warnings)})


def denied(
    uid: str, faults: Iterable[Fault], *, code: int, what: str, warnings: Iterable[str] = ()
) -> dict[str, Any]:
    """The answer that refuses the write.

    Args:
        uid: of the request.
        faults: every one found.
        code: the HTTP status that the user's client shows: 422 invalid, 403 locked. (Not 409:
            clients take that for a lost race and repeat the write.)
        what: the object, as messages name it.
        warnings: shown beside the refusal.
    """
    found = tuple(faults)
    causes = [{"field": f.field, "message": f.message, "reason": f.reason} for f in found]
    status = {
        "code": code,
        "reason": "Invalid" if code == _INVALID else "Forbidden",
        "message": f"{what}: {'; '.join(str(fault) for fault in found)}",
        "details": {"causes": causes},
    }
    return _answer({"uid": uid, "allowed": False, "status": status, **_warnings(warnings)})


def _warnings(texts: Iterable[str]) -> dict[str, list[str]]:
    short = [text[:_LONGEST_WARNING] for text in dict.fromkeys(texts)][:_MOST_WARNINGS]
    return {"warnings": short} if short else {}


def _answer(response: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}
