"""JSON log lines, with what the request is about on each of them.

The context is bound once, where a request begins; whoever logs below adds only its own fields.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from gunicorn import glogging
from pythonjsonlogger.json import JsonFormatter

__all__ = ["GunicornLogger", "bound", "configure"]

_context: ContextVar[Mapping[str, Any] | None] = ContextVar("log_context", default=None)
_FORMAT: Final = "{asctime}{levelname}{name}{message}"
_RENAMED: Final = {"asctime": "time", "levelname": "level", "name": "logger"}


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Put these fields on every line that is logged inside."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class _Bound(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        for key, value in (_context.get() or {}).items():
            # ``name`` is the logger's own in a record; an installation's goes beside it.
            setattr(record, "object" if key == "name" else key, value)
        return True


def handler() -> logging.Handler:
    """A handler that writes JSON lines to standard error."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(
        JsonFormatter(_FORMAT, style="{", rename_fields=_RENAMED, datefmt="%Y-%m-%dT%H:%M:%S%z")
    )
    out.addFilter(_Bound())
    return out


def configure(level: str) -> None:
    """Send everything that is logged to standard error, one JSON object a line."""
    logging.basicConfig(level=level.upper(), handlers=[handler()], force=True)


class GunicornLogger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no annotations
    """Gunicorn's messages through the same handler, instead of handlers of its own."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger's handler write."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
