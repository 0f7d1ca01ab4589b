"""Starts `deploy.demo.command`, and lets a Ctrl-C end it while it is still being imported."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    # Python's own handler would print where in the imports it was.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from deploy.demo.command import main

    sys.exit(main())
