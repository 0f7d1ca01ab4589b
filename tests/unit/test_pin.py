"""Pinned, the v1beta1 operator generates the running pods, for every recorded installation."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from mattermost_migrate.domain.children import render_cluster_installation
from mattermost_migrate.domain.conversion import convert, original, restore
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.difference import difference
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.domain.pin import (
    PINNED,
    generated_template,
    is_pinned,
    pin,
    pinned_target,
    unpin,
    warnings,
)
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.testing import golden
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
)

EXISTING = Existing.of([database_secret(), file_secret()])
TEMPLATE = "/spec/template"
LABELS = f"{TEMPLATE}/metadata/labels"
ENV = f"{TEMPLATE}/spec/containers/0/env"
#: What every pin changes, and no pin of an untouched installation more than that.
USUAL = [
    ("add", f"{LABELS}/v1alpha1.mattermost.com~1installation"),
    ("add", f"{LABELS}/v1alpha1.mattermost.com~1resource"),
    ("replace", ENV),
]
#: Convertible, and still not to be pinned: name, and why.
NOT_PINNABLE = {"random-ci-150": "no pods run: the store's Service does not exist yet"}


def stored(case: golden.Case) -> dict[str, Any]:
    ci = case.resource("clusterInstallation")
    return {**ci, "spec": case.output["defaulted"]}


def is_convertible(case: golden.Case) -> bool:
    if "defaulted" not in case.output:
        return False
    try:
        convert(stored(case), Existing.of(case.world))
    except RefusedError:
        return False
    return True


CONVERTIBLE = [case for case in golden.cases() if is_convertible(case)]


def live(template: dict[str, Any]) -> dict[str, Any]:
    """The template as a real API server would return it, in a ReplicaSet."""
    template = defaulted(template)
    template["metadata"]["labels"] |= {"pod-template-hash": "5d9f"}
    return template


def patch_of(mattermost: dict[str, Any]) -> list[dict[str, Any]]:
    patch: list[dict[str, Any]] = json.loads(
        mattermost["spec"]["resourcePatch"]["deployment"]["patch"]
    )
    return patch


def paths(mattermost: dict[str, Any]) -> list[tuple[str, str]]:
    return [(operation["op"], operation["path"]) for operation in patch_of(mattermost)]


def running(ci: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Mattermost and the live template of the ClusterInstallation it came from."""
    given = default_cluster_installation(ci or cluster_installation())
    rendered = render_cluster_installation(given, EXISTING, generate=golden.placeholder)
    deployment = next(child for child in rendered.children if child["kind"] == "Deployment")
    return convert(given, EXISTING).mattermost, live(deployment["spec"]["template"])


def test_the_recorded_cases_are_enough() -> None:
    assert len(CONVERTIBLE) > 90


@pytest.mark.parametrize("case", CONVERTIBLE, ids=str)
def test_a_recorded_installation_keeps_its_pods(case: golden.Case) -> None:
    ci = stored(case)
    name = ci["metadata"]["name"]
    children = golden.recorded(case.output["childrenV1alpha1"])
    if case.name in NOT_PINNABLE:
        assert f"Deployment/{name}" not in children
        return
    existing = Existing.of([*case.world, *(entry["object"] for entry in children.values())])
    template = live(children[f"Deployment/{name}"]["object"]["spec"]["template"])
    mattermost = convert(ci, Existing.of(case.world)).mattermost

    pinned = pin(mattermost, template, existing)

    generated = defaulted(generated_template(pinned, existing))
    assert generated == pinned_target(template, name)
    assert V1ALPHA1.selector(name).items() <= generated["metadata"]["labels"].items()
    assert V1BETA1.selector(name).items() <= generated["metadata"]["labels"].items()
    assert paths(pinned) == USUAL
    assert unpin(pinned) == mattermost
    assert pin(pinned, template, existing) == pinned
    assert [*warnings(pinned, template, existing)] == []


@pytest.mark.parametrize("case", CONVERTIBLE, ids=str)
def test_without_the_pin_a_pod_sees_labels_and_one_variable(case: golden.Case) -> None:
    if case.name in NOT_PINNABLE:
        return
    ci = stored(case)
    children = golden.recorded(case.output["childrenV1alpha1"])
    existing = Existing.of([*case.world, *(entry["object"] for entry in children.values())])
    before = children[f"Deployment/{ci['metadata']['name']}"]["object"]["spec"]["template"]

    seen = difference(before, generated_template(convert(ci, existing).mattermost, existing))

    variables = {each.field for each in seen if not each.field.startswith("metadata.labels")}
    assert variables <= {"spec.containers[mattermost].env[MM_SQLSETTINGS_DATASOURCE]"}


def test_a_template_that_was_labelled_already_gives_the_same_pin() -> None:
    mattermost, template = running()
    labelled = copy.deepcopy(template)
    labelled["metadata"]["labels"] |= V1BETA1.selector("acme")

    assert pin(mattermost, labelled, EXISTING) == pin(mattermost, template, EXISTING)


