from __future__ import annotations

import base64
from typing import Any

import pytest

from mattermost_migrate.domain.named_secrets import NamedSecret, Use, named_secrets
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION, MATTERMOST
from mattermost_migrate.domain.validation.secrets import cautions

OLD, NEW = CLUSTER_INSTALLATION.kind, MATTERMOST.kind
TLS = {"enabled": True, "host": "chat.example.com", "tlsSecret": "chat-tls"}
CONNECTION = {"DB_CONNECTION_STRING": "postgres://mm:hunter2@db/mm"}


def fields(kind: str, spec: Any) -> dict[str, str]:
    return {each.field: each.name for each in named_secrets(kind, {"spec": spec})}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        pytest.param(
            OLD,
            {
                "database": {"secret": "db", "backupSecretName": "never-used"},
                "minio": {"secret": "files"},
                "mattermostLicenseSecret": "lic",
            },
            {
                "spec.database.secret": "db",
                "spec.minio.secret": "files",
                "spec.mattermostLicenseSecret": "lic",
            },
            id="the stores and the license of a ClusterInstallation",
        ),
        pytest.param(
            NEW,
            {
                "database": {"external": {"secret": "db"}},
                "fileStore": {"external": {"url": "s3", "secret": "files"}},
                "licenseSecret": "lic",
            },
            {
                "spec.database.external.secret": "db",
                "spec.fileStore.external.secret": "files",
                "spec.licenseSecret": "lic",
            },
            id="those of a Mattermost",
        ),
        pytest.param(
            NEW,
            {"fileStore": {"external": {"url": "s3", "secret": "f", "useServiceAccount": True}}},
            {},
            id="keys that the ServiceAccount's role makes needless",
        ),
        pytest.param(
            OLD,
            {"database": {"initBucketURL": "s3://b", "backupRestoreSecretName": "restore"}},
            {"spec.database.backupRestoreSecretName": "restore"},
            id="what a database is restored with",
        ),
        pytest.param(
            OLD, {"database": {"backupRestoreSecretName": "restore"}}, {}, id="nothing to restore"
        ),
        pytest.param(
            NEW, {"ingress": TLS}, {"spec.ingress.tlsSecret": "chat-tls"}, id="a certificate"
        ),
        pytest.param(
            NEW,
            {"ingress": {**TLS, "annotations": {"cert-manager.io/cluster-issuer": "acme"}}},
            {},
            id="a certificate that will be issued",
        ),
        pytest.param(NEW, {"ingress": {**TLS, "enabled": False}}, {}, id="no Ingress"),
        pytest.param(
            NEW,
            {
                "imagePullSecrets": [{"name": "pull"}, {}],
                "volumes": [
                    {"name": "a", "secret": {"secretName": "vol"}},
                    {"name": "b", "secret": {"secretName": "maybe", "optional": True}},
                    {"name": "c", "emptyDir": {}},
                ],
            },
            {
                "spec.imagePullSecrets[0].name": "pull",
                "spec.volumes[0].secret.secretName": "vol",
            },
            id="what a pod needs",
        ),
        pytest.param(
            OLD,
            {
                "mattermostEnv": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "env", "key": "b"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "x", "optional": True}}},
                ]
            },
            {"spec.mattermostEnv[1].valueFrom.secretKeyRef.name": "env"},
            id="the environment",
        ),
        pytest.param(
            NEW,
            {"database": ["db"], "ingress": "tls", "volumes": {"secret": 1}, "licenseSecret": 5},
            {},
            id="what the schema forbids",
        ),
        pytest.param(NEW, None, {}, id="no spec"),
        pytest.param(INSTALLATION_MIGRATION.kind, {"licenseSecret": "lic"}, {}, id="another kind"),
    ],
)
def test_an_installation_names_secrets(kind: str, spec: Any, expected: dict[str, str]) -> None:
    assert fields(kind, spec) == expected


