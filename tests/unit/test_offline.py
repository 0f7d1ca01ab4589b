"""Manifests in, objects out, without a cluster."""

import json
from typing import Any

import pytest

from mattermost_migrate.domain.manifests import Document, read
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.domain.offline import Outcome, convert_documents, render_documents
from mattermost_migrate.testing import crd, golden
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    secret,
)


def documents(*objects: Any) -> tuple[Document, ...]:
    manifests = read([("f.json", "\n".join(json.dumps(obj) for obj in objects))])
    assert manifests.faults == ()
    return manifests.documents


def converted(*objects: Any, **options: Any) -> Outcome:
    return convert_documents(documents(*objects), **options)


def rendered(*objects: Any) -> Outcome:
    return render_documents(documents(*objects), generate=golden.placeholder)


def lines(outcome: Outcome) -> list[str]:
    return [line for refusal in outcome.refusals for line in refusal.lines()]


def test_secrets_among_the_documents_are_used_wherever_they_stand() -> None:
    outcome = converted(cluster_installation(), database_secret(), file_secret())

    assert [obj["kind"] for obj in outcome.objects] == ["Mattermost"]
    assert lines(outcome) == []


def test_plain_texts_in_a_secret_count() -> None:
    plain = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "ns"},
        "stringData": {"DB_CONNECTION_STRING": "postgres://db/mm"},
    }

    assert len(converted(cluster_installation(), plain, file_secret()).objects) == 1


def test_all_faults_of_all_installations_come_at_once() -> None:
    outcome = converted(
        cluster_installation("a", ingressName=""),
        cluster_installation("b"),
        cluster_installation("c", replicas="3"),
    )

    assert [line.split(": ")[:3] for line in lines(outcome)] == [
        ["f.json:1", "ClusterInstallation ns/a", "spec.ingressName"],
        ["f.json:1", "ClusterInstallation ns/a", "spec.database.secret"],
        ["f.json:1", "ClusterInstallation ns/a", "spec.minio.secret"],
        ["f.json:2", "ClusterInstallation ns/b", "spec.database.secret"],
        ["f.json:2", "ClusterInstallation ns/b", "spec.minio.secret"],
        ["f.json:3", "ClusterInstallation ns/c", "spec.replicas"],
    ]
    assert lines(outcome)[-1].endswith("must be an integer, not a string")


def test_a_secret_of_another_namespace_is_another_secret() -> None:
    outcome = converted(cluster_installation(), database_secret("db", "other"), file_secret())

    assert len(lines(outcome)) == 1


def test_a_document_without_namespace_is_in_the_one_given() -> None:
    installation, store = cluster_installation(), file_secret()
    del installation["metadata"]["namespace"]
    del store["metadata"]["namespace"]

    outcome = converted(installation, store, database_secret("db", "team"), namespace="team")

    assert lines(outcome) == []
    assert "namespace" not in outcome.objects[0]["metadata"]


def test_secrets_that_are_not_given_can_be_taken_for_good() -> None:
    assert len(converted(cluster_installation(), assume_external=True).objects) == 1


def test_other_kinds_are_named_and_passed_over_or_refused() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}
    given = cluster_installation(), service, database_secret(), file_secret()

    passing, refusing = converted(*given), converted(*given, refuse_unknown=True)

    assert [str(document) for document in passing.passed_over] == ["f.json:2: Service x"]
    assert lines(passing) == []
    assert lines(refusing) == ["f.json:2: Service x: kind: means nothing here"]
    assert len(refusing.objects) == 1


@pytest.mark.parametrize("render", [False, True])
def test_a_kind_of_a_version_nobody_knows_is_refused(render: bool) -> None:  # noqa: FBT001
    odd = {**cluster_installation(), "apiVersion": "mattermost.com/v1"}
    outcome = rendered(odd) if render else converted(odd)

    (line,) = lines(outcome)
    assert line.startswith("f.json:1: ClusterInstallation ns/acme: apiVersion: 'mattermost.com/v1'")
    assert line.endswith("ClusterInstallation is of mattermost.com/v1alpha1")


