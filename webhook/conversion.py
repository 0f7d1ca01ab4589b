"""ConversionReview v1 at the wire: many objects in, as many out, in their order.

One answer to each review, with HTTP 200: ``Success``, or ``Failure`` and why. What is stored is
always converted; only what somebody has just written can be refused (webhook facts 4.3).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from flask import Blueprint, Response
from werkzeug.exceptions import BadRequest

from mattermost_migrate.domain.conversion.served import CONVERT_PATH
from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION, to_preview, to_stored
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.domain.objects import JsonObject, annotations_of, name_of, namespace_of
from mattermost_migrate.logs import bound
from webhook.endpoint import OneAtATime, json_body
from webhook.metrics import CONVERSION_SECONDS, CONVERSIONS

__all__ = ["conversion"]

_Convert: TypeAlias = Callable[[JsonObject], dict[str, Any]]

API_VERSION: Final = "apiextensions.k8s.io/v1"
KIND: Final = "ConversionReview"
STORED: Final = CLUSTER_INSTALLATION.api_version
PREVIEW: Final = f"{CLUSTER_INSTALLATION.group}/{PREVIEW_VERSION}"
_CONVERSIONS: Final[Mapping[tuple[str, str], _Convert]] = {
    (STORED, PREVIEW): to_preview,
    (PREVIEW, STORED): to_stored,
}
#: Bytes from which on reviews are worked on one at a time: memory, not speed, is what is short.
_LARGE: Final = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


class _UnconvertedError(Exception):
    """One object of a review cannot be converted; the message names it."""


def conversion() -> Blueprint:
    """``/convert``."""
    blueprint = Blueprint("conversion", __name__)
    large = OneAtATime(_LARGE)

    @blueprint.post(CONVERT_PATH)
    def convert() -> Response:
        body = json_body()
        with large.turn(body):
            return _timed(body)

    return blueprint


def _timed(body: bytes) -> Response:
    with CONVERSION_SECONDS.time():
        uid, desired, objects = _read(body)
        with bound(uid=uid, desired=desired, objects=len(objects)):
            return Response(_answer(uid, desired, objects), mimetype="application/json")


def _read(body: bytes) -> tuple[str, str, list[Any]]:
    """The uid, the version that is asked for, and the objects."""
    try:
        document = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = str(error)[:200] or type(error).__name__
        raise BadRequest(f"the body is not JSON: {why}") from error
    if not isinstance(document, dict):
        raise BadRequest("the body is not a JSON object")
    if (document.get("apiVersion"), document.get("kind")) != (API_VERSION, KIND):
        raise BadRequest(f"apiVersion and kind must be {API_VERSION} and {KIND}")
    request = document.get("request")
    if not isinstance(request, dict):
        raise BadRequest("request must be an object")
    uid, desired, objects = (request.get(key) for key in ("uid", "desiredAPIVersion", "objects"))
    if not isinstance(uid, str) or not uid:
        raise BadRequest("request.uid must be a text that is not empty")
    if not isinstance(desired, str):
        raise BadRequest("request.desiredAPIVersion must be a text")
    if not isinstance(objects, list):
        raise BadRequest("request.objects must be a list")
    return uid, desired, objects


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _answer(uid: str, desired: str, objects: list[Any]) -> bytes:
    try:
        converted = b",".join(_each(desired, objects))
    except _UnconvertedError as error:
        CONVERSIONS.labels(_label(desired), "refused").inc(len(objects))
        _log.info("Refused conversion", extra={"error": str(error)})
        result = {"status": "Failure", "message": str(error)}
        return _review(uid, json.dumps(result).encode(), b"")
    CONVERSIONS.labels(_label(desired), "converted").inc(len(objects))
    return _review(uid, b'{"status":"Success"}', converted)


def _label(desired: str) -> str:
    """The version in the metrics: whoever reaches the port may ask for any, and they are kept."""
    return desired if desired in (STORED, PREVIEW) else "other"


def _review(uid: str, result: bytes, converted: bytes) -> bytes:
    """The whole answer, around objects that are text already: so each is in memory once."""
    head = {"apiVersion": API_VERSION, "kind": KIND}
    return b'%s,"response":{"uid":%s,"result":%s,"convertedObjects":[%s]}}' % (
        json.dumps(head).encode()[:-1],
        json.dumps(uid).encode(),
        result,
        converted,
    )


def _each(desired: str, objects: list[Any]) -> Iterator[bytes]:
    """Each object converted, as text; the list is emptied on the way."""
    for index, obj in enumerate(objects):
        objects[index] = None
        yield json.dumps(_converted(obj, desired), separators=(",", ":")).encode()


def _converted(obj: Any, desired: str) -> JsonObject:
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
        raise _UnconvertedError("an object without metadata")
    annotations = annotations_of(obj)
    if not isinstance(annotations, dict) or not all(
        isinstance(text, str) for text in annotations.values()
    ):
        raise _UnconvertedError("metadata.annotations must map text to text")
    given = obj.get("apiVersion")
    if given == desired and given in (STORED, PREVIEW):
        found: JsonObject = obj
        return found
    convert = _CONVERSIONS.get((str(given), desired))
    if convert is None:
        raise _UnconvertedError(f"{_whose(obj)}: no way leads from {given} to {desired}")
    try:
        return convert(obj)
    except RefusedError as refused:
        raise _UnconvertedError(f"{_whose(obj)}: {refused}") from refused


def _whose(obj: JsonObject) -> str:
    return f"ClusterInstallation {namespace_of(obj)}/{name_of(obj)}"