def secret(**data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": "s"}, "data": encoded}


@pytest.mark.parametrize(
    ("use", "held", "expected"),
    [
        pytest.param(Use.LICENSE, None, "there is no Secret 's' in the namespace", id="missing"),
        pytest.param(
            Use.LICENSE,
            secret(licence="x"),
            "Secret 's' has no key 'license' that can be read",
            id="another key",
        ),
        pytest.param(Use.LICENSE, secret(license="x"), None, id="a license"),
        pytest.param(
            Use.FILES,
            secret(accesskey="a"),
            "Secret 's' has no key 'secretkey' that can be read",
            id="half of the keys",
        ),
        pytest.param(Use.INGRESS, secret(), None, id="of what is in it nothing is known"),
        pytest.param(Use.DATABASE, secret(**CONNECTION), None, id="a database"),
        pytest.param(
            Use.DATABASE,
            secret(**CONNECTION, DB_CONNECTION_CHECK_URL="postgres://mm:hunter2@db/mm"),
            None,
            id="postgres://",
        ),
        pytest.param(
            Use.DATABASE,
            secret(DB_CONNECTION_STRING="postgresql://mm:hunter2@db/mm"),
            None,
            id="a connection string that both kinds take",
        ),
        pytest.param(
            Use.DATABASE,
            secret(**CONNECTION, DB_CONNECTION_CHECK_URL="postgresql://mm:hunter2@db/mm"),
            "Secret 's': DB_CONNECTION_CHECK_URL is postgresql://, must be postgres://",
            id="postgresql://",
        ),
        pytest.param(
            Use.DATABASE,
            secret(**CONNECTION, DB_CONNECTION_CHECK_URL="hunter2:%zz"),
            "Secret 's': DB_CONNECTION_CHECK_URL is refused by a Mattermost",
            id="no URL",
        ),
        pytest.param(
            Use.DATABASE,
            secret(DB_CONNECTION_STRING=""),
            "Secret 's': DB_CONNECTION_STRING is empty",
            id="no connection string",
        ),
        pytest.param(
            Use.DATABASE,
            secret(USER="mm"),
            "Secret 's' has neither DB_CONNECTION_STRING nor ROOT_PASSWORD",
            id="of no database",
        ),
        pytest.param(
            Use.DATABASE,
            secret(ROOT_PASSWORD="r", USER="u", PASSWORD="p", DATABASE="d"),
            None,
            id="of an operator-managed database",
        ),
    ],
)
def test_a_secret_is_judged_by_what_it_is_for(
    use: Use, held: dict[str, Any] | None, expected: str | None
) -> None:
    said = [each.message for each in cautions(OLD, NamedSecret(use, "spec.f", "s"), held)]

    assert said == ([expected] if expected else [])


def test_a_mattermost_has_its_external_database_in_one_key() -> None:
    held = secret(ROOT_PASSWORD="r", USER="u", PASSWORD="p", DATABASE="d")
    named = NamedSecret(Use.DATABASE, "spec.database.external.secret", "s")

    (said,) = cautions(NEW, named, held)
    assert said.message == "Secret 's' has no key 'DB_CONNECTION_STRING'"


def test_a_variable_needs_its_key() -> None:
    named = NamedSecret(Use.POD, "spec.mattermostEnv[0].valueFrom.secretKeyRef.name", "s", "k")

    (said,) = cautions(OLD, named, secret(other="x"))
    assert str(said).endswith(": Secret 's' has no key 'k' that can be read")


@pytest.mark.parametrize("length", [1, 25, 26, 253])
@pytest.mark.parametrize(
    "held",
    [
        None,
        secret(),
        secret(**CONNECTION, DB_CONNECTION_CHECK_URL="postgresql://mm:hunter2@db/mm"),
        secret(**CONNECTION, DB_CONNECTION_CHECK_URL="hunter2:%zz"),
    ],
)
def test_each_line_is_whole_in_120_characters_and_holds_no_password(
    held: dict[str, Any] | None, length: int
) -> None:
    for use in Use:
        for said in cautions(NEW, NamedSecret(use, "spec." + "f" * 90, "n" * length), held):
            assert len(str(said)) <= 120
            assert str(said).endswith(said.message)
            assert "hunter2" not in str(said)
