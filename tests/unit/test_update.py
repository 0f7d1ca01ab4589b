"""The three-way decision: idle where nothing is wanted, kind to what others added."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.children import render_cluster_installation, render_mattermost
from mattermost_migrate.domain.children.installation import annotated
from mattermost_migrate.domain.children.service import LOAD_BALANCER, carried
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import LAST_APPLIED
from mattermost_migrate.domain.objects import Existing, JsonObject
from mattermost_migrate.domain.update import Create, Keep, Recreate, Update, decide
from mattermost_migrate.testing.golden import Case, cases, key_of, placeholder
from mattermost_migrate.testing.served import served

CASES = {case.name: case for case in cases()}


def children_of(name: str) -> dict[str, dict[str, Any]]:
    case: Case = CASES[name]
    existing = Existing.of(case.world)
    if "mattermost" in case.input:
        mm = case.resource("mattermost")
        rendered = render_mattermost(mm, existing, generate=placeholder)
    else:
        ci = case.resource("clusterInstallation")
        rendered = render_cluster_installation(ci, existing, generate=placeholder)
    return {key_of(child): copy.deepcopy(dict(child)) for child in rendered.children}


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_object_with_nothing_but_defaults_added_is_kept(name: str) -> None:
    for key, child in children_of(name).items():
        assert decide(served(child), child) == Keep(), key


@pytest.mark.parametrize("name", ["everything-external", "mm-jobserver-resourcelabels"])
def test_without_an_annotation_equal_objects_are_kept_too(name: str) -> None:
    for key, child in children_of(name).items():
        live = served(child)
        del live["metadata"]["annotations"][LAST_APPLIED]
        assert decide(live, child) == Keep(), key


def plain(key: str = "Deployment/acme") -> dict[str, Any]:
    return children_of("mm-external-minimal")[key]


def container_of(deployment: JsonObject) -> dict[str, Any]:
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def updated(live: JsonObject, desired: JsonObject) -> JsonObject:
    decision = decide(live, desired)
    assert isinstance(decision, Update)
    return decision.obj


def test_what_is_not_there_is_created() -> None:
    assert decide(None, plain()) == Create(plain())


def test_what_others_added_survives_an_update() -> None:
    live = served(plain("ServiceAccount/acme"))
    live["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] = "arn"
    live["metadata"]["labels"] = {"theirs": "x"}
    live["imagePullSecrets"] = [{"name": "registry"}]
    desired = children_of("mm-external-minimal")["ServiceAccount/acme"]
    desired["metadata"]["labels"] = {"ours": "y"}

    made = updated(live, annotated(desired))

    assert made["metadata"]["labels"] == {"theirs": "x", "ours": "y"}
    assert made["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == "arn"
    assert made["imagePullSecrets"] == [{"name": "registry"}]
    assert made["metadata"]["resourceVersion"] == "7"
    assert "managedFields" not in made["metadata"]


def test_what_we_wrote_and_want_no_more_goes() -> None:
    before, desired = plain(), plain()
    container_of(before)["env"].append({"name": "OLD", "value": "1"})
    before["spec"]["template"]["metadata"]["annotations"] = {"old": "1"}
    live = served(annotated(before))
    live["spec"]["template"]["metadata"]["annotations"]["kubectl/restartedAt"] = "now"

    made = updated(live, desired)

    assert "OLD" not in [variable["name"] for variable in container_of(made)["env"]]
    assert made["spec"]["template"]["metadata"]["annotations"] == {"kubectl/restartedAt": "now"}


def test_what_others_added_to_a_list_stays() -> None:
    desired = plain()
    live = served(desired)
    pod = live["spec"]["template"]["spec"]
    pod["containers"].insert(0, {"name": "proxy", "image": "p"})
    container_of({"spec": {"template": {"spec": {"containers": pod["containers"][1:]}}}})["env"][
        1:1
    ] = [{"name": "THEIRS", "value": "1"}]
    assert decide(live, desired) == Keep()


def test_an_env_in_another_order_is_written() -> None:
    desired = plain()
    live = served(desired)
    container_of(live)["env"].reverse()
    made = updated(live, desired)
    assert container_of(made)["env"] == container_of(served(desired))["env"]


def projected(*sources: dict[str, Any]) -> dict[str, Any]:
    deployment = plain()
    volume = {"name": "v", "projected": {"sources": list(sources)}}
    deployment["spec"]["template"]["spec"]["volumes"] = [volume]
    return dict(annotated(deployment))


TOKEN = {"serviceAccountToken": {"path": "token"}}
CONFIG = {"configMap": {"name": "c"}}


def test_defaults_inside_a_list_without_keys_are_no_difference() -> None:
    assert decide(served(projected(TOKEN)), projected(TOKEN)) == Keep()


@pytest.mark.parametrize("wanted", [[CONFIG], [CONFIG, TOKEN], []])
def test_a_list_without_keys_is_replaced_whole(wanted: list[dict[str, Any]]) -> None:
    made = updated(served(projected(TOKEN)), projected(*wanted))
    volume = made["spec"]["template"]["spec"]["volumes"][0]
    assert volume["projected"].get("sources", []) == wanted


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param(
            {"name": "X", "value": "1"},
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            id="value to source",
        ),
        pytest.param(
            {"name": "X", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "p"}}},
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            id="source to source",
        ),
    ],
)
def test_a_variable_has_one_source_even_without_an_annotation(
    now: dict[str, Any], then: dict[str, Any]
) -> None:
    desired = plain()
    container_of(desired)["env"] = [then]
    live = served(plain())
    container_of(live)["env"] = [now]
    del live["metadata"]["annotations"][LAST_APPLIED]
    assert container_of(updated(live, annotated(desired)))["env"] == [then]


def test_a_probe_keeps_one_handler() -> None:
    desired = plain()
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 5}
    container_of(desired)["readinessProbe"] = probe
    made = updated(served(plain()), annotated(desired))
    assert "httpGet" not in container_of(made)["readinessProbe"]


def test_of_a_list_that_is_wanted_no_more_others_keep_theirs() -> None:
    before = plain()
    before["spec"]["template"]["spec"]["volumes"] = [{"name": "ours", "emptyDir": {}}]
    live = served(annotated(before))
    theirs = {"name": "theirs", "emptyDir": {}}
    live["spec"]["template"]["spec"]["volumes"].append(theirs)
    assert updated(live, plain())["spec"]["template"]["spec"]["volumes"] == [theirs]


def test_a_field_that_is_wanted_no_more_goes_with_its_defaults() -> None:
    before = plain()
    container_of(before)["startupProbe"] = {"tcpSocket": {"port": 1}}
    live = served(annotated(before))
    container_of(live)["startupProbe"]["timeoutSeconds"] = 1
    assert "startupProbe" not in container_of(updated(live, plain()))


@pytest.mark.parametrize("wanted", [None, {"disk": "ssd"}])
def test_a_node_selector_is_ours_alone(wanted: dict[str, str] | None) -> None:
    live, desired = served(plain()), plain()
    live["spec"]["template"]["spec"]["nodeSelector"] = {"node-role.kubernetes.io/chat": ""}
    if wanted is not None:
        desired["spec"]["template"]["spec"]["nodeSelector"] = wanted
    made = updated(live, annotated(desired))
    assert made["spec"]["template"]["spec"].get("nodeSelector") == wanted


def test_an_empty_struct_that_a_server_prunes_is_not_missed() -> None:
    desired = children_of("mm-operator-minimal")["MinIOInstance/acme-minio"]
    live = served(desired)
    del live["scheduler"]
    assert decide(live, desired) == Keep()


@pytest.mark.parametrize(
    "affinity",
    [
        pytest.param({"nodeAffinity": None}, id="a null"),
        pytest.param(
            {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"x": None}}},
            id="a null deep inside",
        ),
    ],
)
def test_a_section_of_nothing_but_nulls_is_not_wanted(affinity: dict[str, Any]) -> None:
    live, desired = served(plain()), plain()
    desired["spec"]["template"]["spec"]["affinity"] = affinity
    assert decide(live, desired) == Keep()


def test_an_empty_list_that_a_server_does_not_keep_is_not_missed() -> None:
    live, desired = served(plain()), plain()
    desired["spec"]["template"]["spec"]["hostAliases"] = []
    container_of(desired)["args"] = []
    assert decide(live, desired) == Keep()


def test_another_strategy_drives_the_old_one_out() -> None:
    desired = plain()
    desired["spec"]["strategy"] = {"type": "Recreate"}
    live = served(plain())
    del live["metadata"]["annotations"][LAST_APPLIED]
    assert updated(live, annotated(desired))["spec"]["strategy"] == {"type": "Recreate"}


def test_another_volume_source_drives_the_old_one_out() -> None:
    desired, live = plain(), served(plain())
    desired["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    live["spec"]["template"]["spec"]["volumes"] = [
        {"name": "v", "secret": {"secretName": "s", "defaultMode": 420}}
    ]
    made = updated(live, annotated(desired))
    assert made["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


def test_a_service_selects_by_our_labels_alone() -> None:
    desired, live = plain("Service/acme"), served(plain("Service/acme"))
    live["spec"]["selector"]["v1alpha1.mattermost.com/installation"] = "acme"
    assert updated(live, desired)["spec"]["selector"] == desired["spec"]["selector"]


def test_an_empty_annotation_is_a_value() -> None:
    desired = plain("Service/acme")
    desired["metadata"]["annotations"] = {"empty": ""}
    made = updated(served(plain("Service/acme")), annotated(desired))
    assert made["metadata"]["annotations"]["empty"] == ""


def test_an_empty_label_that_is_wanted_no_more_stays() -> None:
    before = plain("Service/acme")
    before["metadata"]["labels"] |= {"empty": "", "full": "x"}
    made = updated(served(annotated(before)), plain("Service/acme"))
    assert made["metadata"]["labels"]["empty"] == ""
    assert "full" not in made["metadata"]["labels"]


def test_a_service_of_another_type_is_made_anew() -> None:
    live = served(plain("Service/acme"))
    desired = plain("Service/acme")
    desired["spec"] |= {"type": "LoadBalancer", "clusterIP": "None"}
    decision = decide(live, annotated(desired))
    assert isinstance(decision, Recreate)
    assert "clusterIP" not in decision.obj["spec"]


def test_addresses_that_the_go_operator_carried_over_stay() -> None:
    """They are in its record, and not in what a round of ours wants."""
    desired = dict(annotated({**plain("Service/acme"), "spec": LOAD_BALANCER}))
    live = served(desired)
    live["spec"]["loadBalancerIP"] = "192.0.2.7"
    live["metadata"]["annotations"] |= carried(desired, live)["metadata"]["annotations"]
    assert decide(live, desired) == Keep()
    desired["metadata"]["labels"]["another"] = "kind's"
    assert updated(live, annotated(desired))["spec"] == live["spec"]


def owned_by(obj: dict[str, Any], kind: str, name: str, uid: str) -> dict[str, Any]:
    owner = {"kind": kind, "name": name, "uid": uid, "controller": True, "apiVersion": "g/v1"}
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": [owner]}}


@pytest.mark.parametrize("uid", ["ci-uid", "mm-uid-of-before"])
def test_the_installation_that_was_gives_way(uid: str) -> None:
    kind = "ClusterInstallation" if uid == "ci-uid" else "Mattermost"
    desired = plain("Service/acme")
    live = owned_by(served(desired), kind, "acme", uid)
    live["metadata"]["ownerReferences"].append({"kind": "Other", "name": "o", "uid": "o-uid"})
    owners = updated(live, desired)["metadata"]["ownerReferences"]
    assert {owner["uid"] for owner in owners} == {"mm-uid", "o-uid"}


@pytest.mark.parametrize(("kind", "name"), [("Mattermost", "other"), ("StatefulSet", "acme")])
def test_what_someone_else_controls_is_refused(kind: str, name: str) -> None:
    desired = plain("Service/acme")
    with pytest.raises(RefusedError, match=f"controlled by {kind} {name}"):
        decide(owned_by(served(desired), kind, name, "x"), desired)


def test_a_service_of_another_type_that_someone_else_controls_is_refused() -> None:
    desired = plain("Service/acme")
    live = owned_by(served(desired), "StatefulSet", "acme", "x")
    desired["spec"] |= {"type": "LoadBalancer"}
    with pytest.raises(RefusedError, match="controlled by StatefulSet acme"):
        decide(live, annotated(desired))


def test_an_unreadable_annotation_counts_as_none() -> None:
    desired = plain("Service/acme")
    live = served(desired)
    live["metadata"]["annotations"][LAST_APPLIED] = "rubbish"
    assert decide(live, desired) == Keep()
