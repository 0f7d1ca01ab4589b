"""Defaults, the wish to migrate, and the end of a pin: as the API server would store them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.conversion import convert
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.freeze import frozen_spec
from mattermost_migrate.domain.mutation import requested, unpinned, with_defaults
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.domain.overlay import patch_between
from mattermost_migrate.domain.pin import is_pinned, pin
from mattermost_migrate.testing import crd, golden
from mattermost_migrate.testing.builders import cluster_installation, database_secret, file_secret

EXISTING = Existing.of([database_secret(), file_secret()])
REQUESTED = "migration.mattermost.com/requested"
KINDS = {
    "ClusterInstallation": (canonical.cluster_installation_spec, default_cluster_installation),
    "Mattermost": (canonical.mattermost_spec, default_mattermost),
}


def installation(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "chat", "namespace": "ns"}, "spec": spec}


HOST = {"ingressName": "chat.example.com"}


def test_defaults_are_filled_in_and_nothing_else_is_touched() -> None:
    given = installation(**HOST, resources={"limits": {"cpu": "2000m"}}, comesLater={"a": 1})

    stored = with_defaults("ClusterInstallation", None, given)

    added = {operation["path"] for operation in patch_between(given, stored)}
    assert added == {
        "/spec/database",
        "/spec/image",
        "/spec/imagePullPolicy",
        "/spec/minio",
        "/spec/replicas",
        "/spec/version",
    }
    assert stored["spec"]["database"]["storageSize"] == "50Gi"


def test_a_size_is_spelled_out_as_the_operator_does() -> None:
    stored = with_defaults("Mattermost", None, installation(**HOST, size="100users"))

    assert "size" not in stored["spec"]
    assert stored["spec"]["replicas"] == 1


@pytest.mark.parametrize("kind", KINDS)
@given(data=some.data())
@settings(max_examples=60, deadline=None)
def test_with_defaults_the_operator_finds_nothing_left_to_fill(
    kind: str, data: some.DataObject
) -> None:
    as_written, default = KINDS[kind]
    spec = data.draw(crd.objects(crd.schema(kind)))
    given = installation(**{**spec, **HOST, "ingress": None})
    kept = copy.deepcopy(given)

    stored = with_defaults(kind, None, given)

    assert given == kept
    assert with_defaults(kind, None, stored) == stored
    try:
        wanted = default(given)["spec"]
    except (RefusedError, ValueError):
        assert stored is given
    else:
        assert as_written(stored["spec"]) == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(installation(**HOST), installation(**HOST), id="only its metadata changes"),
        pytest.param(
            None,
            installation(**HOST, **frozen_spec({"kind": "ClusterInstallation"})),
            id="it is frozen",
        ),
        pytest.param(None, installation(replicas=1), id="the operator would refuse it"),
        pytest.param(None, installation(**HOST, replicas="two"), id="nobody could read it"),
    ],
)
def test_what_is_left_alone(old: dict[str, Any] | None, new: dict[str, Any]) -> None:
    assert with_defaults("ClusterInstallation", old, new) is new


@pytest.mark.parametrize(
    ("old", "new", "migrate"),
    [
        pytest.param(None, installation(**HOST, migrate=True), None, id="at its creation"),
        pytest.param(
            installation(**HOST), installation(**HOST, migrate=True), None, id="by an edit"
        ),
        pytest.param(
            installation(**HOST, migrate=False),
            installation(**HOST, migrate=True),
            False,
            id="where it said false before",
        ),
    ],
)
def test_a_wish_to_migrate_becomes_an_annotation(
    old: dict[str, Any] | None, new: dict[str, Any], *, migrate: bool | None
) -> None:
    stored = requested(old, new)

    assert stored["metadata"]["annotations"] == {REQUESTED: "true"}
    assert stored["spec"].get("migrate") is migrate
    assert requested(old, stored) is stored


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            installation(migrate=True), installation(migrate=True, version="1"), id="it migrates"
        ),
        pytest.param(installation(), installation(version="1"), id="nobody asked"),
        pytest.param(None, installation(migrate="true"), id="a text is no wish"),
        pytest.param(installation(migrate=True), installation(), id="it is taken back"),
    ],
)
def test_other_writes_are_no_wish(old: dict[str, Any] | None, new: dict[str, Any]) -> None:
    assert requested(old, new) is new


def pinned() -> dict[str, Any]:
    """A Mattermost that was migrated with its pods."""
    ci = default_cluster_installation(cluster_installation())
    rendered = render_cluster_installation(ci, EXISTING, generate=golden.placeholder)
    deployment = next(child for child in rendered.children if child["kind"] == "Deployment")
    made = pin(convert(ci, EXISTING).mattermost, deployment["spec"]["template"], EXISTING)
    assert is_pinned(made)
    return default_mattermost(made)


def edited(mattermost: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**mattermost, "spec": {**mattermost["spec"], **spec}}


def managed() -> dict[str, Any]:
    """As ``pinned``, with a database and a file store of the operator's."""
    old = pinned()
    spec = {
        key: value for key, value in old["spec"].items() if key not in ("database", "fileStore")
    }
    return default_mattermost({**old, "spec": spec})


