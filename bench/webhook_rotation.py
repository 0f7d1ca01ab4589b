"""No call is lost while replicas restart and certificates rotate: `make proof-rotation`.

A real control plane holds Secrets and caBundles, the keeper rotates as the controller's leader
does, each replica's files follow their Secret late, and callers verify strictly, by the caBundle of
that moment, on kept and on new connections, at 240 calls a second. Prints one JSON document; exits
with 1 if one call failed, or if there were fewer than 200 a second. ``--without`` takes one of the
safeguards out, to show that its loss is noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from caller import Bundle, Caller, Tally
from origin import origin
from replicas import Replicas, webhook
from webhook_rows import missed, rotation_rows

from certs.authority import authority, leaf
from certs.called import Address
from certs.handshake import observe
from certs.keeper import Keeper
from certs.ladder import Done
from certs.site import Cluster as Site
from certs.storage import CA_NAME, CERTIFICATE, KEY, LEAF_NAME, SecretStore
from mattermost_migrate.kube import Client, connect
from mattermost_migrate.percentile import percentile
from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.webhook import NAMESPACE, install_chart

ROOT: Final = Path(__file__).parents[1]
SERVICE: Final = "mattermost-migrate-webhook"
NAME: Final = f"{SERVICE}.{NAMESPACE}.svc"
#: Serves what is in the files at that moment, as the plain server would, instead of the last good.
UNCACHED: Final = """
import ssl
from webhook import server, tls
def current(self):
    context = self._factory()
    context.load_cert_chain(self._certificate, self._key)
    return context
tls.Contexts.current = current
from webhook.__main__ import main
main()
"""


class Proof:
    """One run: two replicas, callers, and what is done to them."""

    def __init__(self, cluster: Cluster, lag: float, without: str | None) -> None:
        self._cluster, self._without = cluster, without
        program = (sys.executable, "-c", UNCACHED) if without == "cache" else webhook()
        self._torn = without == "cache"
        self._replicas = Replicas(cluster, lag=lag, program=program, torn=self._torn)

    @contextmanager
    def standing(self, port: int) -> Iterator[None]:
        """With certificates and two replicas, one of them where the Service leads."""
        asyncio.run(self._with_keeper(until_done))
        with closing(self._replicas):
            self._replicas.add(port)
            self._replicas.add()
            asyncio.run(self._with_keeper(until_done))
            yield

    def under_calls(self, work: Callable[[], list[float]]) -> dict[str, Any]:
        """Do something while calls are made; what became of them, and how long each time took."""
        path, body = next(iter(calls()))
        request = (path, json.dumps(body).encode())
        began = time.monotonic()
        with closing(Bundle(self._cluster.admin.credentials, NAMESPACE)) as bundle:
            bundle.current()
            with Caller(bundle, NAME, lambda: self._replicas.ports, request) as caller:
                took = sorted(work())
        return report(caller.tally, time.monotonic() - began, took)

    def restarts(self, count: int) -> list[float]:
        """Replace the older replica by a new one, so many times."""
        drained = self._without != "drain"
        return [
            self._replicas.replace(pre_stop=1.0 if drained else 0.0, drained=drained)
            for _ in range(count)
        ]

    def rotations(self, name: str, count: int) -> list[float]:
        """Rotate, and wait until every replica serves what came of it."""

        async def rotate(keeper: Keeper, client: Client) -> list[float]:
            took = []
            for _ in range(count):
                began = time.monotonic()
                if self._without == "order":
                    await self._in_one_step(keeper, client)
                else:
                    await keeper.request(name)
                await until_done(keeper, client)
                await self._until_served(keeper)
                took.append(time.monotonic() - began)
            return took

        return asyncio.run(self._with_keeper(rotate))

    async def _in_one_step(self, keeper: Keeper, client: Client) -> None:
        """What a naive rotation does: a new CA and its certificate at once, then the bundle."""
        seen = await keeper.look()
        now = datetime.now(UTC)
        signer = authority(now)
        served = leaf(signer, seen.names, now)
        store = SecretStore(client, NAMESPACE)
        for name, files in (
            (CA_NAME, {CERTIFICATE: signer.certificate, KEY: signer.key}),
            (
                LEAF_NAME,
                {CERTIFICATE: served.certificate, KEY: served.key, "ca.crt": signer.certificate},
            ),
        ):
            await store.read(name)
            await store.write(name, files)
        await keeper.inject()

    async def _until_served(self, keeper: Keeper) -> None:
        stored = (await keeper.look()).leaf
        assert stored is not None  # noqa: S101 - just settled
        for port in self._replicas.ports:
            address = Address("127.0.0.1", port)
            while (await observe(address, NAME)).certificate != stored.certificate:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # a replica in another process: nothing to await

    async def _with_keeper(self, work: Callable[[Keeper, Client], Any]) -> Any:
        connection = await connect({"KUBECONFIG": str(self._cluster.kubeconfig)})
        async with Client(connection) as client:
            beside = [Address("127.0.0.1", port) for port in self._replicas.ports]
            names = ("localhost",)
            site = Site(client, NAMESPACE, SERVICE, extra_names=names, beside=beside)
            return await work(Keeper(SecretStore(client, NAMESPACE), site), client)


async def until_done(keeper: Keeper, _: Client) -> None:
    """Go round until the ladder is through, or waits for replicas that are not there yet."""
    while not isinstance((settled := await keeper.settle()).decision, Done):
        if not settled.seen.replicas:
            return
        await asyncio.sleep(0.2)


def report(tally: Tally, seconds: float, took: list[float]) -> dict[str, Any]:
    """As it is recorded."""
    latencies = tally.latencies or [math.inf]
    return {
        "times": len(took),
        "secondsEach": {
            "p50": round(percentile(took, 0.5), 2),
            "max": round(percentile(took, 1.0), 2),
        },
        "calls": tally.made,
        "callsPerSecond": round(tally.made / seconds, 1),
        "onNewConnections": tally.fresh,
        "failed": sum(tally.failed.values()),
        "failures": dict(tally.failed.most_common(5)),
        "callMilliseconds": {
            "p50": round(percentile(latencies, 0.5) * 1000, 1),
            "p99": round(percentile(latencies, 0.99) * 1000, 1),
            "max": round(percentile(latencies, 1.0) * 1000, 1),
        },
    }


def main() -> int:
    """Run, report, and say by the exit code whether every call was answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--leaves", type=int, default=200)
    parser.add_argument("--authorities", type=int, default=20)
    parser.add_argument("--lag", type=float, default=1.0, help="most seconds a volume is late")
    parser.add_argument("--without", choices=["drain", "order", "cache"])
    given = parser.parse_args()
    found: dict[str, Any] = {**origin(), "without": given.without}
    with ExitStack() as stack:
        tools = ready()
        options = Options(crds=(ROOT / "deploy" / "crds",))
        cluster = stack.enter_context(LocalCluster(tools, options))
        port = free_port()
        values = {"webhook.externalName": "localhost", "webhook.port": str(port)}
        install_chart(cluster, tools["helm3"], values)
        proof = Proof(cluster, given.lag, given.without)
        stack.enter_context(proof.standing(port))
        for title, work in (
            ("leafRotations", lambda: proof.rotations(LEAF_NAME, given.leaves)),
            ("authorityRotations", lambda: proof.rotations(CA_NAME, given.authorities)),
            ("rollingRestarts", lambda: proof.restarts(given.restarts)),
        ):
            found[title] = proof.under_calls(work)
            print(title, found[title]["failed"], file=sys.stderr)
    found["missed"] = missed(rotation_rows(found))
    print(json.dumps(found, indent=2))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
