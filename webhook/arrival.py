"""Bytes of one request as they arrive: is all of it here yet? Pure, no sockets.

The event loop gathers a request before a thread looks at it, so a slow client costs memory for a
few seconds and never a thread. Only as much of HTTP is read as that question needs; the parser
that answers is gunicorn's.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Arrival"]

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,19})[ \t]*\r\n", re.IGNORECASE)
#: More header than any client of ours sends.
_LONGEST_HEAD: Final = 64 * 1024


class Arrival:
    """One request on its way in.

    Args:
        limit: bytes of body that are waited for. A request that announces more is complete at its
            head: it is for the application to refuse.
    """

    __slots__ = ("_body", "_buffer", "_digits", "_limit", "_wanted")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._wanted: int | None = None
        #: Where the digits of the announced length stand, and where the body begins.
        self._digits: tuple[int, int] | None = None
        self._body = 0

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what came.

        Raises:
            ValueError: the head has no end.
        """
        searched = max(0, len(self._buffer) - len(_END))
        self._buffer += data
        if self._wanted is None:
            self._wanted = self._measure(searched)

    @property
    def complete(self) -> bool:
        """Whether a thread can handle it without waiting for the client."""
        return self._wanted is not None and len(self._buffer) >= self._wanted

    def parts(self) -> tuple[bytes, bytes] | None:
        """The head without the digits of its length, and the body: of one whole request alone.

        None when no length is announced, or anything else came with it.
        """
        if self._digits is None or self._wanted != len(self._buffer) or self._body == self._wanted:
            return None
        first, end = self._digits
        head = self._buffer[:first] + self._buffer[end : self._body]
        return bytes(head), bytes(memoryview(self._buffer)[self._body :])

    def copy(self) -> bytes:
        """All that came."""
        return bytes(self._buffer)

    def clear(self) -> None:
        """Be empty for the next request."""
        self._buffer.clear()
        self._wanted = self._digits = None

    def take(self) -> bytes:
        """All that came, and be empty for the next request."""
        data = self.copy()
        self.clear()
        return data

    def _measure(self, searched: int) -> int | None:
        """The length of the whole request, once its head is here."""
        end = self._buffer.find(_END, searched)
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise ValueError("the head of the request is too long")
            return None
        announced = _LENGTH.search(self._buffer, 0, end + 2)
        length = int(announced[1]) if announced else 0
        self._digits = announced.span(1) if announced else None
        self._body = end + len(_END)
        return self._body + length if length <= self._limit else self._body
