"""The annotation that holds an object as it was last written."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest

from mattermost_migrate.domain import last_applied
from mattermost_migrate.domain.names import LAST_APPLIED

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "acme", "annotations": {LAST_APPLIED: "old"}},
    "spec": {"ports": [{"name": "app", "port": 8065, "targetPort": "app"}], "clusterIP": ""},
}


def test_the_document_has_neither_type_nor_annotation_nor_emptiness() -> None:
    assert last_applied.document(SERVICE) == {
        "metadata": {"name": "acme"},
        "spec": {"ports": [{"name": "app", "port": 8065, "targetPort": "app"}]},
        "status": {"loadBalancer": {}},
    }


def test_zero_counts_of_a_strategy_vanish_and_empty_structs_stay() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    pod = {"containers": [{"name": "mattermost"}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "acme"},
        "spec": {"strategy": strategy, "template": {"spec": pod}},
    }
    assert last_applied.document(deployment) == {
        "metadata": {"name": "acme"},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            "template": {"spec": {"containers": [{"name": "mattermost", "resources": {}}]}},
        },
        "status": {},
    }


def test_other_annotations_stay() -> None:
    metadata = {"name": "acme", "annotations": {LAST_APPLIED: "old", "a": "b"}}
    found = last_applied.document({**SERVICE, "metadata": metadata})
    assert found["metadata"] == {"name": "acme", "annotations": {"a": "b"}}


def test_the_text_is_compact_sorted_and_escaped() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "b": "<&>\u2028ü", "a": 1}
    expected = '{"a":1,"b":"\\u003c\\u0026\\u003e\\u2028ü","metadata":{}}'
    assert last_applied.text(obj) == expected


def test_the_value_is_base64_of_a_zip_with_one_member() -> None:
    packed = base64.b64decode(last_applied.encode(SERVICE))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["original"]
        assert json.loads(archive.read("original")) == last_applied.document(SERVICE)


def test_equal_objects_have_equal_annotations() -> None:
    assert last_applied.encode(SERVICE) == last_applied.encode({**SERVICE})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(last_applied.encode(SERVICE), id="zipped"),
        pytest.param(
            base64.b64encode(last_applied.text(SERVICE).encode()).decode(), id="plain base64"
        ),
        pytest.param(last_applied.text(SERVICE), id="bare JSON"),
    ],
)
def test_every_form_the_operator_reads_is_read(value: str) -> None:
    assert last_applied.decode(value) == last_applied.document(SERVICE)


@pytest.mark.parametrize("value", ["", "nothing", "[1]", base64.b64encode(b"x").decode()])
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        last_applied.decode(value)
