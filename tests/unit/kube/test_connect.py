import asyncio
import base64
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.authority import authority
from mattermost_migrate.domain.errors import ConfigurationError, KubeconfigError
from mattermost_migrate.kube import Connection, connect


def kubeconfig(path: Path, *, name: str = "one", **changes: Any) -> Path:
    document: dict[str, Any] = {
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}.example:8001"}}],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}
        ],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**document, **changes}))
    return path


def connection(**environ: str) -> Connection:
    return asyncio.run(connect(environ))


def authorization(found: Connection) -> str | None:
    return asyncio.run(found.authorization())


def test_the_current_context_says_where_who_and_in_which_namespace(tmp_path: Path) -> None:
    found = connection(KUBECONFIG=str(kubeconfig(tmp_path / "config")))
    assert (found.server, found.namespace) == ("http://one.example:8001", "ns-one")
    assert authorization(found) == "Bearer token-of-one"
    assert "token-of-one" not in repr(found)


def test_the_home_folder_is_looked_in_when_nothing_is_named(tmp_path: Path) -> None:
    kubeconfig(tmp_path / ".kube" / "config")
    assert connection(HOME=str(tmp_path)).server == "http://one.example:8001"


def test_of_several_files_the_first_to_name_something_wins(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "first", name="one")
    second = kubeconfig(tmp_path / "second", name="two")
    paths = f"{tmp_path / 'missing'}:{first}:{second}"
    assert connection(KUBECONFIG=paths).server == "http://one.example:8001"
    assert connection(KUBECONFIG=paths, HELM_KUBECONTEXT="two").namespace == "ns-two"


@pytest.mark.parametrize(
    ("environ", "server", "namespace", "headers"),
    [
        pytest.param({"HELM_NAMESPACE": "chat"}, "http://one.example:8001", "chat", (), id="-n"),
        pytest.param(
            {"HELM_KUBEAPISERVER": "http://other/"},
            "http://other",
            "ns-one",
            (),
            id="--kube-apiserver",
        ),
        pytest.param(
            {"HELM_KUBEASUSER": "eve", "HELM_KUBEASGROUPS": "ops,dev"},
            "http://one.example:8001",
            "ns-one",
            (
                ("Impersonate-User", "eve"),
                ("Impersonate-Group", "ops"),
                ("Impersonate-Group", "dev"),
            ),
            id="--kube-as-user and --kube-as-group",
        ),
    ],
)
def test_helms_flags_are_laid_over_the_context(
    tmp_path: Path,
    environ: Mapping[str, str],
    server: str,
    namespace: str,
    headers: tuple[tuple[str, str], ...],
) -> None:
    found = connection(KUBECONFIG=str(kubeconfig(tmp_path / "config")), **environ)
    assert (found.server, found.namespace, found.headers) == (server, namespace, headers)


def test_helms_token_takes_the_place_of_any_other_login(tmp_path: Path) -> None:
    user = {"exec": {"command": "/does/not/exist", "apiVersion": "v1"}}
    path = kubeconfig(tmp_path / "config", users=[{"name": "one", "user": user}])
    found = connection(KUBECONFIG=str(path), HELM_KUBETOKEN="theirs")
    assert authorization(found) == "Bearer theirs"


def test_helms_tls_flags_reach_the_configuration(tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority(datetime.now(UTC)).certificate)
    cluster = {"server": "https://one.example", "certificate-authority-data": "QQ=="}
    path = kubeconfig(tmp_path / "config", clusters=[{"name": "one", "cluster": cluster}])
    found = connection(
        KUBECONFIG=str(path),
        HELM_KUBECAFILE=str(trusted),
        HELM_KUBETLS_SERVER_NAME="kubernetes.default",
    ).configuration
    assert (found.ssl_ca_cert, found.tls_server_name) == (str(trusted), "kubernetes.default")
    assert found.verify_ssl
    lax = connection(KUBECONFIG=str(path), HELM_KUBEINSECURE_SKIP_TLS_VERIFY="true").configuration
    assert (lax.verify_ssl, lax.ssl_ca_cert) == (False, None)


