"""One admission endpoint: read the review, bind the log's context, answer in JSON, measure.

It can be asked in two ways. As a view of Flask's it answers everything, faults of the client
included. The event loop asks it directly and gets an answer to an ordinary review, or an exception
when the review has to take the way through Flask (`lane.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import BadRequest, LengthRequired, UnsupportedMediaType

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.logs import bound
from webhook.metrics import REVIEW_SECONDS
from webhook.review import MalformedReviewError, Review, read

__all__ = ["AT_ONCE", "Answer", "Endpoint", "json_body", "register"]

#: Judges one review and gives the whole AdmissionReview that answers it.
Answer: TypeAlias = Callable[[Review], dict[str, Any]]
#: The application's extension that maps a path to what answers its reviews at once.
AT_ONCE: Final = "mattermost-migrate-at-once"
_JSON: Final = "application/json"


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
        with self._seconds.time():
            try:
                body = self._judge(json_body(), self._answer)
            except MalformedReviewError as error:
                raise BadRequest(str(error)) from error
        return Response(body, mimetype=_JSON)

    def at_once(self, body: bytes) -> bytes:
        """The answer to an ordinary review, which nothing has to be waited for.

        Raises:
            Exception: ask the view, which says what is the matter or may wait.
        """
        began = time.perf_counter()
        answer = self._judge(body, self._at_once)
        self._seconds.observe(time.perf_counter() - began)
        return answer

    def _judge(self, body: bytes, answer: Answer) -> bytes:
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
            return json.dumps(answer(review), separators=(",", ":")).encode()


def register(blueprint: Blueprint, endpoints: Mapping[str, Endpoint]) -> None:
    """Serve each endpoint at its path, through Flask and at once."""
    for path, view in endpoints.items():
        blueprint.add_url_rule(path, path.strip("/"), view, methods=["POST"])

    def remember(state: BlueprintSetupState) -> None:
        known = state.app.extensions.setdefault(AT_ONCE, {})
        known.update({path: view.at_once for path, view in endpoints.items()})

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
