"""A node in one process: its kubelet, until told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from mattermost_migrate.kube import Client, connect
from mattermost_migrate.testing.traffic.kubelet import Kubelet, Temper

__all__ = ["main"]


async def _run(arguments: argparse.Namespace) -> None:
    connection = await connect()
    async with Client(connection, max_inflight=64) as client:
        temper = Temper(arguments.start_seconds, arguments.stop_seconds)
        kubelet = Kubelet(client, arguments.name, network=arguments.network, temper=temper)
        await kubelet.run()


async def _until_told(arguments: argparse.Namespace) -> None:
    task = asyncio.ensure_future(_run(arguments))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Run until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--network", type=int, required=True)
    parser.add_argument("--start-seconds", type=float, required=True)
    parser.add_argument("--stop-seconds", type=float, required=True)
    asyncio.run(_until_told(parser.parse_args()))


if __name__ == "__main__":
    main()
