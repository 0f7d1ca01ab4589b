"""Gunicorn's messages as JSON lines, through the handler that everything else is logged by."""

from __future__ import annotations

from typing import Any

from gunicorn import glogging

__all__ = ["GunicornLogger"]


class GunicornLogger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no annotations
    """Gunicorn's logger without handlers of its own."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger's handler write."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
