"""The short way of an ordinary review: answered where its last byte was read, by the event loop.

Handing a request to a thread and back, parsing a head that is the same each time, and Flask's own
bookkeeping cost more than the judgement of a review. So a request that is small, like one that
gunicorn has parsed before, and answerable from memory is answered at once; one like that for which
something must be looked up is answered by a thread. Everything else goes the long way through a
thread, gunicorn and Flask, whose answers are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Final, Protocol, TypeAlias

from gunicorn import SERVER
from gunicorn.http import get_parser

from webhook.arrival import Arrival
from webhook.knowledge import MustWaitError

__all__ = ["Direct", "Lane", "Later"]

#: Gives the whole answer in the end; any exception sends the request the long way.
Later: TypeAlias = Callable[[], bytes]


class Direct(Protocol):
    """Answers the body of a review by a body; any exception sends the request the long way."""

    def at_once(self, body: bytes) -> bytes:
        """Without waiting for anything; MustWaitError where that is needed."""

    def waiting(self, body: bytes) -> bytes:
        """Whatever has to be waited for."""


#: Judging a body of this size takes a few milliseconds, for which no other connection is served.
_SMALL: Final = 64 * 1024
#: Heads that are remembered. An API server sends one for each path, the length apart.
_HEADS: Final = 64
_LONGEST_HEAD: Final = 2048
#: What asks for more than an answer.
_UNUSUAL: Final = frozenset({"EXPECT", "TRANSFER-ENCODING", "UPGRADE", "SCRIPT_NAME"})


class Lane:
    """Answers requests at once where it can. Of one thread, but for what comes later.

    Args:
        cfg: gunicorn's configuration, for its parser.
        answers: what answers, by path.
    """

    def __init__(self, cfg: Any, answers: Mapping[str, Direct]) -> None:
        self._cfg = cfg
        self._answers = answers
        self._known: dict[bytes, Direct] = {}
        #: The second, and the head of an answer in it up to its length.
        self._head = (-1, b"")

    def answer(self, arrival: Arrival) -> bytes | Later | None:
        """The whole answer to the request that arrived, or how to get it where one may wait.

        None if the request is to go the long way.
        """
        parts = arrival.parts() if len(arrival) <= _SMALL else None
        if parts is None:
            return None
        head, body = parts
        answer = self._known.get(head) or self._learn(head, arrival)
        if answer is None:
            return None
        try:
            return self._whole(answer.at_once(body))
        except MustWaitError:
            return lambda: self._whole(answer.waiting(body))
        except Exception:  # noqa: BLE001 - whatever it is, the long way meets it again and says so
            return None

    def _learn(self, head: bytes, arrival: Arrival) -> Direct | None:
        """What answers requests with this head, which gunicorn's parser has seen and found fine.

        The head is compared without the digits of its length, which change nothing else in it.
        """
        if not self._answers or len(head) > _LONGEST_HEAD:
            return None
        answer = self._asked(arrival.copy())
        if answer is not None:
            if len(self._known) >= _HEADS:
                self._known.clear()
            self._known[head] = answer
        return answer

    def _asked(self, request: bytes) -> Direct | None:
        try:
            parsed = next(get_parser(self._cfg, [request], ("", 0)))
        except Exception:  # noqa: BLE001 - the long way answers it as it deserves
            return None
        headers = dict(parsed.headers)
        kind = headers.get("CONTENT-TYPE", "").partition(";")[0].strip().lower()
        ordinary = (
            parsed.method == "POST"
            and parsed.version == (1, 1)
            and kind == "application/json"
            and not parsed.should_close()
            and _UNUSUAL.isdisjoint(headers)
        )
        return self._answers.get(parsed.path) if ordinary else None

    def _whole(self, said: bytes) -> bytes:
        """An answer with its head, which is made once a second but for the length."""
        now = int(time.time())
        second, head = self._head
        if now != second:
            date = formatdate(now, usegmt=True)
            head = (
                f"HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {date}\r\nConnection: keep-alive\r\n"
                "Content-Type: application/json\r\nContent-Length: "
            ).encode()
            self._head = (now, head)
        return b"%s%d\r\n\r\n%s" % (head, len(said), said)
