from __future__ import annotations

import base64
from typing import Any

import jsonpatch
import pytest

from certs.injection import bundle, bundles_in, held_in, patch


def configuration(*bundles: str | None) -> dict[str, Any]:
    return {
        "kind": "ValidatingWebhookConfiguration",
        "webhooks": [
            {
                "name": f"w{index}.example.com",
                "clientConfig": {"service": {"name": "hook"}}
                | ({"caBundle": held} if held is not None else {}),
            }
            for index, held in enumerate(bundles)
        ],
    }


def crd(strategy: str) -> dict[str, Any]:
    conversion: dict[str, Any] = {"strategy": strategy}
    if strategy == "Webhook":
        conversion["webhook"] = {"clientConfig": {"service": {"name": "hook"}}}
    return {"kind": "CustomResourceDefinition", "spec": {"conversion": conversion}}


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(configuration(None), id="one webhook without a bundle"),
        pytest.param(configuration("b2xk", None, "bmV3"), id="three, one of them done"),
        pytest.param(crd("Webhook"), id="a CRD with a conversion webhook"),
    ],
)
def test_after_the_patch_every_client_configuration_has_the_bundle(target: dict[str, Any]) -> None:
    patched = jsonpatch.apply_patch(target, patch(target, "bmV3"))

    assert set(bundles_in(patched)) == {"bmV3"}
    assert patch(patched, "bmV3") == []


def test_a_crd_without_conversion_needs_nothing() -> None:
    assert patch(crd("None"), "bmV3") == []


def test_the_patch_refuses_a_list_that_was_reordered_meanwhile() -> None:
    seen, now = configuration(None, None), configuration(None, None)
    now["webhooks"].reverse()

    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(now, patch(seen, "bmV3"))


def test_the_patch_refuses_an_object_that_has_moved_since() -> None:
    seen = configuration(None) | {"metadata": {"resourceVersion": "7"}}

    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(seen | {"metadata": {"resourceVersion": "8"}}, patch(seen, "bmV3"))


@pytest.mark.parametrize("text", ["", "!!", "AAAA"])
def test_garbage_holds_no_certificate(text: str) -> None:
    assert held_in(text) == ()


def test_a_bundle_holds_each_certificate_once_in_order() -> None:
    text = base64.b64decode(bundle([b"new\n", b"old", b"new"]))

    assert text == b"new\nold\n"
