"""Certificates on a real API server, kept by the ServiceAccount that may, while it calls us.

The cluster calls the webhook through the chart's Service, with ``failurePolicy: Ignore``: a call
that fails shows itself by a mistake that passes.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from certs.authority import Pair, authority, signed
from certs.called import Address
from certs.handshake import observe
from certs.injection import MUTATING, VALIDATING, bundles_in, held_in
from certs.keeper import Keeper
from certs.ladder import Done, Target
from certs.renewal import dns_names
from certs.site import Cluster as Site
from certs.storage import CA_NAME, LEAF_NAME, SecretStore
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CRD,
    INJECT_LABEL,
    LEASE,
    SECRET,
)
from mattermost_migrate.kube import Client as Kube
from mattermost_migrate.kube import connect
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster
from mattermost_migrate.testing.secret_volume import SecretVolume
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook

SERVICE = "mattermost-migrate-webhook"
CI_CRD = "clusterinstallations.mattermost.com"
Certs = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubeconfig(
    cluster: Cluster, webhook: RunningWebhook, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Of the controller's ServiceAccount, with the rights the chart gives it."""
    path = tmp_path_factory.mktemp("keeper") / "kubeconfig"
    return cluster.service_account_kubeconfig(NAMESPACE, "mattermost-migrate-controller", path)


@pytest.fixture
def certs(kubeconfig: Path) -> Certs:
    """``mattermost-migrate-certs`` as the controller's ServiceAccount."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "certs", *words],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        )

    return run


@pytest.fixture(autouse=True)
def volume(cluster: Cluster, webhook: RunningWebhook) -> Iterator[None]:
    """The webhook's certificates follow their Secret."""
    with SecretVolume(cluster.admin.credentials, NAMESPACE, LEAF_NAME, webhook.certificates):
        yield


@pytest.fixture
def everywhere(admin: Client) -> Iterator[None]:
    """All that may carry a caBundle: the CRD's conversion, too. The CRD has one version, so nothing
    is ever converted.
    """
    called = admin.get(VALIDATING, None, NAMESPACE)["webhooks"][0]["clientConfig"]["service"]
    config = {"service": called | {"path": "/convert"}}
    converter = {"clientConfig": config, "conversionReviewVersions": ["v1"]}
    by_webhook = {"strategy": "Webhook", "webhook": converter}
    ours = {"labels": {INJECT_LABEL: SERVICE}}
    admin.patch(CRD, None, CI_CRD, {"metadata": ours, "spec": {"conversion": by_webhook}})
    yield
    nobodys = {"labels": {INJECT_LABEL: None}}
    by_nobody = {"strategy": "None", "webhook": None}
    admin.patch(CRD, None, CI_CRD, {"metadata": nobodys, "spec": {"conversion": by_nobody}})


