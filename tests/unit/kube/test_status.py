from typing import Any

import pytest

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
from mattermost_migrate.kube.status import error_of, retry_after, status_of
from mattermost_migrate.kube.transport import Patience


def status(message: str = "no", **fields: Any) -> dict[str, Any]:
    return {"kind": "Status", "message": message, **fields}


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (401, status("Unauthorized"), ForbiddenError),
        (403, status('pods is forbidden: User "eve" cannot list resource "pods"'), ForbiddenError),
        (403, {"message": "<html>a proxy's</html>"}, ForbiddenError),
        (403, status('pods "a" is forbidden: exceeded quota: q'), RejectedError),
        (403, status('pods "a" is forbidden: not yet ready to handle request'), TransientError),
        (403, status('admission webhook "w" denied the request: no'), RejectedError),
        (400, status('admission webhook "w" denied the request: no'), RejectedError),
        (
            422,
            status(
                "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
                details={"name": "a", "kind": "pods"},
            ),
            RejectedError,
        ),
        (422, status(details={"causes": [{"field": "metadata.uid"}]}), StaleError),
        (
            422,
            status("the server rejected our request due to an error in our request", details={}),
            StaleError,
        ),
        (422, status('admission webhook "w" denied the request: no'), RejectedError),
        (404, status(), NotFoundError),
        (404, {"message": "404 page not found"}, NotServedError),
        (409, status(reason="AlreadyExists"), AlreadyExistsError),
        (409, status(reason="Conflict"), StaleError),
        (410, status(reason="Expired"), ExpiredError),
        (413, status(), RejectedError),
        (429, status(), TransientError),
        (500, status("failed calling webhook"), TransientError),
        (503, status(), TransientError),
        (504, status(), TransientError),
    ],
)
def test_an_answer_means_one_error(
    code: int, body: dict[str, Any], expected: type[MigrateError]
) -> None:
    error = error_of(code, body, asked="create pods ns/a")
    assert type(error) is expected
    assert str(error) == f"create pods ns/a: {body['message']}"


def test_the_servers_wish_to_be_left_alone_is_kept() -> None:
    error = error_of(429, status(), asked="get pods", wait=7.0)
    assert isinstance(error, TransientError)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "body", "wait", "answered"),
    [
        (500, status("failed calling webhook", reason="InternalError"), None, True),
        (500, status("etcdserver: request timed out"), None, False),
        (500, {"message": "a proxy's"}, None, False),
        (503, status(reason="ServiceUnavailable"), None, False),
        (503, {"message": "a proxy's"}, None, False),
        (504, status(), None, False),
        (429, status(), None, False),
    ],
)
def test_a_server_that_fails_says_so_itself_or_leaves_a_write_in_the_air(
    code: int, body: dict[str, Any], wait: float | None, *, answered: bool
) -> None:
    error = error_of(code, body, asked="patch pods ns/a", wait=wait)
    assert isinstance(error, TransientError)
    assert error.answered is answered


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "3"}, {}, 3.0),
        ({}, {"retryAfterSeconds": 5}, 5.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, None),
        ({}, {}, None),
    ],
)
def test_when_to_come_back_is_read_from_header_or_status(
    headers: dict[str, str], details: dict[str, int], seconds: float | None
) -> None:
    assert retry_after(headers, status(details=details)) == seconds


def test_a_body_that_is_no_status_is_told_as_it_is() -> None:
    assert status_of(b"<html>Bad gateway</html>")["message"] == "<html>Bad gateway</html>"
    assert status_of(b'{"kind": "Status", "message": "m"}')["message"] == "m"


def test_back_off_doubles_up_to_the_longest_and_is_never_shorter_than_asked() -> None:
    patience = Patience(first=1.0, longest=4.0)
    for attempt, whole in enumerate((1.0, 2.0, 4.0, 4.0)):
        assert whole / 2 <= patience.pause(attempt, None) <= whole
    assert patience.pause(0, 10.0) >= 10.0
