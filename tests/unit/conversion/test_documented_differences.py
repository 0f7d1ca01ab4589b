"""docs/reference/conversion.md says where we differ from the operator. One test a row."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mattermost_migrate.domain.conversion import ORIGINAL, Converted, convert, original, restore
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.objects import ANNOTATIONS_LIMIT, Existing, annotations_size
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    secret,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "conversion.md"
EXTERNAL = {"externalURL": "s3.example.com", "externalBucket": "bucket", "secret": "files"}
CREDENTIALS = {"ROOT_PASSWORD": "r", "USER": "u", "PASSWORD": "p", "DATABASE": "d"}
POSTGRES = "postgres://mm:hush@db.example.com:5432/mm"


def carried(ci: dict[str, Any], *secrets: dict[str, Any]) -> Converted:
    """Converted beside the ordinary Secrets, and proven to come back."""
    converted = convert(ci, Existing.of([database_secret(), file_secret(), *secrets]))
    assert restore(converted.mattermost) == original(ci)
    return converted


def spec_of(ci: dict[str, Any], *secrets: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = carried(ci, *secrets).mattermost["spec"]
    return spec


def refused_fields(ci: dict[str, Any], *secrets: dict[str, Any]) -> list[str]:
    with pytest.raises(RefusedError) as refused:
        convert(ci, Existing.of([database_secret(), file_secret(), *secrets]))
    return [fault.field for fault in refused.value.faults]


def warned_fields(ci: dict[str, Any], *secrets: dict[str, Any]) -> list[str]:
    return [warning.field for warning in carried(ci, *secrets).warnings]


def test_every_row_has_a_test_and_every_test_a_row() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    tests = {name.removeprefix("test_row_") for name in globals() if name.startswith("test_row_")}

    assert sorted(rows) == sorted(name.replace("_", "-") for name in tests)


def test_row_s3_ssl() -> None:
    entry = {"name": "MM_FILESETTINGS_AMAZONS3SSL", "value": "false"}
    users = {"name": "MM_FILESETTINGS_AMAZONS3SSL", "value": "true"}

    assert spec_of(cluster_installation())["mattermostEnv"] == [entry]
    assert spec_of(cluster_installation(mattermostEnv=[users]))["mattermostEnv"] == [users]
    assert "mattermostEnv" not in spec_of(cluster_installation(minio={}))


def test_row_bucket_filled_in() -> None:
    ci = cluster_installation(minio={"externalURL": "s3", "secret": "files"})

    assert spec_of(ci)["fileStore"]["external"]["bucket"] == "acme"


def test_row_store_secret_filled_in() -> None:
    ci = cluster_installation(minio={"externalURL": "s3", "externalBucket": "b"})
    generated = file_secret("acme-minio")

    assert spec_of(ci, generated)["fileStore"]["external"]["secret"] == "acme-minio"
    assert warned_fields(ci, generated) == []
    assert warned_fields(ci) == ["spec.minio.secret"]
    assert refused_fields(ci, secret("acme-minio", accesskey="half")) == ["spec.minio.secret"]


def test_row_bucket_of_a_kept_store() -> None:
    entry = {"name": "MM_FILESETTINGS_AMAZONS3BUCKET", "value": "old"}
    users = {"name": "MM_FILESETTINGS_AMAZONS3BUCKET", "value": "mine"}
    kept = {"externalBucket": "old"}

    assert spec_of(cluster_installation(minio=kept))["mattermostEnv"] == [entry]
    assert spec_of(cluster_installation(minio=kept, mattermostEnv=[users]))["mattermostEnv"] == [
        users
    ]
    assert "mattermostEnv" not in spec_of(cluster_installation(minio={"externalBucket": "acme"}))


def test_row_generated_secrets_named() -> None:
    ci = cluster_installation(
        minio={"secret": "acme-minio"}, database={"secret": "acme-mysql-root-password"}
    )
    secrets = file_secret("acme-minio"), secret("acme-mysql-root-password", **CREDENTIALS)

    spec = spec_of(ci, *secrets)

    assert list(spec["fileStore"]) == list(spec["database"]) == ["operatorManaged"]


def test_row_no_database_replicas() -> None:
    restoring = spec_of(cluster_installation(database={"initBucketURL": "s3://b/dump"}))
    ordinary = spec_of(cluster_installation(database={}))

    assert restoring["database"]["operatorManaged"]["replicas"] == 0
    assert "replicas" not in ordinary["database"]["operatorManaged"]


def test_row_negative_replicas_of_stores() -> None:
    spec = spec_of(cluster_installation(database={"replicas": -1}, minio={"replicas": -2}))

    assert spec["database"]["operatorManaged"]["replicas"] == -1
    assert spec["fileStore"]["operatorManaged"]["replicas"] == -2


def test_row_labels_not_polluted() -> None:
    labels = {"team": "chat", "app": "mattermost"}

    assert spec_of(cluster_installation(resourceLabels=labels))["resourceLabels"] == labels
    assert "resourceLabels" not in spec_of(cluster_installation())


def test_row_service_annotations() -> None:
    annotations = {"example.com/lb": "internal"}
    idle = cluster_installation(serviceAnnotations=annotations)
    balanced = cluster_installation(serviceAnnotations=annotations, useServiceLoadBalancer=True)

    assert "serviceAnnotations" not in spec_of(idle)
    assert warned_fields(idle) == ["spec.serviceAnnotations"]
    assert spec_of(balanced)["serviceAnnotations"] == annotations
    assert warned_fields(balanced) == []


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        ("annotations", "meta.helm.sh/release-name"),
        ("labels", "app.kubernetes.io/managed-by"),
        ("labels", "app.kubernetes.io/instance"),
        ("labels", "helm.sh/chart"),
        ("annotations", "argocd.argoproj.io/tracking-id"),
        ("labels", "kustomize.toolkit.fluxcd.io/name"),
        ("labels", "helm.toolkit.fluxcd.io/name"),
        ("labels", "kapp.k14s.io/app"),
        ("annotations", "objectset.rio.cattle.io/id"),
        ("labels", "applyset.kubernetes.io/part-of"),
    ],
)
def test_row_marks_of_managers(group: str, key: str) -> None:
    ci = cluster_installation()
    ci["metadata"][group] = {key: "x", "team": "chat"}

    converted = carried(ci)

    metadata = converted.mattermost["metadata"]
    assert {name for name in metadata[group] if name != ORIGINAL} == {"team"}
    assert [warning.field for warning in converted.warnings] == [f"metadata.{group}[{key}]"]


def test_row_own_marks() -> None:
    ci = cluster_installation()
    ci["metadata"]["annotations"] = {"migration.mattermost.com/requested": "now"}

    assert list(carried(ci).mattermost["metadata"]["annotations"]) == [ORIGINAL]


def test_row_finalizers_and_owners() -> None:
    ci = cluster_installation()
    owner = {"apiVersion": "v1", "kind": "Tenant", "name": "t", "uid": "1"}
    ci["metadata"] |= {"finalizers": ["example.com/hold"], "ownerReferences": [owner]}

    converted = carried(ci)

    assert set(converted.mattermost["metadata"]) == {"name", "namespace", "annotations"}
    assert [warning.field for warning in converted.warnings] == ["metadata.ownerReferences"]
    assert restore(converted.mattermost)["metadata"]["finalizers"] == ["example.com/hold"]


def test_row_fields_without_place() -> None:
    ci = cluster_installation(
        minio={**EXTERNAL, "storageSize": "10Gi", "replicas": 4},
        database={"secret": "db", "type": "mysql", "version": "8.0", "replicas": 3},
        blueGreen={"blue": {"name": "b", "image": "i"}, "productionDeployment": "blue"},
        canary={"deployment": {"name": "c"}},
        migrate=True,
    )

    restored = restore(carried(ci).mattermost)["spec"]

    assert restored["minio"]["storageSize"] == "10Gi"
    assert restored["database"]["version"] == "8.0"
    assert restored["blueGreen"]["blue"]["name"] == "b"
    assert restored["canary"]["deployment"]["name"] == "c"
    assert restored["migrate"] is True


def test_row_store_under_another_name() -> None:
    assert refused_fields(cluster_installation(minio={"secret": "files"})) == ["spec.minio.secret"]


def test_row_database_under_another_secret() -> None:
    ci = cluster_installation(database={"secret": "mysql"})

    assert refused_fields(ci, secret("mysql", **CREDENTIALS)) == ["spec.database.secret"]


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (POSTGRES, "postgresql://db:5432/mm"),
        (POSTGRES, "tcp://db:5432"),
        (POSTGRES, ""),
        (POSTGRES, " \n"),
        (POSTGRES, "postgres:///mm"),
        (POSTGRES, "postgres://u:p%zz@db/mm"),
        ("mysql://u@tcp(db)/mm", "mysql://db:3306"),
        ("sqlite://x", "postgresql://db"),
    ],
)
def test_row_check_url(connection: str, url: str) -> None:
    held = {"DB_CONNECTION_STRING": connection, "DB_CONNECTION_CHECK_URL": url}
    ci = cluster_installation(database={"secret": "other"})

    assert refused_fields(ci, secret("other", **held)) == ["spec.database.secret"]


def test_row_empty_connection_string() -> None:
    ci = cluster_installation(database={"secret": "other"})

    assert refused_fields(ci, secret("other", DB_CONNECTION_STRING="")) == ["spec.database.secret"]


@pytest.mark.parametrize(
    "key",
    [
        "app",
        "v1alpha1.mattermost.com/installation",
        "v1alpha1.mattermost.com/resource",
        "installation.mattermost.com/installation",
        "installation.mattermost.com/resource",
    ],
)
def test_row_labels_of_the_operator(key: str) -> None:
    theirs = "mattermost" if key == "app" else "acme"

    assert refused_fields(cluster_installation(resourceLabels={key: "mine"})) == [
        f"spec.resourceLabels[{key}]"
    ]
    assert spec_of(cluster_installation(resourceLabels={key: theirs}))["resourceLabels"] == {
        key: theirs
    }


def test_row_ingress_snippets() -> None:
    key = "nginx.ingress.kubernetes.io/Server-SNIPPET"
    annotations = {key: "gzip on;", "example.com/kept": "x"}

    assert refused_fields(cluster_installation(ingressAnnotations=annotations)) == [
        f"spec.ingressAnnotations[{key}]"
    ]
    balanced = cluster_installation(ingressAnnotations=annotations, useServiceLoadBalancer=True)
    assert spec_of(balanced)["ingressAnnotations"] == annotations


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\n"])
def test_row_ingress_line_breaks(value: str) -> None:
    ci = cluster_installation(ingressAnnotations={"example.com/m": value})

    assert refused_fields(ci) == ["spec.ingressAnnotations[example.com/m]"]


def test_row_empty_body_size() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"

    assert refused_fields(cluster_installation(ingressAnnotations={key: ""})) == [
        f"spec.ingressAnnotations[{key}]"
    ]


def test_row_no_host() -> None:
    ci = cluster_installation(ingressName="", useServiceLoadBalancer=True)

    assert refused_fields(ci) == ["spec.ingressName"]


def test_row_foreign_database_type() -> None:
    ci = cluster_installation(database={"type": "postgres"})

    assert refused_fields(ci) == ["spec.database.type"]
    assert spec_of(cluster_installation(database={"type": "postgres", "secret": "db"}))


def test_row_store_secret_unusable() -> None:
    ci = cluster_installation(minio={**EXTERNAL, "secret": "other"})

    assert refused_fields(ci) == ["spec.minio.secret"]
    assert refused_fields(ci, secret("other")) == ["spec.minio.secret", "spec.minio.secret"]


def test_row_license_unusable() -> None:
    ci = cluster_installation(mattermostLicenseSecret="lic")

    assert refused_fields(ci) == ["spec.mattermostLicenseSecret"]
    assert refused_fields(ci, secret("lic", other="x")) == ["spec.mattermostLicenseSecret"]
    assert spec_of(ci, secret("lic", license="x"))["licenseSecret"] == "lic"


@pytest.mark.parametrize("kind", ["ClusterInstallation", "Mattermost", "Deployment"])
def test_row_job_server_of_that_name(kind: str) -> None:
    other = {"kind": kind, "metadata": {"name": "acme-jobserver", "namespace": "ns"}}

    assert refused_fields(cluster_installation(), other) == ["metadata.name"]


def test_row_ingress_class_of_that_name() -> None:
    foreign = {"kind": "IngressClass", "metadata": {"name": "acme"}}
    labels = {"installation.mattermost.com/resource": "acme"}
    own = {"kind": "IngressClass", "metadata": {"name": "acme", "labels": labels}}

    assert refused_fields(cluster_installation(), foreign) == ["metadata.name"]
    assert spec_of(cluster_installation(), own)
    assert spec_of(cluster_installation(useServiceLoadBalancer=True), foreign)


def test_row_being_deleted() -> None:
    ci = cluster_installation()
    ci["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert refused_fields(ci) == ["metadata.deletionTimestamp"]


def test_row_unknown_fields() -> None:
    ci = cluster_installation(replica=3)
    ci["spec"]["minio"] = {**EXTERNAL, "bucket": "b"}

    assert sorted(refused_fields(ci)) == ["spec.minio.bucket", "spec.replica"]


def test_row_too_many_annotations() -> None:
    ci = cluster_installation()
    mark = "kubectl.kubernetes.io/last-applied-configuration"
    ci["metadata"]["annotations"] = {mark: "x" * (256 * 1024 - len(mark))}

    assert refused_fields(ci) == ["metadata.annotations"]


def test_annotations_may_fill_the_room_to_the_last_byte() -> None:
    ci = cluster_installation()
    ci["metadata"]["annotations"] = {"note": "ü"}
    left = ANNOTATIONS_LIMIT - annotations_size(carried(ci).mattermost["metadata"]["annotations"])

    ci["metadata"]["annotations"] = {"note": "ü" + "x" * left}
    assert carried(ci)
    ci["metadata"]["annotations"] = {"note": "ü" + "x" * (left + 1)}
    assert refused_fields(ci) == ["metadata.annotations"]


def test_secrets_of_the_spec_are_not_repeated_in_the_record() -> None:
    ci = cluster_installation(
        elasticSearch={"host": "es", "password": "hush"},
        mattermostEnv=[{"name": "TOKEN", "value": "quiet"}],
        minio={"externalURL": "s3"},
        replicas=-3,
        serviceAnnotations={"a": "b"},
    )

    record = carried(ci, file_secret("acme-minio")).mattermost["metadata"]["annotations"][ORIGINAL]

    assert "hush" not in record
    assert "quiet" not in record


def test_secrets_are_in_no_message() -> None:
    held = {"DB_CONNECTION_STRING": POSTGRES, "DB_CONNECTION_CHECK_URL": "postgres://u:hush%zz@db"}
    ci = cluster_installation(database={"secret": "other"})

    with pytest.raises(RefusedError) as refused:
        convert(ci, Existing.of([secret("other", **held), file_secret()]))

    assert "hush" not in str(refused.value)


def test_all_faults_come_at_once() -> None:
    ci = cluster_installation(
        ingressName="",
        resourceLabels={"app": "mine"},
        minio={"secret": "gone"},
        database={"secret": "gone"},
        blueGreen={"enable": True},
        canary={"enable": True},
    )

    assert refused_fields(ci) == [
        "spec.blueGreen.enable",
        "spec.canary.enable",
        "spec.ingressName",
        "spec.resourceLabels[app]",
        "spec.database.secret",
        "spec.minio.secret",
        "spec.minio.secret",
    ]


def test_an_affinity_for_the_old_labels_is_carried_with_a_warning() -> None:
    term = {
        "labelSelector": {"matchLabels": {"v1alpha1.mattermost.com/resource": "acme"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    ci = cluster_installation(affinity={"podAntiAffinity": required})

    assert warned_fields(ci) == ["spec.affinity"]
    assert spec_of(ci)["scheduling"]["affinity"] == {"podAntiAffinity": required}


def test_a_key_that_only_a_mattermost_reads_is_warned_of() -> None:
    held = {"DB_CONNECTION_STRING": POSTGRES, "MM_SQLSETTINGS_DATASOURCE": "postgres://elsewhere"}
    ci = cluster_installation(database={"secret": "other"})

    assert warned_fields(ci, secret("other", **held)) == ["spec.database.secret"]


def test_secrets_that_are_not_given_can_be_taken_for_good() -> None:
    ci = cluster_installation(mattermostLicenseSecret="lic")

    mattermost = convert(ci, Existing(), assume_external=True).mattermost

    assert mattermost["spec"]["database"] == {"external": {"secret": "db"}}
    assert restore(json.loads(json.dumps(mattermost))) == original(ci)