def set_annotation(template: dict[str, Any]) -> None:
    template["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}


def set_grace(template: dict[str, Any]) -> None:
    template["spec"]["terminationGracePeriodSeconds"] = 60


def add_sidecar(template: dict[str, Any]) -> None:
    template["spec"]["containers"].append({"name": "sidecar", "image": "s:1"})


def put_sidecar_first(template: dict[str, Any]) -> None:
    template["spec"]["containers"].insert(0, {"name": "sidecar", "image": "s:1"})


def drop_request(template: dict[str, Any]) -> None:
    del template["spec"]["containers"][0]["resources"]["requests"]["cpu"]


@pytest.mark.parametrize(
    ("drift", "path"),
    [
        (set_annotation, ("add", f"{TEMPLATE}/metadata/annotations")),
        (set_grace, ("add", f"{TEMPLATE}/spec/terminationGracePeriodSeconds")),
        (add_sidecar, ("add", f"{TEMPLATE}/spec/containers/-")),
        (put_sidecar_first, ("replace", f"{TEMPLATE}/spec/containers")),
        (drop_request, ("remove", f"{TEMPLATE}/spec/containers/0/resources/requests/cpu")),
    ],
)
def test_what_others_changed_in_the_running_pods_is_kept(
    drift: Callable[[dict[str, Any]], None], path: tuple[str, str]
) -> None:
    mattermost, template = running()
    drift(template)

    pinned = pin(mattermost, template, EXISTING)

    assert path in paths(pinned)
    assert defaulted(generated_template(pinned, EXISTING)) == pinned_target(template, "acme")


def add_variables(template: dict[str, Any]) -> None:
    template["spec"]["containers"][0]["env"] += [
        {"name": f"STAKATER_{letter}_SECRET", "value": "of a day"} for letter in "ABCDE"
    ]


@pytest.mark.parametrize(
    ("drift", "named", "restarts"),
    [
        (set_annotation, "metadata.annotations[kubectl.kubernetes.io/restartedAt];", True),
        (add_variables, "containers[mattermost].env[STAKATER_C_SECRET], and 2 more;", False),
    ],
)
def test_what_others_put_there_and_the_pin_keeps_is_told_of_once(
    drift: Callable[[dict[str, Any]], None], named: str, *, restarts: bool
) -> None:
    mattermost, template = running()
    drift(template)

    told = [*warnings(pin(mattermost, template, EXISTING), template, EXISTING)]

    (message,) = [each.message for each in told if each.field == "spec.resourcePatch.deployment"]
    assert len(told) == 1
    assert named in message
    assert "helm mattermost-migrate unpin acme -n ns" in message
    assert ("kubectl rollout restart" in message) is restarts


def test_without_a_pin_nothing_is_kept_and_nothing_told() -> None:
    mattermost, template = running()
    set_annotation(template)

    assert [*warnings(mattermost, template, EXISTING)] == []


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("nodeSelector", {"disk": "ssd"}, "spec.template.spec.nodeSelector"),
        ("volumes", [{"name": "v", "emptyDir": {}}], "spec.template.spec.volumes"),
        ("initContainers", [], "spec.template.spec.initContainers"),
        ("hostNetwork", True, "spec.template.spec.hostNetwork"),
    ],
)
def test_what_no_patch_may_change_is_refused_by_path(field: str, value: Any, named: str) -> None:
    mattermost, template = running()
    template["spec"][field] = value

    with pytest.raises(RefusedError) as refused:
        pin(mattermost, template, EXISTING)

    assert named in [fault.field for fault in refused.value.faults]


def test_a_template_that_is_generated_anyway_needs_no_patch() -> None:
    mattermost, _ = running()

    unpatched = pin(mattermost, live(dict(generated_template(mattermost, EXISTING))), EXISTING)

    assert unpatched == mattermost
    assert not is_pinned(unpatched)


def test_a_users_own_patch_stays_and_comes_first() -> None:
    mattermost, template = running()
    own = [{"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}]
    mattermost["spec"]["resourcePatch"] = {
        "service": {"patch": "[]"},
        "deployment": {"patch": json.dumps(own)},
    }

    pinned = pin(mattermost, template, EXISTING)

    assert patch_of(pinned)[0] == own[0]
    assert json.loads(unpin(pinned)["spec"]["resourcePatch"]["deployment"]["patch"]) == own
    assert unpin(pinned)["spec"]["resourcePatch"]["service"] == {"patch": "[]"}


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"patch": "{"}, "spec.resourcePatch.deployment.patch"),
        ({"patch": "{}"}, "spec.resourcePatch.deployment.patch"),
        ({"patch": "[]", "disable": True}, "spec.resourcePatch.deployment.disable"),
    ],
)
def test_a_patch_that_is_in_the_way_is_named(patch: dict[str, Any], field: str) -> None:
    mattermost, template = running()
    mattermost["spec"]["resourcePatch"] = {"deployment": patch}

    with pytest.raises(RefusedError) as refused:
        pin(mattermost, template, EXISTING)

    assert [fault.field for fault in refused.value.faults] == [field]


def test_a_pin_that_somebody_edited_is_not_taken_off() -> None:
    mattermost, template = running()
    pinned = pin(mattermost, template, EXISTING)
    operations = patch_of(pinned)
    operations[-1]["value"] = []
    pinned["spec"]["resourcePatch"]["deployment"]["patch"] = json.dumps(operations)

    with pytest.raises(RefusedError):
        unpin(pinned)


def test_a_pin_that_somebody_removed_is_only_forgotten() -> None:
    mattermost, template = running()
    pinned = pin(mattermost, template, EXISTING)
    del pinned["spec"]["resourcePatch"]

    assert PINNED not in unpin(pinned)["metadata"]["annotations"]
    assert "resourcePatch" not in unpin(pinned)["spec"]


def test_what_cannot_be_generated_cannot_be_pinned() -> None:
    mattermost, template = running()

    with pytest.raises(RefusedError, match=r"cannot generate the pods .* secrets \"db\" not found"):
        pin(mattermost, template, Existing())


def test_a_pinned_mattermost_comes_back_all_the_same() -> None:
    ci = default_cluster_installation(cluster_installation())
    mattermost, template = running(ci)

    assert restore(pin(mattermost, template, EXISTING)) == original(ci)


def test_nothing_given_is_changed() -> None:
    mattermost, template = running()
    before = copy.deepcopy((mattermost, template))

    unpin(pin(mattermost, template, EXISTING))

    assert (mattermost, template) == before
