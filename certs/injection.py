"""The caBundle in whatever calls our webhook, as JSON patches that refuse to hit anything else.

A merge patch would replace the whole list of webhooks; a JSON patch with a ``test`` on each
entry's name writes the bundle there or nothing at all, however the object was edited meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final

from certs.authority import certificates_in
from mattermost_migrate.domain.names import CRD, Resource
from mattermost_migrate.domain.objects import JsonObject

__all__ = [
    "MUTATING",
    "VALIDATING",
    "bundle",
    "bundles_in",
    "client_configs",
    "held_in",
    "patch",
]

_REGISTRATION: Final = "admissionregistration.k8s.io"
VALIDATING: Final = Resource(
    _REGISTRATION,
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
MUTATING: Final = Resource(
    _REGISTRATION,
    "v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
)


def bundle(certificates: Iterable[bytes]) -> str:
    """PEM certificates as a caBundle: concatenated, each once, base64."""
    distinct = dict.fromkeys(pem.strip() for pem in certificates)
    return base64.b64encode(b"".join(pem + b"\n" for pem in distinct)).decode("ascii")


def held_in(ca_bundle: str) -> tuple[bytes, ...]:
    """The certificates in a caBundle, PEM; none in garbage."""
    try:
        return certificates_in(base64.b64decode(ca_bundle, validate=True))
    except (binascii.Error, ValueError):
        return ()


def bundles_in(target: JsonObject) -> tuple[str, ...]:
    """The caBundles now in a webhook configuration, or in a CRD's conversion; "" where none is."""
    return tuple(config.get("caBundle") or "" for config in client_configs(target))


def patch(target: JsonObject, ca_bundle: str) -> list[dict[str, Any]]:
    """The JSON patch that puts ``ca_bundle`` into every client configuration of ``target``.

    Empty when each of them holds it already. A CRD without a conversion webhook needs none.
    Refused by the API server when the object has moved since: a bundle is worth only as much as
    the look it was made from.
    """
    operations: list[dict[str, Any]] = []
    for guard, path, config in _configs(target):
        if config.get("caBundle") != ca_bundle:
            operations += (guard, {"op": "add", "path": f"{path}/caBundle", "value": ca_bundle})
    version = (target.get("metadata") or {}).get("resourceVersion")
    if operations and version:
        operations.insert(0, {"op": "test", "path": "/metadata/resourceVersion", "value": version})
    return operations


def client_configs(target: JsonObject) -> tuple[JsonObject, ...]:
    """Each client configuration in it: whom the API server calls, and how."""
    return tuple(config for _, _, config in _configs(target))


def _configs(target: JsonObject) -> list[tuple[dict[str, Any], str, JsonObject]]:
    """(the test that guards it, its path, the client configuration), for each one there is."""
    if target.get("kind") == CRD.kind:
        return _conversion_config(target)
    return [
        (
            {"op": "test", "path": f"/webhooks/{index}/name", "value": webhook["name"]},
            f"/webhooks/{index}/clientConfig",
            webhook["clientConfig"],
        )
        for index, webhook in enumerate(target.get("webhooks") or ())
    ]


def _conversion_config(crd: JsonObject) -> list[tuple[dict[str, Any], str, JsonObject]]:
    conversion = (crd.get("spec") or {}).get("conversion") or {}
    config = (conversion.get("webhook") or {}).get("clientConfig")
    if conversion.get("strategy") != "Webhook" or config is None:
        return []
    guard = {"op": "test", "path": "/spec/conversion/strategy", "value": "Webhook"}
    return [(guard, "/spec/conversion/webhook/clientConfig", config)]
