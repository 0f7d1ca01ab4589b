"""The builtin operator on a real control plane: what it makes, keeps, spares and leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from controller.builtin.settled import Resync
from controller.heard import Heard
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    EVENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    JOB,
    LOCK_LABEL,
    MATTERMOST,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    V1ALPHA1,
    V1BETA1,
    Lock,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, controller_of, name_of, uid_of
from mattermost_migrate.kube import PatchType
from mattermost_migrate.testing.builders import cluster_installation, mattermost


def is_stable(installation: JsonObject) -> bool:
    return bool(installation["status"]["state"] == "stable")


Open = Callable[..., AbstractAsyncContextManager[Any]]
FREEZE = {"migrate": True, "canary": {"enable": True, "deployment": {"version": ""}}}


KINDS = [
    pytest.param(CLUSTER_INSTALLATION, cluster_installation, id="ClusterInstallation"),
    pytest.param(MATTERMOST, mattermost, id="Mattermost"),
]


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_it_becomes_stable_and_then_nothing_is_written(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    async def main() -> None:
        async with world() as here:
            made = await here.create(resource, build())
            stable = await here.stable(made)
            assert stable["status"] == {
                "state": "stable",
                "replicas": 2,
                "updatedReplicas": 2,
                "image": "mattermost/mattermost-enterprise-edition",
                "version": "7.8.15",
                "endpoint": "acme.example.com",
                **({"observedGeneration": 2} if resource is MATTERMOST else {}),
            }
            for child in (DEPLOYMENT, SERVICE, INGRESS, SERVICE_ACCOUNT, ROLE_BINDING):
                controller = controller_of(await here.get(child, "acme"))
                assert controller is not None
                assert controller["uid"] == uid_of(made)
            await here.quiet()
            written = [write.split()[1] for write in here.sent.writes_in(here.namespace)]
            assert written.index("deployments") < written.index(f"{resource.plural}/status")
            here.sent.clear()
            # An event that changes nothing: looked at, and nothing written.
            note = {"metadata": {"labels": {"seen": "yes"}}}
            for child in (resource, DEPLOYMENT, SERVICE, INGRESS):
                await here.patch(child, "acme", note)
            await here.until_looked()
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == []

    asyncio.run(main())


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_of_no_replicas_it_is_stable_as_soon_as_of_some(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    """A migration stands at TargetStable until then; once it was told after 30 s only."""
    replicas = -1 if resource is CLUSTER_INSTALLATION else 0

    async def main() -> None:
        async with world() as here, asyncio.timeout(25):
            await here.stable(await here.create(resource, build(replicas=replicas)))

    asyncio.run(main())


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_drift_is_repaired_and_what_others_added_stays(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/chat"}

    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(resource, build()))
            await here.patch(SERVICE_ACCOUNT, "acme", {"metadata": {"annotations": role}})
            await here.patch(
                SERVICE,
                "acme",
                {"metadata": {"labels": {"team": "chat"}}, "spec": {"selector": {"app": "wrong"}}},
            )
            service = await here.until(
                SERVICE, "acme", lambda obj: obj["spec"]["selector"]["app"] == "mattermost"
            )
            assert service["metadata"]["labels"]["team"] == "chat"
            await here.api.delete(INGRESS, here.namespace, "acme")
            await here.until(INGRESS, "acme", bool)
            await here.patch(DEPLOYMENT, "acme", {"spec": {"replicas": 5}})
            await here.until(DEPLOYMENT, "acme", lambda obj: obj["spec"]["replicas"] == 2)
            account = await here.get(SERVICE_ACCOUNT, "acme")
            assert role.items() <= account["metadata"]["annotations"].items()

    asyncio.run(main())


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_drift_of_what_nobody_watches_is_repaired_in_time(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    async def main() -> None:
        async with world(resync=Resync(soonest=1.0)) as here:
            await here.stable(await here.create(resource, build()))
            await here.patch(ROLE, "acme", {"rules": []})
            await here.until(ROLE, "acme", lambda obj: bool(obj["rules"]))
            here.sent.clear()
            await here.api.delete(SERVICE_ACCOUNT, here.namespace, "acme")
            # Watching for the object would not do: it is there before its request is answered.
            await here.until_sent("create serviceaccounts acme")
            # Looked at again and again, and nothing written.
            here.sent.clear()
            await here.until_looked("get serviceaccounts", times=2)
            assert here.sent.writes_in(here.namespace) == []

    asyncio.run(main())


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_an_edit_reaches_the_pods(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(resource, build()))
            env = [{"name": "MM_EXTRA", "value": "1"}]
            await here.patch(resource, "acme", {"spec": {"mattermostEnv": env, "replicas": 3}})
            deployment = await here.until(
                DEPLOYMENT, "acme", lambda obj: obj["spec"]["replicas"] == 3
            )
            container = deployment["spec"]["template"]["spec"]["containers"][0]
            assert container["env"][-1] == env[0]
            await here.until(
                resource, "acme", lambda obj: obj["status"].get("updatedReplicas") == 3
            )
            await here.patch(resource, "acme", {"spec": {"mattermostEnv": None}})
            await here.until(
                DEPLOYMENT,
                "acme",
                lambda obj: env[0] not in obj["spec"]["template"]["spec"]["containers"][0]["env"],
            )

    asyncio.run(main())


def test_a_frozen_cluster_installation_is_acknowledged_and_left_alone(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": FREEZE})
            frozen = await here.until(
                CLUSTER_INSTALLATION, "acme", lambda obj: obj["status"]["state"] == "reconciling"
            )
            assert frozen["status"]["migration"]["status"].startswith(ACKNOWLEDGEMENT)
            assert frozen["status"]["endpoint"] == "acme.example.com"
            await here.quiet()
            here.sent.clear()
            await here.api.delete(SERVICE, here.namespace, "acme")
            await here.patch(DEPLOYMENT, "acme", {"spec": {"replicas": 1}})
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == []
            assert await here.api.find(INSTALLATION_MIGRATION, here.namespace, "acme") is None
            # Thawed, everything comes back.
            thaw = [{"op": "replace", "path": "/spec", "value": cluster_installation()["spec"]}]
            await here.patch(CLUSTER_INSTALLATION, "acme", thaw, kind=PatchType.JSON)
            stable = await here.until(
                CLUSTER_INSTALLATION, "acme", lambda obj: obj["status"]["state"] == "stable"
            )
            assert "migration" not in stable["status"]
            await here.get(SERVICE, "acme")

    asyncio.run(main())


def test_a_migration_of_its_own_process_is_told_of_a_freeze_in_memory(world: Open) -> None:
    async def main() -> None:
        heard, told = Heard(), asyncio.Event()
        heard.told = lambda _: told.set()
        async with world(heard=heard) as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            labels = {LOCK_LABEL: Lock.FROZEN}
            migration = {"name": "acme", "namespace": here.namespace, "labels": labels}
            wish = {"desiredKind": MATTERMOST.kind}
            await here.create(INSTALLATION_MIGRATION, {"metadata": migration, "spec": wish})
            await here.informers[INSTALLATION_MIGRATION].until(here.namespace, "acme", bool)
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": FREEZE})
            await told.wait()
            await here.quiet()
            frozen = await here.get(CLUSTER_INSTALLATION, "acme")
            assert heard.of(frozen)
            assert frozen["status"]["state"] == "stable"
            assert "migration" not in frozen["status"]
            # Where no migration holds it, whoever froze it reads a status.
            unlocked = {"metadata": {"labels": {LOCK_LABEL: None}}}
            await here.patch(INSTALLATION_MIGRATION, "acme", unlocked)
            await here.until(CLUSTER_INSTALLATION, "acme", lambda obj: "migration" in obj["status"])

    asyncio.run(main())


def test_a_freeze_that_memory_has_not_seen_yet_is_kept(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.quiet()
            here.blind(CLUSTER_INSTALLATION)
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": FREEZE})
            here.sent.clear()
            await here.api.delete(SERVICE, here.namespace, "acme")
            await here.patch(DEPLOYMENT, "acme", {"spec": {"replicas": 1}})
            # Again and again, for it never hears why: it does not become quiet.
            await here.until_looked("get clusterinstallations", times=10)
            assert here.sent.writes_in(here.namespace) == []

    asyncio.run(main())


def test_a_cleared_acknowledgement_is_given_again(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": FREEZE})
            acknowledged: Callable[[JsonObject], bool] = lambda obj: bool(  # noqa: E731
                obj["status"].get("migration")
            )
            await here.until(CLUSTER_INSTALLATION, "acme", acknowledged)
            await here.patch(
                CLUSTER_INSTALLATION, "acme", {"status": {"migration": None}}, subresource="status"
            )
            await here.until(CLUSTER_INSTALLATION, "acme", acknowledged)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spec", "freeze", "text"),
    [
        pytest.param({}, {"ingress": {"enabled": True, "host": ""}}, "ingress.host", id="ingress"),
        pytest.param(
            {"awsLoadBalancerController": {"enabled": True, "hosts": [{"hostName": "a.example"}]}},
            {"awsLoadBalancerController": {"hosts": []}},
            "awsLoadBalancerController.hosts",
            id="load balancer",
        ),
    ],
)
def test_a_frozen_mattermost_is_acknowledged_and_left_alone(
    world: Open, spec: dict[str, Any], freeze: dict[str, Any], text: str
) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(MATTERMOST, mattermost(**spec)))
            await here.patch(MATTERMOST, "acme", {"spec": freeze})
            frozen = await here.until(
                MATTERMOST, "acme", lambda obj: text in obj["status"].get("error", "")
            )
            assert frozen["status"]["observedGeneration"] == frozen["metadata"]["generation"]
            assert frozen["status"]["state"] == "reconciling"
            assert frozen["status"]["version"] == "7.8.15"
            await here.quiet()
            here.sent.clear()
            await here.api.delete(SERVICE, here.namespace, "acme")
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == []

    asyncio.run(main())


def test_migrate_alone_asks_for_a_migration_and_touches_nothing_else(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.quiet()
            here.sent.clear()
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": {"migrate": True}})
            asked = await here.until(INSTALLATION_MIGRATION, "acme", bool)
            assert asked["spec"]["desiredKind"] == "Mattermost"
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == ["create installationmigrations acme"]

    asyncio.run(main())


def test_a_migration_that_was_given_up_leaves_the_installation_to_the_operator(world: Open) -> None:
    """Its spec wants a Mattermost, and the field asks for one: it goes back all the same."""

    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": {"migrate": True}})
            asked = await here.until(INSTALLATION_MIGRATION, "acme", bool)
            failure = {
                "observedGeneration": asked["metadata"]["generation"],
                "reason": "Rejected",
                "message": "a quota",
            }
            await here.patch(
                INSTALLATION_MIGRATION,
                "acme",
                {"status": {"failure": failure}},
                subresource="status",
            )
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": {"replicas": 1}})
            await here.until(DEPLOYMENT, "acme", lambda each: each["spec"]["replicas"] == 1)

    asyncio.run(main())


def test_a_migration_that_goes_back_ends_the_wish(world: Open) -> None:
    back = {"metadata": {"name": "acme"}, "spec": {"desiredKind": "ClusterInstallation"}}

    async def main() -> None:
        async with world() as here:
            await here.create(INSTALLATION_MIGRATION, back)
            await here.stable(
                await here.create(CLUSTER_INSTALLATION, cluster_installation(migrate=True))
            )

    asyncio.run(main())


def test_a_mattermost_takes_children_only_from_a_frozen_cluster_installation(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            old = await here.stable(
                await here.create(
                    CLUSTER_INSTALLATION, cluster_installation(resourceLabels={"a": "b"})
                )
            )
            new = await here.create(MATTERMOST, mattermost())
            refused = await here.until(
                MATTERMOST, "acme", lambda obj: bool((obj.get("status") or {}).get("error"))
            )
            assert (
                "Service acme: is controlled by ClusterInstallation acme, which is not frozen"
                in (refused["status"]["error"])
            )
            event = await _event(here, "ReconcileFailed")
            assert event["regarding"]["kind"] == "Mattermost"
            service = await here.get(SERVICE, "acme")
            assert controller_of(service)["uid"] == uid_of(old)  # type: ignore[index]

            kept = {"annotations": {"team": "chat"}, "labels": {"team": "chat"}}
            await here.patch(SERVICE, "acme", {"metadata": kept})
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": FREEZE})
            service = await here.until(
                SERVICE, "acme", lambda obj: V1BETA1.installation in obj["spec"]["selector"]
            )
            owners = service["metadata"]["ownerReferences"]
            assert [owner["uid"] for owner in owners] == [uid_of(new)]
            assert service["spec"]["selector"] == V1BETA1.selector("acme")
            assert service["metadata"]["labels"] == {"team": "chat", **V1BETA1.selector("acme")}
            assert service["metadata"]["annotations"]["team"] == "chat"
            assert V1ALPHA1.installation not in service["metadata"]["labels"]

    asyncio.run(main())


@pytest.mark.parametrize(("resource", "build"), KINDS)
def test_the_database_is_migrated_before_a_new_image_runs(
    world: Open, resource: Resource, build: Callable[..., dict[str, Any]]
) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(resource, build()))
            before = await here.get(DEPLOYMENT, "acme")
            await here.patch(resource, "acme", {"spec": {"version": "9.11.0"}})
            job = await here.until(JOB, "mattermost-update-check", bool)
            container = job["spec"]["template"]["spec"]["containers"][0]
            assert container["image"].endswith(":9.11.0")
            assert container["args"] == ["db", "migrate"]
            assert "livenessProbe" not in container
            waiting = await here.until(
                resource, "acme", lambda obj: obj["status"]["state"] == "reconciling"
            )
            assert waiting["status"]["version"] == "7.8.15"
            deployment = await here.get(DEPLOYMENT, "acme")
            if not (job.get("status") or {}).get("completionTime"):
                assert deployment["metadata"]["generation"] == before["metadata"]["generation"]
            await _complete(here)
            stable = await here.until(
                resource,
                "acme",
                lambda obj: (
                    (obj["status"]["state"], obj["status"].get("version")) == ("stable", "9.11.0")
                ),
            )
            assert stable["status"]["updatedReplicas"] == 2
            await here.until_gone(JOB, "mattermost-update-check")

    asyncio.run(main())


def test_a_failed_update_job_is_told_and_the_old_image_goes_on(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(MATTERMOST, mattermost()))
            # On no node that there is, so that nothing but the test ends the Job.
            nowhere = {"nodeSelector": {"no": "such-node"}}
            await here.patch(
                MATTERMOST, "acme", {"spec": {"version": "9.11.0", "scheduling": nowhere}}
            )
            await _finish_job(here, "Failed", "BackoffLimitExceeded")
            told = await here.until(
                MATTERMOST, "acme", lambda obj: bool(obj["status"].get("error"))
            )
            assert "update image job failed" in told["status"]["error"]
            deployment = await here.get(DEPLOYMENT, "acme")
            assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(
                ":7.8.15"
            )

    asyncio.run(main())


def test_both_colours_run_and_the_service_selects_the_one_in_production(world: Open) -> None:
    colours = {
        "enable": True,
        "productionDeployment": "blue",
        "blue": {"image": "mattermost/mattermost-enterprise-edition", "version": "7.8.15"},
        "green": {"image": "mattermost/mattermost-enterprise-edition", "version": "9.11.0"},
    }

    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.patch(CLUSTER_INSTALLATION, "acme", {"spec": {"blueGreen": colours}})
            status = (
                await here.until(
                    CLUSTER_INSTALLATION,
                    "acme",
                    lambda obj: obj["status"].get("blueName") == "acme-blue" and is_stable(obj),
                )
            )["status"]
            assert (status["greenName"], status["version"]) == ("acme-green", "7.8.15")
            service = await here.get(SERVICE, "acme")
            assert service["spec"]["selector"] == V1ALPHA1.selector("acme-blue")
            await here.until_gone(DEPLOYMENT, "acme")
            await here.get(DEPLOYMENT, "acme-green")

    asyncio.run(main())


def test_a_service_that_changes_its_type_is_made_anew(world: Open) -> None:
    address = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}

    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(MATTERMOST, mattermost()))
            former = uid_of(await here.get(SERVICE, "acme"))
            await here.patch(MATTERMOST, "acme", {"spec": {"useServiceLoadBalancer": True}})
            await here.until(SERVICE, "acme", lambda obj: obj["spec"]["type"] == "LoadBalancer")
            assert uid_of(await here.get(SERVICE, "acme")) != former
            await here.patch(SERVICE, "acme", address, subresource="status")
            await here.until(
                MATTERMOST,
                "acme",
                lambda obj: obj["status"].get("endpoint") == "lb.example.com" and is_stable(obj),
            )

    asyncio.run(main())


def test_what_is_missing_is_told_until_it_is_there(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            spec = {"external": {"secret": "later"}}
            made = await here.create(MATTERMOST, mattermost(database=spec))
            told = await here.until(
                MATTERMOST, "acme", lambda obj: bool((obj.get("status") or {}).get("error"))
            )
            assert 'secrets "later" not found' in told["status"]["error"]
            data = (await here.get(SECRET, "db"))["data"]
            await here.create(SECRET, {"metadata": {"name": "later"}, "data": data})
            stable = await here.stable(made)
            assert "error" not in stable["status"]

    asyncio.run(main())


EMPTY_SIZE = {"nginx.ingress.kubernetes.io/proxy-body-size": ""}


def test_what_the_operator_panics_over_is_told_in_the_status(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            ingress = {"enabled": True, "host": "acme.example.com", "annotations": EMPTY_SIZE}
            await here.create(MATTERMOST, mattermost(ingress=ingress))
            told = await here.until(
                MATTERMOST, "acme", lambda obj: bool((obj.get("status") or {}).get("error"))
            )
            assert "index out of range" in told["status"]["error"]

    asyncio.run(main())


def test_what_the_operator_panics_over_is_told_in_an_event(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.create(
                CLUSTER_INSTALLATION, cluster_installation(ingressAnnotations=EMPTY_SIZE)
            )
            told = await _event(here, "ReconcileFailed")
            assert "index out of range" in told["note"]

    asyncio.run(main())


def test_no_number_of_unready_installations_holds_up_another(world: Open) -> None:
    """The operator reconciles no further one while 20 of a kind are not stable."""

    async def main() -> None:
        async with world() as here:
            nowhere = {"replicas": 1, "nodeSelector": {"no": "such-node"}}
            for number in range(21):
                await here.create(
                    CLUSTER_INSTALLATION, cluster_installation(f"stuck-{number}", **nowhere)
                )
            for number in range(21):
                await here.until(DEPLOYMENT, f"stuck-{number}", lambda _: True)
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            stuck = (await here.api.list(CLUSTER_INSTALLATION, here.namespace)).items
            states = [(each.get("status") or {}).get("state") for each in stuck]
            assert states.count("stable") == 1

    asyncio.run(main())


def test_a_namesake_of_a_job_server_is_not_deleted(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            other = await here.create(MATTERMOST, mattermost("acme-jobserver"))
            await here.stable(other)
            uid = uid_of(await here.get(DEPLOYMENT, "acme-jobserver"))
            await here.stable(await here.create(MATTERMOST, mattermost()))
            await here.quiet()
            assert uid_of(await here.get(DEPLOYMENT, "acme-jobserver")) == uid

    asyncio.run(main())


@pytest.mark.parametrize("labels", [{}, {"team": "chat"}], ids=["plain", "labelled"])
def test_a_job_server_comes_and_goes(world: Open, labels: dict[str, str]) -> None:
    """With labels of the installation's own, its Deployment has another ``app`` label."""
    on, off = ({"jobServer": {"dedicatedJobServer": each}} for each in (True, False))

    async def main() -> None:
        async with world() as here:
            await here.stable(
                await here.create(MATTERMOST, mattermost(resourceLabels=labels, **on))
            )
            await here.get(DEPLOYMENT, "acme-jobserver")
        async with world() as here:  # an operator that has not made it itself
            await here.patch(MATTERMOST, "acme", {"spec": off})
            await here.until_gone(DEPLOYMENT, "acme-jobserver")
            await here.patch(MATTERMOST, "acme", {"spec": on})
            await here.until(DEPLOYMENT, "acme-jobserver", bool)
            await here.patch(MATTERMOST, "acme", {"spec": off})
            await here.until_gone(DEPLOYMENT, "acme-jobserver")

    asyncio.run(main())