def test_a_server_and_a_token_are_enough_without_any_file() -> None:
    found = connection(HELM_KUBEAPISERVER="http://other", HELM_KUBETOKEN="theirs")
    assert (found.server, authorization(found)) == ("http://other", "Bearer theirs")


def test_an_exec_plugin_is_asked_and_found_beside_its_kubeconfig(tmp_path: Path) -> None:
    plugin = tmp_path / "login"
    plugin.write_text(
        "#!/bin/sh\n"
        """echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", """
        """"status": {"token": "from-the-plugin"}}'\n"""
    )
    plugin.chmod(0o755)
    user = {
        "exec": {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1"},
    }
    path = kubeconfig(tmp_path / "config", users=[{"name": "one", "user": user}])
    assert authorization(connection(KUBECONFIG=str(path))) == "Bearer from-the-plugin"


def test_a_token_file_is_read_again_when_it_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As kubectl create token writes it; http.client would print it whole in refusing the header.
    (tmp_path / "token").write_text("early\n")
    users = [{"name": "one", "user": {"tokenFile": "token"}}]
    found = connection(KUBECONFIG=str(kubeconfig(tmp_path / "config", users=users)))
    assert authorization(found) == "Bearer early"
    (tmp_path / "token").write_text("late\n")
    # The package exports the function by the module's own name.
    monkeypatch.setattr(sys.modules[connect.__module__], "_REFRESH_SECONDS", 0.0)
    assert authorization(found) == "Bearer late"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{", "cannot be read", id="no YAML"),
        pytest.param("- a\n", "is no kubeconfig: list", id="a list"),
        pytest.param("clusters: {}\n", "current-context: none is set", id="no context chosen"),
        pytest.param("clusters: a\n", "clusters: must be a list", id="clusters of another type"),
        pytest.param("users: [{}]\n", r"users\[0\]: has no name", id="a user without name"),
        pytest.param("current-context: a\n", "there is no context 'a'", id="unknown context"),
        pytest.param(
            "current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n",
            "there is no cluster 'b'",
            id="unknown cluster",
        ),
        pytest.param(
            "current-context: a\n"
            "contexts: [{name: a, context: {cluster: b, user: c}}]\n"
            "clusters: [{name: b, cluster: {server: 'http://b'}}]\n",
            "there is no user 'c'",
            id="unknown user",
        ),
        pytest.param(
            "current-context: a\n"
            "contexts: [{name: a, context: {cluster: b}}]\n"
            "clusters: [{name: b, cluster: {server: 'https://b', certificate-authority: no.pem}}]",
            r"no\.pem",
            id="a certificate that is not there",
        ),
        pytest.param(
            "current-context: a\n"
            "contexts: [{name: a, context: {cluster: b, user: c}}]\n"
            "clusters: [{name: b, cluster: {server: 'http://b'}}]\n"
            "users: [{name: c, user: {exec: {command: /not/there, apiVersion: v1}}}]\n",
            "exec plugin '/not/there' gave no credentials",
            id="a plugin that is not there",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=reason) as refused:
        connection(KUBECONFIG=str(path))
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("cluster", "user", "told"),
    [
        pytest.param(
            {"certificate-authority": "README.md"}, {}, "certificate-authority README.md", id="CA"
        ),
        pytest.param(
            {"certificate-authority-data": base64.b64encode(b"README").decode()},
            {},
            "certificate-authority-data",
            id="CA in the kubeconfig itself",
        ),
        pytest.param(
            {},
            {"client-certificate": "README.md", "client-key": "ca.key"},
            "client-certificate README.md with client-key ca.key",
            id="certificate",
        ),
        pytest.param(
            {},
            {"client-certificate": "ca.crt", "client-key": "README.md"},
            "client-certificate ca.crt with client-key README.md",
            id="key",
        ),
        pytest.param(
            {},
            {"exec": {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1"}},
            "exec plugin's certificate",
            id="of a plugin",
        ),
    ],
)
def test_what_is_no_pem_is_named(
    tmp_path: Path, cluster: dict[str, str], user: dict[str, Any], told: str
) -> None:
    own = authority(datetime.now(UTC))
    (tmp_path / "README.md").write_text("# Read me\n")
    (tmp_path / "ca.crt").write_bytes(own.certificate)
    (tmp_path / "ca.key").write_bytes(own.key)
    (tmp_path / "login").write_text(
        "#!/bin/sh\n"
        """echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", """
        """"status": {"clientCertificateData": "README", "clientKeyData": "README"}}'\n"""
    )
    (tmp_path / "login").chmod(0o755)
    path = kubeconfig(
        tmp_path / "config",
        clusters=[{"name": "one", "cluster": {"server": "https://one.example", **cluster}}],
        users=[{"name": "one", "user": user}],
    )
    with pytest.raises(KubeconfigError) as caught:
        connection(KUBECONFIG=str(path))
    message = str(caught.value).replace(f"{tmp_path}/", "")
    assert message.startswith(f"config, context 'one': {told}: ")


@pytest.mark.parametrize("context", [{}, {"HELM_KUBECONTEXT": "x"}], ids=["none", "a context"])
def test_a_file_that_is_named_and_not_there_is_told(
    tmp_path: Path, context: dict[str, str]
) -> None:
    path = str(tmp_path / "none")
    with pytest.raises(KubeconfigError, match="there is no such file") as refused:
        connection(KUBECONFIG=path, **context)
    assert path in str(refused.value)


def test_no_cluster_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no cluster is known"):
        connection(HOME=str(tmp_path))


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a pod, with the files of its ServiceAccount."""
    for name, text in (("token", "its-own"), ("namespace", "home\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "ca.crt").write_bytes(authority(datetime.now(UTC)).certificate)
    monkeypatch.setattr(sys.modules[connect.__module__], "_SERVICE_ACCOUNT", tmp_path)
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_a_pod_without_kubeconfig_is_its_service_account(
    tmp_path: Path, pod: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = connection(**pod)
    assert (found.server, found.namespace) == ("https://10.0.0.1:6443", "home")
    assert found.configuration.ssl_ca_cert == str(tmp_path / "ca.crt")
    assert authorization(found) == "Bearer its-own"
    (tmp_path / "token").write_text("renewed")
    monkeypatch.setattr(sys.modules[connect.__module__], "_REFRESH_SECONDS", 0.0)
    assert authorization(found) == "Bearer renewed"


def test_an_api_server_that_a_pod_knows_by_ipv6_is_put_in_brackets(pod: dict[str, str]) -> None:
    found = connection(**{**pod, "KUBERNETES_SERVICE_HOST": "fd00::1"})
    assert found.server == "https://[fd00::1]:6443"


def test_helms_flags_are_laid_over_the_pod_too(pod: dict[str, str]) -> None:
    found = connection(
        **pod,
        HELM_NAMESPACE="chat",
        HELM_KUBETOKEN="theirs",
        HELM_KUBEASUSER="eve",
        HELM_KUBEASGROUPS="ops",
        HELM_KUBETLS_SERVER_NAME="kubernetes.default",
    )
    assert (found.server, found.namespace) == ("https://10.0.0.1:6443", "chat")
    assert authorization(found) == "Bearer theirs"
    assert found.headers == (("Impersonate-User", "eve"), ("Impersonate-Group", "ops"))
    assert found.configuration.tls_server_name == "kubernetes.default"


@pytest.mark.parametrize("missing", ["token", "namespace", "ca.crt"])
def test_a_pod_without_a_file_of_its_service_account_says_which(
    tmp_path: Path, pod: dict[str, str], missing: str
) -> None:
    (tmp_path / missing).unlink()
    with pytest.raises(ConfigurationError, match=missing):
        connection(**pod)
