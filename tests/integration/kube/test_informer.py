import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from mattermost_migrate.domain.names import CONFIG_MAP
from mattermost_migrate.domain.objects import JsonObject, name_of, uid_of
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.testing.cluster import Cluster, LocalCluster
from mattermost_migrate.testing.sent_requests import client

OURS = "mattermost-migrate.test=yes"


def config_map(namespace: str, name: str = "acme", **metadata: Any) -> dict[str, Any]:
    labels = {"mattermost-migrate.test": "yes"}
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels, **metadata}}


@asynccontextmanager
async def running(informer: Informer) -> AsyncIterator[Informer]:
    task = asyncio.create_task(informer.run())
    try:
        async with asyncio.timeout(10):
            await informer.synced.wait()
        yield informer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def informer(api: Client, namespace: str, **options: Any) -> Informer:
    return Informer(api, CONFIG_MAP, namespace=namespace, label_selector=OURS, **options)


def test_it_knows_what_was_there_and_what_comes_and_goes(cluster: Cluster, namespace: str) -> None:
    async def main() -> list[tuple[bool, bool]]:
        told: list[tuple[bool, bool]] = []
        async with client(cluster) as api, asyncio.timeout(20):
            await api.create(CONFIG_MAP, config_map(namespace, "before"))
            async with running(informer(api, namespace)) as kept:
                assert [name_of(obj) for obj in kept.items()] == ["before"]
                kept.subscribe(lambda old, new: told.append((old is None, new is None)))
                await api.create(CONFIG_MAP, config_map(namespace, "acme"))
                await kept.until(namespace, "acme", lambda obj: obj is not None)
                await api.patch(CONFIG_MAP, namespace, "acme", {"data": {"a": "1"}})
                await kept.until(namespace, "acme", lambda obj: bool(obj and obj.get("data")))
                # No longer selected is as good as gone.
                await api.patch(CONFIG_MAP, namespace, "acme", {"metadata": {"labels": None}})
                await kept.until(namespace, "acme", lambda obj: obj is None)
        return told

    assert asyncio.run(main()) == [(True, False), (True, False), (False, False), (False, True)]


def test_objects_are_found_by_owner_and_by_any_index(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with client(cluster) as api, asyncio.timeout(20):
            kept = informer(api, namespace, indexes={"letter": lambda obj: name_of(obj)[0]})
            async with running(kept):
                uid = uid_of(await api.create(CONFIG_MAP, config_map(namespace, "owner")))
                owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
                made = await api.create(
                    CONFIG_MAP, config_map(namespace, "acme", ownerReferences=[owner])
                )
                await kept.until(namespace, "acme", lambda obj: obj is not None)
                assert [name_of(obj) for obj in kept.owned_by(uid)] == ["acme"]
                assert [name_of(obj) for obj in kept.by_index("letter", "a")] == ["acme"]
                await api.patch(
                    CONFIG_MAP, namespace, "acme", {"metadata": {"ownerReferences": None}}
                )
                await kept.until(
                    namespace, "acme", lambda obj: bool(obj and not kept.owned_by(uid))
                )
                await api.delete(CONFIG_MAP, namespace, "acme", uid=made["metadata"]["uid"])
                await kept.until(namespace, "acme", lambda obj: obj is None)
                assert kept.by_index("letter", "a") == ()

    asyncio.run(main())


def test_our_own_write_is_known_at_once_and_told_once(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        told: list[JsonObject | None] = []
        async with (
            client(cluster) as api,
            asyncio.timeout(20),
            running(informer(api, namespace)) as kept,
        ):
            kept.subscribe(lambda _, new: told.append(new))
            kept.note(await api.create(CONFIG_MAP, config_map(namespace, "acme")))
            assert kept.get(namespace, "acme") is not None
            await api.create(CONFIG_MAP, config_map(namespace, "later"))
            await kept.until(namespace, "later", lambda obj: obj is not None)
        assert [name_of(new or {}) for new in told] == ["acme", "later"]

    asyncio.run(main())


def test_a_note_that_comes_too_late_brings_nothing_back(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with (
            client(cluster) as api,
            asyncio.timeout(20),
            running(informer(api, namespace)) as kept,
        ):
            made = await api.create(CONFIG_MAP, config_map(namespace, "acme"))
            await kept.until(namespace, "acme", lambda obj: obj is not None)
            await api.delete(CONFIG_MAP, namespace, "acme")
            await kept.until(namespace, "acme", lambda obj: obj is None)
            kept.note(made)
            assert kept.get(namespace, "acme") is None

    asyncio.run(main())


def test_it_lists_anew_when_its_moment_is_forgotten(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with client(cluster) as api, asyncio.timeout(20):
            await api.create(CONFIG_MAP, config_map(namespace, "gone"))
            kept = informer(api, namespace)
            async with running(kept):
                pass
            await api.delete(CONFIG_MAP, namespace, "gone")
            await api.create(CONFIG_MAP, config_map(namespace, "new"))
            kept.resource_version = ""
            async with running(kept):
                await kept.until(namespace, "gone", lambda obj: obj is None)
                await kept.until(namespace, "new", lambda obj: obj is not None)

    asyncio.run(main())


def test_it_goes_on_after_the_api_server_was_killed(
    local_cluster: LocalCluster, namespace: str
) -> None:
    async def main() -> None:
        server = local_cluster.processes["kube-apiserver"]
        async with (
            client(local_cluster) as api,
            asyncio.timeout(60),
            running(informer(api, namespace)) as kept,
        ):
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(local_cluster.until_api_server_ready)
            await asyncio.to_thread(
                local_cluster.admin.create, CONFIG_MAP, namespace, config_map(namespace, "acme")
            )
            await kept.until(namespace, "acme", lambda obj: obj is not None)

    asyncio.run(main())