def test_operator_managed_stores_are_asked_for_and_waited_for(world: Open) -> None:
    minio = {"metadata": {"name": "acme-minio-hl-svc"}, "spec": {"ports": [{"port": 9000}]}}

    async def main() -> None:
        async with world() as here:
            made = await here.create(
                CLUSTER_INSTALLATION, cluster_installation(minio={}, database={})
            )
            await here.until(SECRET, "acme-mysql-root-password", bool)
            first = await here.until(SECRET, "acme-minio", bool)
            await here.create(SERVICE, minio)
            await here.stable(made)
            await here.quiet()
            here.sent.clear()
            await here.patch(CLUSTER_INSTALLATION, "acme", {"metadata": {"labels": {"a": "b"}}})
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == []
            assert (await here.get(SECRET, "acme-minio"))["data"] == first["data"]

    asyncio.run(main())


def test_a_restart_rolls_no_pod_and_writes_nothing(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(CLUSTER_INSTALLATION, cluster_installation()))
            await here.stable(await here.create(MATTERMOST, mattermost("other")))
            sets = await _names(here, REPLICA_SET)
        async with world() as here:
            await here.quiet()
            assert here.sent.writes_in(here.namespace) == []
            assert await _names(here, REPLICA_SET) == sets

    asyncio.run(main())


