"""One admission endpoint: read the review, bind the log's context, answer in JSON, measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from flask import Response, jsonify, request
from werkzeug.exceptions import BadRequest, LengthRequired, UnsupportedMediaType

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.logs import bound
from webhook.metrics import REVIEW_SECONDS
from webhook.review import MalformedReviewError, Review, read

__all__ = ["Answer", "endpoint", "json_body"]

#: Judges one review and gives the whole AdmissionReview that answers it.
Answer: TypeAlias = Callable[[Review], dict[str, Any]]
_JSON: Final = "application/json"


def endpoint(resource: Resource, answer: Answer) -> Callable[[], Response]:
    """A view that reviews objects of one kind.

    Args:
        resource: whose objects; a review of another kind is the caller's mistake.
        answer: what is said to it.
    """

    def view() -> Response:
        with REVIEW_SECONDS.labels(resource.kind).time():
            review = _review(resource)
            with bound(
                uid=review.uid,
                operation=review.operation,
                kind=review.kind,
                namespace=review.namespace,
                name=review.name,
                user=review.user,
            ):
                return jsonify(answer(review))

    return view


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


def _review(resource: Resource) -> Review:
    try:
        review = read(json_body())
    except MalformedReviewError as error:
        raise BadRequest(str(error)) from error
    if review.kind != resource.kind:
        raise BadRequest(f"this path reviews {resource.kind}, not {review.kind}")
    return review
