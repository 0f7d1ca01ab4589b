"""A node in one process: kubelet and proxy, until killed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from mattermost_migrate.kube import Client, connect
from mattermost_migrate.testing.traffic.kubelet import Kubelet, Temper
from mattermost_migrate.testing.traffic.proxy import Proxy

__all__ = ["main", "service_host"]


def service_host(network: int, number: int) -> str:
    """Where the proxy listens for the service of that number."""
    return f"127.{network}.255.{number + 1}"


async def _run(arguments: argparse.Namespace) -> None:
    connection = await connect()
    async with Client(connection, max_inflight=64) as client:
        temper = Temper(arguments.start_seconds, arguments.stop_seconds)
        kubelet = Kubelet(client, arguments.name, network=arguments.network, temper=temper)
        proxy = Proxy(client)
        for number, service in enumerate(arguments.service):
            namespace, _, name = service.partition("/")
            await proxy.listen(namespace, name, service_host(arguments.network, number))
        async with asyncio.TaskGroup() as group:
            group.create_task(kubelet.run())
            group.create_task(proxy.run())


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
    parser.add_argument("--service", action="append", default=[], metavar="NAMESPACE/NAME")
    parser.add_argument("--start-seconds", type=float, default=1.0)
    parser.add_argument("--stop-seconds", type=float, default=1.0)
    asyncio.run(_until_told(parser.parse_args()))


if __name__ == "__main__":
    main()
