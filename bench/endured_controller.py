"""The controller with a day's wear in minutes, and told what it holds on SIGUSR1.

Its watches end after seconds instead of minutes, every twelfth of them is told that it expired and
has to list anew, and its Lease is renewed many times a second. The first word is the file to tell
it in; the second the leak to put in, so that the proof of endurance can be seen to fail, or
``none``. The rest are the controller's options.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import random
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from controller import __main__ as controller
from mattermost_migrate.domain.errors import ExpiredError
from mattermost_migrate.kube import Election, Informer, informer
from mattermost_migrate.kube.lease import Timing

_EXPIRES: Final = 12
_KEPT: Final[list[Any]] = []
_COUNTS: Final = {"watches": 0, "relists": 0}

LEAKS: Final = {
    "memory": lambda: _KEPT.append(bytearray(os.urandom(4096) * 16)),
    "descriptors": lambda: _KEPT.append(socket.socket()),
    "tasks": lambda: _KEPT.append(asyncio.get_running_loop().create_task(asyncio.sleep(1e6))),
}


def wear(leak: str | None) -> None:
    """Have watches end early and expire, and the Lease renewed often."""
    follow, relist, begin = Informer._follow, Informer._relist, Election.__init__  # noqa: SLF001
    turns = itertools.count(1)

    async def short(self: Informer) -> None:
        _COUNTS["watches"] += 1
        if leak:
            LEAKS[leak]()
        if next(turns) % _EXPIRES == 0:
            raise ExpiredError("the proof of endurance says so")
        await follow(self)

    async def counted(self: Informer) -> None:
        _COUNTS["relists"] += 1
        await relist(self)

    def often(self: Election, *args: Any, **options: Any) -> None:
        begin(self, *args, **{**options, "timing": Timing(retry=0.1)})

    inside: Any = Informer
    inside._follow, inside._relist = short, counted  # noqa: SLF001
    vars(informer)["random"] = SimpleNamespace(
        randint=lambda _low, _high: random.randint(1, 2),  # noqa: S311 - jitter
        uniform=random.uniform,
    )
    candidate: Any = Election
    candidate.__init__ = often


def tell(path: Path) -> None:
    """Write down what is held now, whole or not at all."""
    gc.collect()
    held = {"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects()), **_COUNTS}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(held))
    fresh.replace(path)


def watched(path: Path) -> None:
    """Have the controller tell on SIGUSR1."""
    run = controller._run  # noqa: SLF001

    async def told(options: dict[str, Any]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell, path)
        await run(options)

    vars(controller)["_run"] = told


if __name__ == "__main__":
    found, chosen = Path(sys.argv.pop(1)), sys.argv.pop(1)
    wear(chosen if chosen != "none" else None)
    watched(found)
    controller.main()
