"""One admission endpoint: read the review, bind the log's context, answer in JSON, measure.

It can be asked in two ways. As a view of Flask's it answers everything, faults of the client
included. The worker asks it directly and gets an answer to an ordinary review, or an exception
when the review has to take the way through Flask (`lane.py`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeAlias

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import BadRequest, LengthRequired, UnsupportedMediaType

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.logs import bound
from webhook.metrics import REVIEW_SECONDS
from webhook.review import MalformedReviewError, Review, read

__all__ = ["AT_ONCE", "Answer", "Endpoint", "OneAtATime", "json_body", "register"]

#: Judges one review and gives the whole AdmissionReview that answers it.
Answer: TypeAlias = Callable[[Review], dict[str, Any]]
#: The application's extension that maps a path to the endpoint that can be asked directly.
AT_ONCE: Final = "mattermost-migrate-at-once"
_JSON: Final = "application/json"


class OneAtATime:
    """Of bodies that are large one is read at a time: read, it takes ten times as much memory.

    Args:
        size: bytes from which on a body is large.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()

    def turn(self, body: bytes) -> AbstractContextManager[Any]:
        """To work on that body in; entered at once unless it is large."""
        return self._lock if len(body) >= self._size else nullcontext()


#: All reviews of a process together.
_LARGE: Final = OneAtATime(512 * 1024)


class Endpoint:
    """Reviews objects of one kind.

    Args:
        resource: whose objects; a review of another kind is the caller's mistake.
        answer: what is said to it.
        at_once: the same without ever waiting; raises where that would be needed.
    """

    def __init__(self, resource: Resource, answer: Answer, at_once: Answer | None = None) -> None:
        self._kind = resource.kind
        self._answer = answer
        self._at_once = at_once or answer
        self._seconds = REVIEW_SECONDS.labels(resource.kind)

    def __call__(self) -> Response:
        """Answer the request at hand, as Flask's view."""
        try:
            body = self.waiting(json_body())
        except MalformedReviewError as error:
            raise BadRequest(str(error)) from error
        return Response(body, mimetype=_JSON)

    def at_once(self, body: bytes) -> bytes:
        """The answer to an ordinary review, for which nothing has to be waited.

        Raises:
            MustWaitError: ask where there is time to wait.
            Exception: ask the view, which says what is the matter.
        """
        return self._judge(body, self._at_once)

    def waiting(self, body: bytes) -> bytes:
        """The answer to an ordinary review, whatever has to be waited for.

        Raises:
            Exception: ask the view, which says what is the matter.
        """
        with _LARGE.turn(body):
            return self._judge(body, self._answer)

    def _judge(self, body: bytes, answer: Answer) -> bytes:
        began = time.perf_counter()
        review = read(body)
        if review.kind != self._kind:
            raise MalformedReviewError(f"this path reviews {self._kind}, not {review.kind}")
        with bound(
            uid=review.uid,
            operation=review.operation,
            kind=review.kind,
            namespace=review.namespace,
            name=review.name,
            user=review.user,
        ):
            said = json.dumps(answer(review), separators=(",", ":")).encode()
        self._seconds.observe(time.perf_counter() - began)
        return said


def register(blueprint: Blueprint, endpoints: Mapping[str, Endpoint]) -> None:
    """Serve each endpoint at its path, through Flask and directly."""
    for path, view in endpoints.items():
        blueprint.add_url_rule(path, path.strip("/"), view, methods=["POST"])

    def remember(state: BlueprintSetupState) -> None:
        known = state.app.extensions.setdefault(AT_ONCE, {})
        known.update(endpoints)

    blueprint.record(remember)


def json_body() -> bytes:
    """The body of the request.

    Raises:
        LengthRequired: it comes in chunks.
        UnsupportedMediaType: it is not declared as JSON.
    """
    if request.headers.get("Transfer-Encoding"):
        raise LengthRequired("send the body with a Content-Length")
    if request.mimetype != _JSON:
        raise UnsupportedMediaType(f"send {_JSON}")
    return request.get_data(cache=False)
