from __future__ import annotations

import json

import pytest
from gunicorn.config import Config

from webhook import lane as module
from webhook.arrival import Arrival
from webhook.knowledge import MustWaitError
from webhook.lane import Lane

POST = b"POST /validate/mattermost?timeout=5s HTTP/1.1\r\nHost: a\r\n"
HEAD = POST + b"Content-Type: application/json\r\n"


def request(body: bytes = b'{"a":1}', head: bytes = HEAD) -> bytes:
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def arrived(data: bytes) -> Arrival:
    arrival = Arrival(limit=10**7)
    arrival.feed(data)
    return arrival


class Shouting:
    """Says again what was said; at once, unless told what to raise."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def at_once(self, body: bytes) -> bytes:
        if self.error:
            raise self.error
        return body.upper()

    def waiting(self, body: bytes) -> bytes:
        return body.upper() + b"!"


def lane(error: Exception | None = None) -> Lane:
    return Lane(Config(), {"/validate/mattermost": Shouting(error)})


def test_an_ordinary_review_is_answered_at_once() -> None:
    answer = lane().answer(arrived(request()))

    assert isinstance(answer, bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: keep-alive\r\n" in head
    assert head.endswith(b"\r\nContent-Type: application/json\r\nContent-Length: 7")
    assert body == b'{"A":1}'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(head=HEAD.replace(b"POST", b"PUT")), id="another method"),
        pytest.param(request(head=HEAD.replace(b"mattermost", b"pod")), id="another path"),
        pytest.param(request(head=HEAD.replace(b"1.1", b"1.0")), id="HTTP/1.0"),
        pytest.param(request(head=HEAD.replace(b"/json", b"/xml")), id="no JSON"),
        pytest.param(request(head=HEAD + b"Connection: close\r\n"), id="the last one"),
        pytest.param(request(head=HEAD + b"Expect: 100-continue\r\n"), id="waits to be asked"),
        pytest.param(request(head=HEAD + b"Upgrade: h2c\r\n"), id="another protocol"),
        pytest.param(request(head=HEAD + b"Transfer-Encoding: chunked\r\n"), id="chunked"),
        pytest.param(request(head=HEAD + b"Content-Length: 7\r\n"), id="two lengths"),
        pytest.param(request(head=HEAD + b"no header\r\n"), id="not HTTP"),
        pytest.param(request(head=HEAD + b"A: " + b"a" * 4096 + b"\r\n"), id="a long head"),
        pytest.param(request() + b"P", id="more than one"),
        pytest.param(request(b""), id="no body"),
        pytest.param(request(b" " * 65536), id="not small"),
        pytest.param(HEAD + b"\r\n", id="no length"),
    ],
)
def test_everything_else_goes_the_long_way(data: bytes) -> None:
    ways = lane()
    assert ways.answer(arrived(request())) is not None

    assert ways.answer(arrived(data)) is None
    assert ways.answer(arrived(data)) is None, "it was learnt"


@pytest.mark.parametrize("error", [ValueError("no JSON"), RecursionError()])
def test_what_cannot_be_answered_goes_the_long_way(error: Exception) -> None:
    assert lane(error).answer(arrived(request())) is None


def test_what_must_be_waited_for_is_answered_later_without_the_long_way() -> None:
    arrival = arrived(request())
    later = lane(MustWaitError()).answer(arrival)

    assert callable(later)
    assert later().endswith(b'\r\nContent-Length: 8\r\n\r\n{"A":1}!')
    assert arrival.parts() is not None, "the long way may still be needed"


def test_a_head_is_parsed_once_whatever_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parser = module.get_parser

    def counted(cfg: object, source: list[bytes], client: object) -> object:
        parsed.extend(source)
        return parser(cfg, source, client)

    monkeypatch.setattr(module, "get_parser", counted)
    ways = lane()
    answers = [
        ways.answer(arrived(request(json.dumps(["a" * n]).encode()))) for n in range(0, 3000, 100)
    ]

    assert None not in answers
    assert len(parsed) == 1


def test_the_heads_that_are_remembered_are_few() -> None:
    ways = lane()
    for number in range(200):
        traced = HEAD + f"Traceparent: {number}\r\n".encode()
        assert ways.answer(arrived(request(head=traced))) is not None

    assert len(ways._known) <= 64
