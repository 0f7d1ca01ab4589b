"""What stands between the engine and the API server leaves nothing open."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
import warnings
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.faults import Gateway


@pytest.mark.parametrize("path", ["/version", "/api/v1/namespaces?watch=true"])
def test_clients_that_stay_do_not_keep_its_connections_open(
    local_cluster: LocalCluster, path: str
) -> None:
    server = local_cluster.processes["kube-apiserver"]
    token = local_cluster.service_account("kube-system", "namespace-controller").token
    request = f"GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n\r\n"
    trust = ssl.create_default_context(cafile=str(local_cluster.authority.bundle))
    with ExitStack() as clients, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with Gateway(local_cluster) as gateway:
            place = urlsplit(gateway.gate().server)
            for _ in range(6):
                plain = socket.create_connection((place.hostname, place.port))
                client = clients.enter_context(
                    trust.wrap_socket(plain, server_hostname=place.hostname)
                )
                client.sendall(request.encode())
                assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
            # It says its own farewell a moment after we have said ours.
            server.pause()
            threading.Timer(1.0, server.resume).start()
        del gateway
        gc.collect()

    assert [str(each.message) for each in told] == []
