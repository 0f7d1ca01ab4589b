from __future__ import annotations

from typing import Any

import pytest

from certs.called import Address, ServicePort, address_of_url, addresses, service_port_of

PORTS = [{"name": "https", "port": 443}, {"name": "conversion", "port": 8443}]


def endpoints(*hosts: str, **conditions: bool) -> dict[str, Any]:
    return {
        "ports": [{"name": "https", "port": 9443}, {"name": "conversion", "port": 9444}],
        "endpoints": [{"addresses": [host], "conditions": conditions} for host in hosts],
    }


@pytest.mark.parametrize(
    ("service", "port", "slices", "expected"),
    [
        pytest.param(
            {"ports": PORTS}, 443, [endpoints("10.0.0.1"), endpoints("10.0.0.2")],
            [("10.0.0.1", 9443), ("10.0.0.2", 9443)], id="the target port of each slice",
        ),
        pytest.param(
            {"ports": PORTS}, 8443, [endpoints("10.0.0.1")], [("10.0.0.1", 9444)],
            id="another port of the same Service",
        ),
        pytest.param(
            {"ports": PORTS}, 443, [endpoints("10.0.0.1", ready=False, serving=False)],
            [("10.0.0.1", 9443)], id="one that is not ready yet counts",
        ),
        pytest.param(
            {"ports": PORTS}, 443,
            [endpoints("10.0.0.1", terminating=True, serving=True)], [("10.0.0.1", 9443)],
            id="one that is leaving and still serves counts",
        ),
        pytest.param(
            {"ports": PORTS}, 443,
            [endpoints("10.0.0.1", terminating=True, serving=False)], [],
            id="one that has left does not",
        ),
        pytest.param(
            {"type": "ExternalName", "externalName": "localhost"}, 7443, [],
            [("localhost", 7443)], id="an alias of another host",
        ),
        pytest.param({"ports": PORTS}, 80, [endpoints("10.0.0.1")], [], id="no such port"),
        pytest.param(
            {"ports": [{"port": 443}]}, 443,
            [{"ports": [{"name": "", "port": 9443}], "endpoints": [{"addresses": ["::1"]}]}],
            [("::1", 9443)], id="a port without a name",
        ),
    ],
)  # fmt: skip
def test_the_addresses_behind_a_port_of_a_service(
    service: dict[str, Any], port: int, slices: list[Any], expected: list[tuple[str, int]]
) -> None:
    found = addresses({"spec": service}, port, slices)

    assert [(each.host, each.port) for each in found] == expected


def test_a_client_configuration_names_a_service_or_a_url() -> None:
    service = {"service": {"namespace": "a", "name": "hook"}}
    url = {"url": "https://hooks.example.com/validate"}

    assert service_port_of(service) == ServicePort("a", "hook", 443)
    assert address_of_url(service) is None
    assert service_port_of(url) is None
    assert address_of_url(url) == Address("hooks.example.com", 443)
    assert address_of_url({"url": "https://[::1]:9443/x"}) == Address("::1", 9443)
    assert str(Address("::1", 9443)) == "[::1]:9443"
