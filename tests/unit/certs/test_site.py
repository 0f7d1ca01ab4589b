from __future__ import annotations

import asyncio
from typing import cast

import pytest

from certs.keeper import Keeper
from certs.renewal import dns_names
from certs.site import Cluster
from certs.storage import SecretStore
from mattermost_migrate.domain.conversion.served import CRD_NAME
from mattermost_migrate.domain.names import CRD, INJECT_LABEL
from mattermost_migrate.kube import Client

from .conftest import NAMESPACE, SERVICE, ApiServer, called_by


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param("https://hooks.example.com:9443/validate", "hooks.example.com", id="a name"),
        pytest.param("https://hooks.example.com./x", "hooks.example.com", id="one that is whole"),
        pytest.param("https://127.0.0.1:9443/validate", None, id="an IPv4 address"),
        pytest.param("https://[::1]:9443/validate", None, id="an IPv6 address"),
        pytest.param("https://bücher.example.com/x", None, id="one that no certificate can name"),
    ],
)
def test_whoever_is_called_by_a_url_serves_its_name(
    server: ApiServer, served: dict[str, bytes], url: str, name: str | None
) -> None:
    called_by(server, {"url": url})
    client = cast("Client", server)
    keeper = Keeper(SecretStore(client, NAMESPACE), Cluster(client, NAMESPACE, SERVICE))

    leaf = asyncio.run(keeper.settle()).seen.leaf

    assert leaf is not None
    ours = (
        f"{service}.{NAMESPACE}.svc{domain}"
        for service in (SERVICE, "mattermost-migrate-conversion")
        for domain in ("", ".cluster.local")
    )
    assert dns_names(leaf) == (*ours, *filter(None, (name,)))


@pytest.mark.parametrize(
    ("labels", "versions", "ours"),
    [
        pytest.param({INJECT_LABEL: "us"}, ["v1alpha1"], True, id="with our label"),
        pytest.param({}, ["v1alpha1", "v1beta1-preview"], True, id="with our version"),
        pytest.param({}, ["v1alpha1"], False, id="by the path that others have too"),
    ],
)
def test_a_crd_carries_our_ca_when_it_is_we_who_convert_it(
    server: ApiServer,
    served: dict[str, bytes],
    labels: dict[str, str],
    versions: list[str],
    *,
    ours: bool,
) -> None:
    config = {"service": {"namespace": NAMESPACE, "name": "converter", "path": "/convert"}}
    server.objects[CRD.kind, CRD_NAME] = {
        "metadata": {"name": CRD_NAME, "labels": labels},
        "spec": {
            "versions": [{"name": name} for name in versions],
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": config}},
        },
    }

    around = asyncio.run(Cluster(cast("Client", server), NAMESPACE, SERVICE).look())

    assert [each.name for each in around.targets] == [f"{CRD.kind}/{CRD_NAME}"] * ours
    assert (f"converter.{NAMESPACE}.svc" in around.names) is ours