def test_an_object_given_twice_is_refused() -> None:
    outcome = converted(cluster_installation(), cluster_installation(), assume_external=True)

    assert lines(outcome) == [
        "f.json:2: ClusterInstallation ns/acme: is given twice, first at f.json:1"
    ]


@pytest.mark.parametrize(
    ("field", "group"),
    [
        ("data[k]", {"data": {"k": "?"}}),
        ("data[k]", {"data": {"k": 5}}),
        ("stringData[k]", {"stringData": {"k": True}}),
        ("data", {"data": []}),
        ("data", {"data": "x"}),
    ],
)
def test_a_secret_that_no_server_would_take_is_named_without_its_values(
    field: str, group: dict[str, Any]
) -> None:
    outcome = converted({**secret("s"), "data": None, **group})

    expected = [] if group == {"data": []} else [f"f.json:1: Secret ns/s: {field}"]
    assert [line.rsplit(": ", 1)[0] for line in lines(outcome)] == expected


def test_all_faults_of_a_secret_come_at_once() -> None:
    outcome = converted({**secret("s"), "data": "x", "stringData": {"a": 1, "b": "", "c": 2}})

    assert [line.split(": ")[2] for line in lines(outcome)] == [
        "data",
        "stringData[a]",
        "stringData[c]",
    ]


def test_line_breaks_in_base64_are_none_of_our_business() -> None:
    folded = {**secret("s"), "data": {"k": "aGVs\nbG8=\n"}}

    assert lines(converted(folded)) == []


def test_both_kinds_are_rendered_with_their_uid() -> None:
    installation = cluster_installation()
    installation["metadata"]["uid"] = "u-1"
    mattermost = converted(installation, assume_external=True).objects[0]
    mattermost = {**mattermost, "metadata": {**mattermost["metadata"], "uid": "u-2"}}

    children = rendered(installation, mattermost, database_secret(), file_secret()).objects

    owners = {child["metadata"]["ownerReferences"][0]["uid"] for child in children}
    assert owners == {"u-1", "u-2"}
    assert [child["kind"] for child in children].count("Deployment") == 2


def test_children_without_a_namespace_of_their_own_get_the_one_given() -> None:
    installation = cluster_installation(minio={}, database={})
    del installation["metadata"]["namespace"]

    outcome = rendered(installation)

    assert {child["metadata"]["namespace"] for child in outcome.objects} == {"default"}


def test_what_the_operator_would_break_off_is_shown_as_far_as_it_goes() -> None:
    outcome = rendered(cluster_installation(mattermostLicenseSecret="gone"))

    assert len(outcome.refusals) == 1
    assert 'secrets "db" not found' in lines(outcome)[0]


@pytest.mark.parametrize("case", golden.cases(), ids=str)
def test_recorded_installations_render_from_a_stream(case: golden.Case) -> None:
    kind = "clusterInstallation" if "clusterInstallation" in case.input else "mattermost"
    if case.input.get("stage") == "convert":
        return

    outcome = rendered(case.resource(kind), *case.world)

    recorded = case.output[
        "childrenV1alpha1" if kind == "clusterInstallation" else "childrenV1beta1"
    ]
    given = {golden.key_of(obj) for obj in case.world}  # those are merged, not made
    made, wanted = golden.entries(outcome.objects), golden.recorded(recorded)
    assert {key: made[key] for key in made if key not in given} == {
        key: wanted[key] for key in wanted if key not in given
    }
    stopped = case.error("v1alpha1" if kind == "clusterInstallation" else "v1beta1")
    assert bool(outcome.refusals) == bool(stopped)


@pytest.mark.parametrize("kind", ["ClusterInstallation", "Mattermost"])
def test_whatever_the_crd_allows_is_rendered_or_refused(kind: str) -> None:
    spec = crd.schema(kind)
    head = {"ClusterInstallation": CLUSTER_INSTALLATION, "Mattermost": MATTERMOST}[kind]
    generator = crd.Generator(seed=4)
    metadata = {"name": "acme", "namespace": "ns"}

    for _ in range(300):
        obj = {"apiVersion": head.api_version, "kind": kind, "metadata": metadata}
        outcome = rendered({**obj, "spec": generator.make(spec)}, database_secret(), file_secret())
        assert outcome.objects or outcome.refusals
