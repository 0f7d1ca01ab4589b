import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from mattermost_migrate.domain.errors import (
    AlreadyExistsError,
    ForbiddenError,
    LeaseLostError,
    NotFoundError,
    NotServedError,
    RejectedError,
    StaleError,
    TransientError,
)
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    NAMESPACE,
    POD,
    SERVICE,
    Resource,
)
from mattermost_migrate.kube import (
    Client,
    Connection,
    EventType,
    PatchType,
    Patience,
    Propagation,
    connect,
    current_installation,
)
from mattermost_migrate.testing.cluster import Cluster, LocalCluster
from mattermost_migrate.testing.sent_requests import Recorder, client


def config_map(namespace: str, name: str = "acme", **data: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "data": data}


def test_an_object_goes_through_every_verb(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with client(cluster) as api:
            made = await api.create(CONFIG_MAP, config_map(namespace, a="1"))
            assert made["metadata"]["managedFields"][0]["manager"] == "mattermost-migrate"
            replaced = await api.replace(CONFIG_MAP, {**made, "data": {"b": "2"}})
            assert replaced["data"] == {"b": "2"}
            for kind, body in (
                (PatchType.MERGE, {"data": {"c": "3"}}),
                (PatchType.STRATEGIC, {"data": {"d": "4"}}),
                (PatchType.JSON, [{"op": "remove", "path": "/data/b"}]),
            ):
                await api.patch(CONFIG_MAP, namespace, "acme", body, kind=kind)
            live = await api.get(CONFIG_MAP, namespace, "acme")
            assert live["data"] == {"c": "3", "d": "4"}
            await api.delete(CONFIG_MAP, namespace, "acme", uid=live["metadata"]["uid"])
            assert await api.find(CONFIG_MAP, namespace, "acme") is None

    asyncio.run(main())


def test_what_the_server_refuses_has_a_name(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with client(cluster) as api:
            with pytest.raises(NotFoundError, match=f"get pods {namespace}/acme"):
                await api.get(POD, namespace, "acme")
            for group in ("nobody.example.com", CLUSTER_INSTALLATION.group):
                unserved = Resource(group, "v1alpha1", "Ghost", "ghosts")
                with pytest.raises(NotServedError):
                    await api.get(unserved, namespace, "acme")
            for resource in (POD, CLUSTER_INSTALLATION):
                with pytest.raises(NotFoundError) as absent:
                    await api.get(resource, namespace, "acme")
                assert not isinstance(absent.value, NotServedError)
            made = await api.create(CONFIG_MAP, config_map(namespace))
            with pytest.raises(AlreadyExistsError):
                await api.create(CONFIG_MAP, config_map(namespace), dry_run=True)
            await api.patch(CONFIG_MAP, namespace, "acme", {"data": {"moved": "yes"}})
            with pytest.raises(StaleError):
                await api.replace(CONFIG_MAP, made)
            with pytest.raises(StaleError):
                await api.patch(CONFIG_MAP, namespace, "acme", {"metadata": {"uid": "another"}})
            test = [{"op": "test", "path": "/metadata/uid", "value": "another"}]
            with pytest.raises(StaleError):
                await api.patch(CONFIG_MAP, namespace, "acme", test, kind=PatchType.JSON)
            with pytest.raises(StaleError):
                await api.delete(CONFIG_MAP, namespace, "acme", uid="another")
            with pytest.raises(StaleError):
                await api.delete(
                    CONFIG_MAP,
                    namespace,
                    "acme",
                    resource_version=made["metadata"]["resourceVersion"],
                )
            with pytest.raises(RejectedError, match=r"spec\.ports: Required value"):
                await api.create(SERVICE, {"metadata": {"namespace": namespace, "name": "acme"}})

    asyncio.run(main())


def test_a_missing_right_and_a_refusing_admission_are_told_apart(
    cluster: Cluster, namespace: str
) -> None:
    pod = {
        "metadata": {"namespace": namespace, "name": "acme"},
        "spec": {"serviceAccountName": "missing", "containers": [{"name": "a", "image": "a"}]},
    }

    async def main() -> None:
        connection = await connect(
            {"KUBECONFIG": str(cluster.kubeconfig), "HELM_KUBEASUSER": "nobody"}
        )
        async with Client(connection) as nobody:
            with pytest.raises(ForbiddenError, match='User "nobody" cannot list'):
                await nobody.list(CONFIG_MAP, namespace)
        async with client(cluster) as api:
            with pytest.raises(RejectedError, match="error looking up service account"):
                await api.create(POD, pod)

    asyncio.run(main())


def test_a_dry_run_stores_nothing(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        sent = Recorder()
        async with client(cluster, on_request=sent.note) as api:
            await api.create(CONFIG_MAP, config_map(namespace), dry_run=True)
            assert await api.find(CONFIG_MAP, namespace, "acme") is None
            await api.create(CONFIG_MAP, config_map(namespace))
            sent.clear()
            await api.delete(CONFIG_MAP, namespace, "acme", dry_run=True)
            await api.patch(CONFIG_MAP, namespace, "acme", {"data": {"a": "1"}}, dry_run=True)
            assert "data" not in await api.get(CONFIG_MAP, namespace, "acme")
            assert sent.writes == []

    asyncio.run(main())


def test_lists_are_paged_and_say_what_their_items_are(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        sent = Recorder()
        async with client(cluster, on_request=sent.note) as api:
            for number in range(7):
                await api.create(CONFIG_MAP, config_map(namespace, f"cm-{number}", n=str(number)))
            sent.clear()
            listing = await api.list(
                CONFIG_MAP, namespace, field_selector="metadata.name!=kube-root-ca.crt", page=3
            )
            assert [item["data"]["n"] for item in listing.items] == list("0123456")
            assert {item["kind"] for item in listing.items} == {"ConfigMap"}
            assert [request.verb for request in sent.requests] == ["list"] * 3

    asyncio.run(main())


def test_a_watch_tells_what_happens_from_a_moment_on(cluster: Cluster, namespace: str) -> None:
    async def main() -> list[tuple[EventType, str]]:
        async with client(cluster) as api:
            listing = await api.list(CONFIG_MAP, namespace)
            await api.create(CONFIG_MAP, config_map(namespace))
            await api.patch(CONFIG_MAP, namespace, "acme", {"data": {"a": "1"}})
            await api.delete(CONFIG_MAP, namespace, "acme")
            return [
                (event.type, event.object["metadata"]["name"])
                async for event in api.watch(
                    CONFIG_MAP, namespace, resource_version=listing.resource_version, seconds=1
                )
                if event.type is not EventType.BOOKMARK
            ]

    assert asyncio.run(main()) == [
        (EventType.ADDED, "acme"),
        (EventType.MODIFIED, "acme"),
        (EventType.DELETED, "acme"),
    ]


def test_more_watches_than_connections_leave_room_for_requests(
    cluster: Cluster, namespace: str
) -> None:
    async def main() -> None:
        async with client(cluster, max_inflight=2) as api:
            listing = await api.list(CONFIG_MAP, namespace)

            async def watch() -> None:
                events = api.watch(
                    CONFIG_MAP, namespace, resource_version=listing.resource_version, seconds=60
                )
                async with aclosing(events):
                    async for _ in events:
                        return

            watches = [asyncio.create_task(watch()) for _ in range(10)]
            await asyncio.sleep(0.3)
            async with asyncio.timeout(30):
                await asyncio.gather(*(api.get(NAMESPACE, None, namespace) for _ in range(20)))
                await api.create(CONFIG_MAP, config_map(namespace))
                await asyncio.gather(*watches)

    asyncio.run(main())


def test_every_attempt_is_counted_for_the_installation_at_work(
    cluster: Cluster, namespace: str
) -> None:
    async def main() -> None:
        sent = Recorder()
        async with client(cluster, on_request=sent.note) as api:
            current_installation.set("ns/acme")
            await api.create(CONFIG_MAP, config_map(namespace))
            await api.patch(NAMESPACE, None, namespace, {"metadata": {"labels": {"a": "b"}}})
            await api.list(CONFIG_MAP, namespace)
            assert sent.writes == ["create configmaps acme", f"patch namespaces {namespace}"]
            assert {request.installation for request in sent.requests} == {"ns/acme"}
            assert [request.code for request in sent.requests] == [201, 200, 200]

    asyncio.run(main())


def test_no_write_leaves_once_the_fence_is_down(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        sent = Recorder()
        held = True
        async with client(cluster, on_request=sent.note) as api:
            fenced = api.fenced(lambda: held)
            await fenced.create(CONFIG_MAP, config_map(namespace))
            held = False
            sent.clear()
            with pytest.raises(LeaseLostError):
                await fenced.delete(CONFIG_MAP, namespace, "acme", propagation=Propagation.ORPHAN)
            await fenced.get(CONFIG_MAP, namespace, "acme")
            assert [request.verb for request in sent.requests] == ["get"]

    asyncio.run(main())


def test_a_write_is_fenced_anew_when_its_turn_has_come(cluster: Cluster, namespace: str) -> None:
    """It may have waited for long, and its process may have been stopped meanwhile."""

    async def main() -> None:
        sent = Recorder()
        asked = iter((True, False))
        async with client(cluster, on_request=sent.note) as api:
            fenced = api.fenced(lambda: next(asked))
            with pytest.raises(LeaseLostError):
                await fenced.create(CONFIG_MAP, config_map(namespace, "late"))
            assert await api.find(CONFIG_MAP, namespace, "late") is None
            assert next(asked, None) is None

    asyncio.run(main())


@pytest.mark.parametrize("held", [True, False])
def test_a_write_under_way_is_awaited_by_who_is_told_to_stop(
    cluster: Cluster, namespace: str, *, held: bool
) -> None:
    """But for one who has lost his lease: what is late must not arrive."""

    async def main() -> bool:
        holds = True
        async with client(cluster) as api:
            name = f"held-{held}".lower()
            fenced = api.fenced(lambda: holds)
            wanted = config_map(namespace, name)
            under_way = asyncio.create_task(fenced.create(CONFIG_MAP, wanted))
            await asyncio.sleep(0)
            holds = held
            under_way.cancel()
            with pytest.raises(asyncio.CancelledError):
                await under_way
            return await api.find(CONFIG_MAP, namespace, name) is not None

    assert asyncio.run(main()) is held


def test_reads_outlive_a_restart_of_the_api_server(
    local_cluster: LocalCluster, namespace: str
) -> None:
    async def main() -> None:
        server = local_cluster.processes["kube-apiserver"]
        async with client(local_cluster) as api:
            await api.get(NAMESPACE, None, namespace)
            await asyncio.to_thread(server.kill)
            reading = asyncio.create_task(api.get(NAMESPACE, None, namespace))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(local_cluster.until_api_server_ready)
            assert (await reading)["metadata"]["name"] == namespace

    asyncio.run(main())


def test_a_server_that_is_not_there_is_given_up_in_time(cluster: Cluster) -> None:
    async def main() -> None:
        known = await connect({"KUBECONFIG": str(cluster.kubeconfig)})
        nowhere = Connection(
            "https://127.0.0.1:1", "default", "a test", configuration=known.configuration
        )
        async with Client(nowhere, patience=Patience(total=0.5)) as api, asyncio.timeout(20):
            with pytest.raises(TransientError, match="get namespaces default"):
                await api.get(NAMESPACE, None, "default")

    asyncio.run(main())
