import asyncio
import dataclasses
import time

import pytest

from mattermost_migrate import kube
from mattermost_migrate.domain.errors import LeaseLostError
from mattermost_migrate.domain.names import EVENT, LEASE, NAMESPACE
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.kube import Election, EventRecorder, Timing
from mattermost_migrate.testing.cluster import Cluster, LocalCluster, kubeconfig
from mattermost_migrate.testing.faults import Exchange, Fault, Gateway, Hold
from mattermost_migrate.testing.sent_requests import Recorder, client

#: Renewed in time also where an answer takes a second.
QUICK = Timing(duration=4.0, deadline=3.0, retry=0.2)


def test_one_leads_and_the_next_follows_at_once_when_it_goes(
    cluster: Cluster, namespace: str
) -> None:
    async def main() -> list[str]:
        order: list[str] = []
        async with client(cluster) as api, asyncio.timeout(60):
            first, second = (
                Election(api, namespace, "leader", identity=name, timing=QUICK)
                for name in ("first", "second")
            )
            done = asyncio.Event()

            async def lead(name: str, election: Election, until: asyncio.Event | None) -> None:
                assert election.held
                order.append(f"{name} leads")
                if until:
                    await until.wait()
                order.append(f"{name} ends")

            one = asyncio.create_task(first.lead(lambda: lead("first", first, done)))
            await asyncio.sleep(0.5)
            two = asyncio.create_task(second.lead(lambda: lead("second", second, None)))
            # Longer than the lease lasts: it is kept because it is renewed.
            await asyncio.sleep(QUICK.duration * 1.5)
            assert not second.held
            done.set()
            ended = time.monotonic()
            await asyncio.gather(one, two)
            assert time.monotonic() - ended < QUICK.duration
            lease = await api.get(LEASE, namespace, "leader")
            assert lease["spec"]["holderIdentity"] == ""
            assert lease["spec"]["leaseTransitions"] == 1
            assert first.before is None, "nobody led before"
            assert second.before is not None, "the last sign of the first"
        return order

    assert asyncio.run(main()) == ["first leads", "first ends", "second leads", "second ends"]


def test_a_lease_is_given_back_when_a_renewal_is_cut_off(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with client(cluster) as api, asyncio.timeout(60):
            election = Election(api, namespace, "leader", identity="old", timing=QUICK)

            async def body() -> None:
                # As a renewal that is applied, and whose answer is not waited for.
                renewed = {"spec": {"renewTime": "2099-01-01T00:00:00.000000Z"}}
                await api.patch(LEASE, namespace, "leader", renewed)

            await election.lead(body)
            lease = await api.get(LEASE, namespace, "leader")
            assert lease["spec"]["holderIdentity"] == ""

    asyncio.run(main())


def test_a_dead_leader_is_followed_when_its_lease_has_run_out(
    cluster: Cluster, namespace: str
) -> None:
    dead = {
        "metadata": {"namespace": namespace, "name": "leader"},
        "spec": {
            "holderIdentity": "dead",
            "leaseDurationSeconds": 2,
            # By its own clock, which is not ours, it has just been renewed far in the future.
            "renewTime": "2099-01-01T00:00:00.000000Z",
        },
    }

    async def main() -> float:
        async with client(cluster) as api, asyncio.timeout(60):
            await api.create(LEASE, dead)
            began = time.monotonic()
            heir = Election(api, namespace, "leader", identity="heir", timing=QUICK)
            lasted = await heir.lead(_now) - began
            assert heir.before == parse_time(dead["spec"]["renewTime"])
            return lasted

    assert asyncio.run(main()) >= 2.0


async def _now() -> float:
    return time.monotonic()


def test_a_leader_that_is_overruled_stops_and_writes_nothing_more(
    cluster: Cluster, namespace: str
) -> None:
    async def main() -> None:
        async with client(cluster) as api, asyncio.timeout(60):
            election = Election(api, namespace, "leader", identity="old", timing=QUICK)
            fenced = api.fenced(lambda: election.held)
            cancelled = False

            async def body() -> None:
                nonlocal cancelled
                await fenced.patch(NAMESPACE, None, namespace, {"metadata": {"labels": {"a": "b"}}})
                usurper = {"spec": {"holderIdentity": "another", "leaseDurationSeconds": 60}}
                await api.patch(LEASE, namespace, "leader", usurper)
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    cancelled = True
                    with pytest.raises(LeaseLostError):
                        await fenced.patch(NAMESPACE, None, namespace, {"metadata": {}})
                    raise

            with pytest.raises(LeaseLostError):
                await election.lead(body)
            assert cancelled
            lease = await api.get(LEASE, namespace, "leader")
            assert lease["spec"]["holderIdentity"] == "another"

    asyncio.run(main())


def test_one_renewal_without_an_answer_loses_no_lease(
    local_cluster: LocalCluster, namespace: str
) -> None:
    """The next one comes before the lease would have to be given up."""
    timing = Timing(duration=8.0, deadline=6.0, retry=0.5)
    local_cluster.give_every_right(namespace, "us")
    us = local_cluster.service_account(namespace, "us")

    async def main() -> None:
        with Gateway(local_cluster) as gateway:
            gate = gateway.gate(hung := Hung())
            through = dataclasses.replace(us, server=gate.server)
            path = kubeconfig.write(local_cluster.folder / "us.kubeconfig", through, user="us")
            connection = await kube.connect({"KUBECONFIG": str(path)})
            async with kube.Client(connection) as api:
                election = Election(api, namespace, "leader", identity="us", timing=timing)
                async with asyncio.timeout(60):
                    await election.lead(hung.until_renewed)

    asyncio.run(main())


class Hung:
    """Of the renewals of a Lease the second gets no answer."""

    def __init__(self) -> None:
        self.renewals = 0

    def __call__(self, exchange: Exchange) -> Fault | None:
        if exchange.method != "PUT" or exchange.resource != "leases":
            return None
        self.renewals += 1
        return Hold() if self.renewals == 2 else None

    async def until_renewed(self) -> None:
        while self.renewals < 4:  # noqa: ASYNC110 - another thread counts: nothing to await
            await asyncio.sleep(0.1)


def test_an_event_is_told_once_and_then_counted(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        sent = Recorder()
        async with client(cluster, on_request=sent.note) as api, asyncio.timeout(60):
            lease = await api.create(LEASE, {"metadata": {"namespace": namespace, "name": "it"}})
            sent.clear()
            recorder = EventRecorder(api, controller="mattermost.test/tests", instance="one")
            task = asyncio.create_task(recorder.run())
            for _ in range(3):
                recorder.record(lease, "Tested", "It works", action="Test")
            recorder.record(lease, "Tested", "x" * 2000, action="Test", warning=True)
            await recorder.flush()
            task.cancel()
            events = (await api.list(EVENT, namespace)).items
            told = {event["type"]: event for event in events if event["reason"] == "Tested"}
            assert told["Normal"]["note"] == "It works"
            assert told["Normal"]["regarding"]["uid"] == lease["metadata"]["uid"]
            assert told["Normal"]["series"]["count"] == 2
            assert len(told["Warning"]["note"].encode()) == 1024
            assert [write.split()[0] for write in sent.writes] == ["create", "patch", "create"]

    asyncio.run(main())