def stored(admin: Client, name: str) -> Pair:
    data = admin.get(SECRET, NAMESPACE, name)["data"]
    return Pair(base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"]))


def trusted(admin: Client) -> set[tuple[bytes, ...]]:
    """The CAs in every caBundle there is."""
    places = ((VALIDATING, NAMESPACE), (MUTATING, NAMESPACE), (CRD, CI_CRD))
    found = [(kind, admin.find(kind, None, name)) for kind, name in places]
    return {
        held_in(held)
        for kind, obj in found
        if obj
        for held in bundles_in(obj | {"kind": kind.kind})
    }


def is_called(admin: Client, namespace: str) -> bool:
    """Whether the API server gets through to the webhook."""
    mistake = {"metadata": {"name": "chat"}, "spec": {"ingressName": ""}}
    try:
        admin.create(CLUSTER_INSTALLATION, namespace, mistake, dry_run=True)
    except ApiError as error:
        return "admission webhook" in str(error)
    return False


class Calls:
    """Has the API server call the webhook all the time, and notes each call that did not arrive."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.made, self.lost = 0, 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ended.is_set():
            self.made += 1
            self.lost += not is_called(self._client, self._namespace)


@pytest.fixture
def calls(cluster: Cluster, webhook: RunningWebhook, namespace: str) -> Iterator[Calls]:
    with Client(cluster.admin.credentials) as client, Calls(client, namespace) as calling:
        yield calling


def keeper_of(client: Kube) -> Keeper:
    """As the leader makes it, but that it does not wait for other API servers."""
    return Keeper(SecretStore(client, NAMESPACE), site_of(client))


def site_of(client: Kube) -> Site:
    return Site(client, NAMESPACE, SERVICE, spread=timedelta(0))


def kept(kubeconfig: Path, work: Callable[[Keeper, Kube], Any]) -> Any:
    """Run with a keeper."""

    async def run() -> Any:
        async with Kube(await connect({"KUBECONFIG": str(kubeconfig)})) as client:
            return await work(keeper_of(client), client)

    return asyncio.run(run())


async def until_done(keeper: Keeper, seconds: float = 90.0) -> None:
    ends = time.monotonic() + seconds
    while not isinstance((settled := await keeper.settle()).decision, Done):
        assert time.monotonic() < ends, settled
        await asyncio.sleep(0.1)


def test_what_is_good_is_left_alone(certs: Certs, admin: Client) -> None:
    before = stored(admin, LEAF_NAME)

    done = certs("issue", "--dns-name", "localhost")

    assert done.returncode == 0, done.stderr
    assert "nothing issued" in done.stdout
    assert stored(admin, LEAF_NAME) == before
    for service in (SERVICE, "mattermost-migrate-conversion"):
        assert f"{service}.{NAMESPACE}.svc" in dns_names(before)


def test_a_deleted_leaf_is_issued_by_the_same_authority_and_served_at_once(
    certs: Certs, admin: Client, calls: Calls
) -> None:
    signer = stored(admin, CA_NAME)
    admin.delete(SECRET, NAMESPACE, LEAF_NAME)

    done = certs("issue", "--dns-name", "localhost")

    assert "Serving certificate is missing: issued" in done.stdout, done.stderr
    assert stored(admin, LEAF_NAME).signed_by(signer)
    assert calls.lost == 0


def test_every_overwritten_bundle_is_found_and_repaired(
    certs: Certs, admin: Client, namespace: str, everywhere: None
) -> None:
    assert certs("inject").returncode == 0
    wrong = base64.b64encode(stored(admin, LEAF_NAME).certificate).decode()
    conversion = "/spec/conversion/webhook/clientConfig/caBundle"
    for kind, name, path in (
        (VALIDATING, NAMESPACE, "/webhooks/0/clientConfig/caBundle"),
        (MUTATING, NAMESPACE, "/webhooks/0/clientConfig/caBundle"),
        (CRD, CI_CRD, conversion),
    ):
        admin.request(
            "PATCH",
            kind.path(None, name),
            [{"op": "replace", "path": path, "value": wrong}],
            content_type="application/json-patch+json",
        )

    told = certs("status")
    assert told.returncode == 1
    assert told.stdout.count("does not trust the CA: run inject") == 3
    mended = certs("inject")
    assert mended.returncode == 0
    assert mended.stdout.count("caBundle injected") == 3
    assert trusted(admin) == {(stored(admin, CA_NAME).certificate,)}
    assert certs("status").returncode == 0
    assert is_called(admin, namespace)


def test_a_lost_authority_is_made_anew_and_no_call_is_lost(
    kubeconfig: Path, admin: Client, calls: Calls, everywhere: None
) -> None:
    """The CA that nobody can sign with any more stays trusted until nothing of it is served."""
    before = stored(admin, CA_NAME)
    admin.delete(SECRET, NAMESPACE, CA_NAME)

    kept(kubeconfig, lambda keeper, _: until_done(keeper))

    assert stored(admin, CA_NAME) != before
    assert trusted(admin) == {(stored(admin, CA_NAME).certificate,)}
    assert calls.lost == 0
    assert calls.made > 5


def test_garbage_in_both_secrets_is_replaced(
    kubeconfig: Path, admin: Client, namespace: str
) -> None:
    nonsense = base64.b64encode(b"nonsense").decode()
    for name in (CA_NAME, LEAF_NAME):
        secret = admin.get(SECRET, NAMESPACE, name)
        admin.replace(SECRET, secret | {"data": dict.fromkeys(("tls.crt", "tls.key"), nonsense)})

    kept(kubeconfig, lambda keeper, _: until_done(keeper))

    assert stored(admin, LEAF_NAME).signed_by(stored(admin, CA_NAME))
    assert is_called(admin, namespace)


class KilledError(BaseException):
    """Nothing may catch it and carry on."""


class Dying:
    """A keeper's store and site that die before or after one of its writes."""

    def __init__(self, store: SecretStore, site: Site, *, at: int, after: bool) -> None:
        self._store, self._site = store, site
        self._at, self._after, self.writes = at, after, 0
        self.look, self.read = site.look, store.read

    async def inject(self, target: Target, ca_bundle: str) -> None:
        self._die(after=False)
        await self._site.inject(target, ca_bundle)
        self._die(after=True)

    async def write(self, name: str, files: Mapping[str, bytes]) -> None:
        self._die(after=False)
        await self._store.write(name, files)
        self._die(after=True)

    def _die(self, *, after: bool) -> None:
        if after is self._after and self.writes == self._at:
            raise KilledError
        self.writes += after


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rotation_killed_at_any_write_goes_on_and_loses_no_call(
    kubeconfig: Path, admin: Client, calls: Calls, everywhere: None, *, after: bool
) -> None:
    """Nine writes: the CA, three caBundles, the leaf, the old CA out, three caBundles."""

    async def rotate(keeper: Keeper, client: Kube) -> list[int]:
        died = []
        for at in range(9):
            before = stored(admin, CA_NAME)
            await keeper.request(CA_NAME)
            dying = Dying(SecretStore(client, NAMESPACE), site_of(client), at=at, after=after)
            try:
                await until_done(Keeper(dying, dying))
            except KilledError:
                died.append(at)
            await until_done(keeper)
            assert stored(admin, CA_NAME) != before
            assert trusted(admin) == {(stored(admin, CA_NAME).certificate,)}
        return died

    assert kept(kubeconfig, rotate) == list(range(9))
    assert calls.lost == 0


def test_two_keepers_at_once_lose_no_call_and_agree(
    kubeconfig: Path, admin: Client, calls: Calls, everywhere: None
) -> None:
    """Only a Lease that fails would let it come to this; what is written is fenced besides."""

    async def both(keeper: Keeper, client: Kube) -> None:
        other = keeper_of(client)
        for _ in range(5):
            await keeper.request(CA_NAME)
            await asyncio.gather(until_done(keeper), until_done(other), return_exceptions=True)
        await until_done(keeper)

    kept(kubeconfig, both)
    assert trusted(admin) == {(stored(admin, CA_NAME).certificate,)}
    assert calls.lost == 0


def test_what_cert_manager_keeps_is_not_touched(
    kubeconfig: Path, certs: Certs, admin: Client
) -> None:
    annotation = {"cert-manager.io/certificate-name": "mattermost-migrate-webhook"}
    admin.patch(SECRET, NAMESPACE, LEAF_NAME, {"metadata": {"annotations": annotation}})
    before = admin.get(SECRET, NAMESPACE, LEAF_NAME)

    done = certs("rotate", "leaf", "--here")

    assert done.returncode == 1
    assert "is kept by cert-manager; nothing was written" in done.stderr
    assert admin.get(SECRET, NAMESPACE, LEAF_NAME) == before
    gone = {"metadata": {"annotations": dict.fromkeys(annotation)}}
    admin.patch(SECRET, NAMESPACE, LEAF_NAME, gone)


@contextmanager
def leading(cluster: Cluster, kubeconfig: Path) -> Iterator[None]:
    """The controller as shipped, leading."""
    command = [
        sys.executable,
        "-m",
        "controller",
        "--certificates=builtin",
        "--certificates-interval=1",
    ]
    process = cluster.run(
        "keeper", [*command, f"--namespace={NAMESPACE}"], KUBECONFIG=str(kubeconfig)
    )
    name = "mattermost-migrate-controller"
    try:
        cluster.admin.until(
            LEASE, NAMESPACE, name, lambda lease: "certs" not in (holder(lease) or "certs")
        )
        yield
    finally:
        process.stop()


def holder(lease: Mapping[str, Any]) -> str:
    return str(lease["spec"].get("holderIdentity") or "")


def test_the_leader_rotates_when_asked_and_repairs_by_itself(
    cluster: Cluster, kubeconfig: Path, certs: Certs, admin: Client, calls: Calls
) -> None:
    before = stored(admin, CA_NAME)
    assert certs("rotate", "ca").returncode == 3  # nobody leads

    admin.delete(SECRET, NAMESPACE, LEAF_NAME)
    with leading(cluster, kubeconfig):
        admin.until(SECRET, NAMESPACE, LEAF_NAME, bool)
        assert certs("issue").returncode == 3  # it does that itself
        asked = certs("rotate", "ca", "--timeout", "120")

    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "done: every caBundle and every replica has the new one" in asked.stdout
    assert stored(admin, CA_NAME) != before
    assert trusted(admin) == {(stored(admin, CA_NAME).certificate,)}
    assert calls.lost == 0


def test_a_new_leaf_is_done_when_it_is_served(
    cluster: Cluster, kubeconfig: Path, certs: Certs, admin: Client, webhook: RunningWebhook
) -> None:
    before = stored(admin, LEAF_NAME)

    with leading(cluster, kubeconfig):
        asked = certs("rotate", "leaf", "--timeout", "120")
        served = asyncio.run(observe(Address("localhost", webhook.port), "localhost"))

    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert stored(admin, LEAF_NAME) != before
    assert served.certificate == stored(admin, LEAF_NAME).certificate


def test_the_keeper_may_patch_no_configuration_of_others(
    cluster: Cluster, webhook: RunningWebhook, admin: Client
) -> None:
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-controller")) as account:
        for forbidden in (
            lambda: account.list(VALIDATING, None),
            lambda: account.patch(VALIDATING, None, "others", {}),
            lambda: account.patch(CRD, None, "others.example.com", {}),
        ):
            with pytest.raises(ApiError, match="403"):
                forbidden()


def test_one_step_would_lose_calls(kubeconfig: Path, admin: Client, namespace: str) -> None:
    """The instrument works: a leaf of a CA that nobody trusts yet is a call that fails."""
    stranger = authority(datetime.now(UTC))
    assert not signed(stored(admin, LEAF_NAME).certificate, stranger.certificate)
    configuration = admin.get(VALIDATING, None, NAMESPACE)
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"]["caBundle"] = base64.b64encode(stranger.certificate).decode()
    admin.replace(VALIDATING, configuration)

    ends = time.monotonic() + 60
    while is_called(admin, namespace):  # the API server keeps its connection for a while
        assert time.monotonic() < ends
    kept(kubeconfig, lambda keeper, _: until_done(keeper))
    while not is_called(admin, namespace):
        assert time.monotonic() < ends + 60
