"""Resource patches: what is forbidden, what applies, and what is said of what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mattermost_migrate.domain import last_applied
from mattermost_migrate.domain.children.go_json import syntax_error
from mattermost_migrate.domain.children.installation import annotated
from mattermost_migrate.domain.children.json_patch import PatchError, applied
from mattermost_migrate.domain.children.patches import forbidden, patched
from mattermost_migrate.domain.names import LAST_APPLIED

POD = "/spec/template/spec"
DEPLOYMENT = annotated(
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "acme", "labels": {"a": "b"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "mattermost", "image": "mm:1", "resources": {}}]},
            },
        },
    }
)


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("Deployment", f"{POD}/volumes", True),
        ("Deployment", f"{POD}/volumes/0", True),
        ("Deployment", f"{POD}/volumesX", False),
        ("Deployment", f"{POD}", False),
        ("Deployment", f"{POD}/initContainers/0/image", True),
        ("Deployment", f"{POD}/hostNetwork", True),
        ("Deployment", f"{POD}/serviceAccount", True),
        ("Deployment", f"{POD}/nodeName", True),
        ("Deployment", f"{POD}/containers/0/env", False),
        ("Deployment", f"{POD}/containers/0/securityContext/privileged", True),
        ("Deployment", f"{POD}/securityContext/runAsUserName", True),
        ("Deployment", f"{POD}/securityContext/fsGroup", False),
        ("Deployment", "/spec/selector/matchLabels/x", False),
        ("Service", "/spec/selector", True),
        ("Service", "/spec/externalIPs/0", True),
        ("Service", "/spec/externalName", True),
        ("Service", "/spec/externalTrafficPolicy", False),
        ("Service", f"{POD}/volumes", False),
    ],
)
def test_paths_that_no_patch_may_name(kind: str, path: str, *, expected: bool) -> None:
    assert forbidden(kind, path) is expected


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"patch": json.dumps(operations)}


def test_a_patch_goes_into_object_and_annotation() -> None:
    made, status = patched(
        DEPLOYMENT, patch({"op": "add", "path": f"{POD}/containers/0/env", "value": [{}]})
    )
    assert status is not None
    assert status.to_json() == {"applied": True}
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": ""}]
    recorded = last_applied.decode(made["metadata"]["annotations"][LAST_APPLIED])
    assert recorded["spec"]["template"]["spec"]["containers"][0]["env"] == [{}]


@pytest.mark.parametrize("given", [None, {}, {"patch": ""}, {"disable": True, "patch": "x"}])
def test_no_patch_says_nothing(given: dict[str, Any] | None) -> None:
    assert patched(DEPLOYMENT, given) == (DEPLOYMENT, None)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '[{"op":"add","path":"/spec/template/spec/volumes","value":[]}]',
            (
                "deployment patch validation failed: patch operation "
                '"add" on forbidden path "/spec/template/spec/volumes" is not allowed'
            ),
        ),
        (
            "{}",
            (
                "deployment patch validation failed: failed to decode patch operations for "
                "validation: json: cannot unmarshal object into Go value of type "
                "[]v1beta1.patchOperation"
            ),
        ),
        (
            '[{"op":"replace","path":"/spec/replicas","value":"2"}]',
            (
                "failed to apply patch to deployment: failed to decode patched object: json: "
                "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of "
                "type int32"
            ),
        ),
    ],
)
def test_an_unusable_patch_is_reported_and_left_out(text: str, error: str) -> None:
    made, status = patched(DEPLOYMENT, {"patch": text})
    assert made is DEPLOYMENT
    assert status is not None
    assert status.to_json() == {"error": f"failed to apply patch to Deployment: {error}"}


DOCUMENT: dict[str, Any] = {"a": {"b/c": 1, "d~e": 2}, "l": [1, 2, 3]}


MANY = "9" * 5000


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/a/b~1c", "value": 9}, {"a": {"b/c": 9, "d~e": 2}, "l": [1, 2, 3]}),
        ({"op": "remove", "path": "/a/d~0e"}, {"a": {"b/c": 1}, "l": [1, 2, 3]}),
        ({"op": "add", "path": "/l/-", "value": 4}, {**DOCUMENT, "l": [1, 2, 3, 4]}),
        ({"op": "add", "path": "/l/-1", "value": 4}, {**DOCUMENT, "l": [1, 2, 3, 4]}),
        ({"op": "remove", "path": "/l/-1"}, {**DOCUMENT, "l": [1, 2]}),
        ({"op": "replace", "path": "/new", "value": 1}, {**DOCUMENT, "new": 1}),
        ({"op": "copy", "from": "/nope", "path": "/new"}, {**DOCUMENT, "new": None}),
        ({"op": "move", "from": "/l/0", "path": "/l/-"}, {**DOCUMENT, "l": [2, 3, 1]}),
        ({"op": "test", "path": "/l", "value": [1, 2, 3]}, DOCUMENT),
    ],
)
def test_an_operation_applies(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    assert applied(DOCUMENT, [operation]) == expected


def test_the_document_is_not_touched() -> None:
    applied(DOCUMENT, [{"op": "remove", "path": "/l/0"}])
    assert DOCUMENT["l"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (
            {"op": "remove", "path": "/a/x"},
            "error in remove for path: '/a/x': Unable to remove nonexistent key: x: missing value",
        ),
        (
            {"op": "add", "path": "/x/y", "value": 1},
            'add operation does not apply: doc is missing path: "/x/y": missing value',
        ),
        (
            {"op": "add", "path": "/l/7", "value": 1},
            (
                "error in add for path: '/l/7': Unable to access invalid index: 7: "
                "invalid index referenced"
            ),
        ),
        (
            {"op": "add", "path": "/l/x", "value": 1},
            (
                "error in add for path: '/l/x': value was not a proper array index: 'x': "
                'strconv.Atoi: parsing "x": invalid syntax'
            ),
        ),
        pytest.param(
            {"op": "add", "path": f"/l/{MANY}", "value": 1},
            (
                f"error in add for path: '/l/{MANY}': "
                f"value was not a proper array index: '{MANY}': "
                f'strconv.Atoi: parsing "{MANY}": value out of range'
            ),
            id="add at a number of 5000 digits",
        ),
        pytest.param(
            {"op": "remove", "path": f"/l/{MANY}"},
            (
                f"error in remove for path: '/l/{MANY}': "
                f'strconv.Atoi: parsing "{MANY}": value out of range'
            ),
            id="remove at a number of 5000 digits",
        ),
        (
            {"op": "replace", "path": "/l/7", "value": 1},
            "replace operation does not apply: doc is missing key: /l/7: missing value",
        ),
        ({"op": "test", "path": "/l/0", "value": True}, "testing value /l/0 failed: test failed"),
        ({"op": "mend", "path": "/l"}, "Unexpected kind: mend"),
        ({"path": "/l"}, "Unexpected kind: unknown"),
    ],
)
def test_an_operation_that_does_not_apply(operation: dict[str, Any], error: str) -> None:
    with pytest.raises(PatchError) as refused:
        applied(DOCUMENT, [operation])
    assert str(refused.value) == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("not json", "invalid character 'o' in literal null (expecting 'u')"),
        ("[", "unexpected end of JSON input"),
        ("", "unexpected end of JSON input"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a"}', "invalid character '}' after object key"),
        ('{"a":1 2}', "invalid character '2' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[] x", "invalid character 'x' after top-level value"),
        ("'x'", "invalid character '\\'' looking for beginning of value"),
        ('"\n"', "invalid character '\\n' in string literal"),
        ('"\\q"', "invalid character 'q' in string escape code"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e", "invalid character ' ' in exponent of numeric literal"),
        ("-", "invalid character ' ' in numeric literal"),
        ('[{"op":"add"}]', None),
        pytest.param("[" * 100_000 + "]" * 100_000, "nested too deeply", id="deep"),
    ],
)
def test_syntax_is_judged_in_gos_words(text: str, error: str | None) -> None:
    assert syntax_error(text) == error