async def _names(here: Any, resource: Resource) -> list[str]:
    return [name_of(obj) for obj in (await here.api.list(resource, here.namespace)).items]


async def _event(here: Any, reason: str) -> JsonObject:
    async with asyncio.timeout(60):
        while True:
            for event in (await here.api.list(EVENT, here.namespace)).items:
                if event.get("reason") == reason:
                    found: JsonObject = event
                    return found
            await asyncio.sleep(0.2)


async def _complete(here: Any) -> None:
    """Wait until the update Job is done; kwok's stages may do it, or we do."""
    for _ in range(20):
        job = await here.api.find(JOB, here.namespace, "mattermost-update-check")
        if job is None or (job.get("status") or {}).get("completionTime"):
            return
        await asyncio.sleep(0.1)
    await _finish_job(here, "Complete", "CompletionsReached")


async def _finish_job(here: Any, condition: str, reason: str) -> None:
    now = "2026-01-01T00:00:00Z"
    job = await here.until(
        JOB, "mattermost-update-check", lambda obj: bool((obj.get("status") or {}).get("startTime"))
    )
    first = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[condition]
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": reason,
            "lastTransitionTime": now,
            "lastProbeTime": now,
        }
        for kind in (first, condition)
    ]
    started = job["status"]["startTime"]
    status: dict[str, Any] = {
        "conditions": conditions,
        "startTime": started,
        "active": 0,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    if condition == "Complete":
        status |= {"completionTime": started, "succeeded": 1}
    await here.patch(JOB, "mattermost-update-check", {"status": status}, subresource="status")
