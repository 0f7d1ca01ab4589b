"""What becomes of edits that somebody makes to a Mattermost before the way back."""

from typing import Any

import pytest

from mattermost_migrate.domain.conversion import ORIGINAL, convert, original, restore
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.testing.builders import cluster_installation

CI = cluster_installation(
    replicas=-5,
    minio={"externalURL": "s3", "storageSize": "10Gi"},
    serviceAnnotations={"a": "b"},
    resourceLabels={"team": "chat"},
)


def converted(ci: dict[str, Any] = CI) -> dict[str, Any]:
    return convert(ci, Existing(), assume_external=True).mattermost


def edited(**spec: Any) -> dict[str, Any]:
    mattermost = converted()
    return {**mattermost, "spec": {**mattermost["spec"], **spec}}


@pytest.mark.parametrize(
    ("edit", "path", "value"),
    [
        pytest.param({"replicas": 3}, "replicas", 3, id="a number of replicas"),
        pytest.param({"version": "9.0.0"}, "version", "9.0.0", id="an upgrade"),
        pytest.param(
            {"mattermostEnv": [{"name": "X", "value": "y"}]},
            "mattermostEnv",
            [{"name": "X", "value": "y"}, {"name": "MM_FILESETTINGS_AMAZONS3SSL", "value": "true"}],
            id="our env entry removed means TLS from now on",
        ),
        pytest.param(
            {"ingress": {"enabled": True, "host": "new.example.com"}},
            "ingressName",
            "new.example.com",
            id="the new form of the Ingress",
        ),
        pytest.param(
            {"resourceLabels": {"team": "core", "app": "mattermost"}},
            "resourceLabels",
            {"team": "core"},
            id="labels without the operator's own",
        ),
    ],
)
def test_an_edit_comes_back(edit: dict[str, Any], path: str, value: Any) -> None:
    assert restore(edited(**edit))["spec"][path] == value


def test_no_replicas_come_back_as_none_and_not_as_unset() -> None:
    mattermost = converted(cluster_installation(replicas=2))
    mattermost["spec"]["replicas"] = 0

    assert restore(mattermost)["spec"]["replicas"] == -1


def test_an_edit_wins_over_the_record_and_leaves_the_rest_of_it() -> None:
    store = {"external": {"url": "s3", "bucket": "other", "secret": "acme-minio"}}

    minio = restore(edited(fileStore=store))["spec"]["minio"]

    assert minio["externalBucket"] == "other"
    assert minio["storageSize"] == "10Gi"
    assert "secret" not in minio


@pytest.mark.parametrize(
    ("field", "edit"),
    [
        ("spec.volumes", {"volumes": [{"name": "v", "emptyDir": {}}]}),
        ("spec.dnsPolicy", {"dnsPolicy": "Default"}),
        ("spec.scheduling.tolerations", {"scheduling": {"tolerations": [{"key": "k"}]}}),
        ("spec.fileStore.local", {"fileStore": {"local": {"enabled": True}}}),
        ("spec.podTemplate", {"podTemplate": {"extraLabels": {"a": "b"}}}),
        ("spec.jobServer", {"jobServer": {"dedicatedJobServer": True}}),
        ("spec.resourcePatch", {"resourcePatch": {"service": {"patch": "[]"}}}),
        (
            "spec.ingress.hosts",
            {"ingress": {"enabled": True, "host": "a", "hosts": [{"hostName": "b"}]}},
        ),
        ("spec.ingress.enabled", {"ingress": {"enabled": False, "host": "a"}}),
        (
            "spec.ingress.tlsSecret",
            {"ingress": {"enabled": True, "host": "a", "tlsSecret": "mine"}},
        ),
        ("spec.ingress.host", {"ingress": {"enabled": False}, "useServiceLoadBalancer": True}),
        ("spec.serviceAnnotations", {"serviceAnnotations": {"a": "c"}}),
        ("spec.resourceLabels[app]", {"resourceLabels": {"app": "mine"}}),
        (
            "spec.database.operatorManaged.replicas",
            {"database": {"operatorManaged": {"replicas": 0}}},
        ),
        (
            "spec.fileStore.operatorManaged.replicas",
            {"fileStore": {"operatorManaged": {"replicas": 0}}},
        ),
    ],
)
def test_an_edit_without_place_is_refused_by_field_or_dropped(
    field: str, edit: dict[str, Any]
) -> None:
    with pytest.raises(RefusedError) as refused:
        restore(edited(**edit))

    assert [fault.field for fault in refused.value.faults] == [field]
    assert restore(edited(**edit), discard=True)["kind"] == "ClusterInstallation"


def test_a_host_that_was_taken_away_comes_back_where_edits_are_dropped() -> None:
    mattermost = edited(ingress={"enabled": False}, useServiceLoadBalancer=True)

    assert restore(mattermost, discard=True)["spec"]["ingressName"] == CI["spec"]["ingressName"]


@pytest.mark.parametrize("discard", [False, True])
@pytest.mark.parametrize(
    ("field", "edit"),
    [
        ("spec.ingress.host", {"ingress": {"enabled": False}}),
        ("spec.ingress.host", {"ingress": {"enabled": False, "host": ""}}),
        ("spec.ingressName", {}),
    ],
)
def test_without_any_host_there_is_no_way_back_even_behind_a_load_balancer(
    field: str, edit: dict[str, Any], *, discard: bool
) -> None:
    mattermost = edited(ingressName="", useServiceLoadBalancer=True, **edit)

    with pytest.raises(RefusedError) as refused:
        restore(mattermost, discard=discard)

    assert [(fault.field, fault.reason) for fault in refused.value.faults] == [(field, "Invalid")]


def test_what_says_nothing_is_no_edit() -> None:
    nothing = {"podTemplate": {}, "updateJob": {}, "volumes": [], "dnsConfig": None}

    assert restore(edited(**nothing)) == original(CI)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"changes":[{}]}', '{"changes":[5]}'])
def test_a_record_that_somebody_spoilt_is_named(text: str) -> None:
    mattermost = converted()
    mattermost["metadata"]["annotations"][ORIGINAL] = text

    with pytest.raises(RefusedError) as refused:
        restore(mattermost)

    assert [fault.field for fault in refused.value.faults] == [f"metadata.annotations[{ORIGINAL}]"]


def test_a_mattermost_that_never_was_anything_else_gets_the_plainest_installation() -> None:
    native = {
        "apiVersion": "installation.mattermost.com/v1beta1",
        "kind": "Mattermost",
        "metadata": {"name": "acme", "namespace": "ns"},
        "spec": {"ingress": {"enabled": True, "host": "a.b", "tlsSecret": "a-b-tls-cert"}},
    }

    assert restore(native)["spec"]["ingressName"] == "a.b"
    assert restore(native)["spec"]["useIngressTLS"] is True


def test_names_of_managers_do_not_come_back() -> None:
    mattermost = converted()
    mattermost["metadata"]["annotations"]["meta.helm.sh/release-name"] = "new"

    assert restore(mattermost) == original(CI)


def test_annotations_of_a_load_balancer_come_back_when_edited() -> None:
    mattermost = converted(
        cluster_installation(useServiceLoadBalancer=True, serviceAnnotations={"a": "b"})
    )
    mattermost["spec"]["serviceAnnotations"] = {"a": "c"}

    assert restore(mattermost)["spec"]["serviceAnnotations"] == {"a": "c"}
