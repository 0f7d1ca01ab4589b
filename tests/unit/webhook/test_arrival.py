from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from webhook.arrival import Arrival

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        pytest.param(b"", False, id="nothing"),
        pytest.param(HEAD[:-1], False, id="a head without its end"),
        pytest.param(HEAD, False, id="no body yet"),
        pytest.param(HEAD + b"1234", False, id="a byte short"),
        pytest.param(HEAD + b"12345", True, id="whole"),
        pytest.param(HEAD + b"12345GET", True, id="whole, and more"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True, id="no body announced"),
        pytest.param(HEAD.replace(b"5", b"99"), True, id="more announced than is waited for"),
        pytest.param(HEAD.replace(b"Content-Length", b"CONTENT-length"), False, id="another case"),
        pytest.param(
            b"POST /Content-Length:5 HTTP/1.1\r\nX: Content-Length: 9\r\n\r\n",
            True,
            id="not a header",
        ),
    ],
)
def test_a_request_is_complete_when_a_thread_need_not_wait(data: bytes, *, complete: bool) -> None:
    arrival = Arrival(limit=10)
    arrival.feed(data)

    assert arrival.complete is complete


@given(some.lists(some.integers(1, 20), max_size=12))
def test_how_the_bytes_are_cut_up_changes_nothing(sizes: list[int]) -> None:
    arrival, rest = Arrival(limit=10), HEAD + b"12345"
    for size in sizes:
        piece, rest = rest[:size], rest[size:]
        arrival.feed(piece)
        assert arrival.complete is (not rest)
    arrival.feed(rest)

    assert arrival.complete
    assert arrival.take() == HEAD + b"12345"
    assert not arrival.complete


def test_a_head_without_end_is_given_up() -> None:
    arrival = Arrival(limit=10)

    with pytest.raises(ValueError, match="too long"):
        arrival.feed(b"a" * 70_000)