@pytest.mark.parametrize("stored", [pinned, managed])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"mattermostEnv": [{"name": "A", "value": "b"}]}, id="a variable"),
        pytest.param({"version": "10.9.0"}, id="the version"),
        pytest.param({"size": "100users"}, id="a size that means other resources"),
        pytest.param({"licenseSecret": "license"}, id="a license"),
        pytest.param({"podTemplate": {"extraLabels": {"team": "a"}}}, id="a label of the pods"),
    ],
)
def test_the_pin_goes_with_an_edit_that_rolls_the_pods(
    stored: Callable[[], dict[str, Any]], edit: dict[str, Any]
) -> None:
    old = stored()

    new = unpinned(old, edited(old, **edit))

    assert not is_pinned(new)
    assert "resourcePatch" not in new["spec"]
    assert edit.items() <= new["spec"].items()
    assert unpinned(old, new) is new


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"replicas": 5}, id="replicas"),
        pytest.param({"serviceAnnotations": {"a": "b"}}, id="an annotation of the Service"),
        pytest.param({"ingressAnnotations": {"a": "b"}}, id="an annotation of the Ingress"),
    ],
)
def test_the_pin_stays_with_an_edit_that_does_not(edit: dict[str, Any]) -> None:
    old = pinned()
    new = edited(old, **edit)

    assert unpinned(old, new) is new


def test_the_operators_own_update_after_a_size_keeps_what_the_users_write_decided() -> None:
    old = pinned()
    sized = edited(unpinned(old, edited(old, size="100users")))

    assert unpinned(sized, default_mattermost(sized)) == default_mattermost(sized)


def test_a_patch_that_somebody_edited_is_left_to_him() -> None:
    old = pinned()
    operations = json.loads(old["spec"]["resourcePatch"]["deployment"]["patch"])[:-1]
    patch = {"deployment": {"patch": json.dumps(operations)}}
    new = edited(old, resourcePatch=patch, version="10.9.0")

    assert unpinned(old, new) is new


JSON = some.recursive(
    some.none() | some.integers(0, 2) | some.text("ab/~", max_size=2),
    lambda inner: (
        some.lists(inner, max_size=2)
        | some.dictionaries(some.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = some.dictionaries(some.text("ab/~", max_size=2), JSON, max_size=3)


@given(before=OBJECTS, after=OBJECTS)
def test_a_patch_makes_of_one_object_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    patch = list(patch_between(before, after))

    assert json.dumps(jsonpatch.apply_patch(before, patch), sort_keys=True) == json.dumps(
        after, sort_keys=True
    )
