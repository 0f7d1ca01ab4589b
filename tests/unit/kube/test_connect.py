import asyncio
import base64
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from certs.authority import authority
from mattermost_migrate.domain.errors import ConfigurationError, KubeconfigError, TransientError
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


def with_plugin(folder: Path, script: str, **settings: Any) -> dict[str, str]:
    """The environment of a kubeconfig whose user is whoever this script beside it says."""
    plugin = folder / "login"
    plugin.write_text(f"#!/bin/sh\n{script}\n")
    plugin.chmod(0o755)
    user = {"exec": {"command": "./login", "apiVersion": _CREDENTIAL_VERSION, **settings}}
    path = kubeconfig(folder / "config", users=[{"name": "one", "user": user}])
    return {"KUBECONFIG": str(path)}


_CREDENTIAL_VERSION = "client.authentication.k8s.io/v1"
_GIVE = """printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
"status": {"token": "%s"}}' """


def test_an_exec_plugin_is_asked_and_found_beside_its_kubeconfig(tmp_path: Path) -> None:
    environ = with_plugin(tmp_path, f"{_GIVE} from-the-plugin")
    assert authorization(connection(**environ)) == "Bearer from-the-plugin"


def test_what_an_exec_plugin_has_to_say_is_seen_however_much_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more_than_a_pipe_holds = 1_000_000
    script = f"head -c {more_than_a_pipe_holds} /dev/zero | tr '\\0' x >&2; {_GIVE} late"
    environ = with_plugin(tmp_path, script)
    found = asyncio.run(asyncio.wait_for(connect(environ), 10.0))
    assert authorization(found) == "Bearer late"
    assert capfd.readouterr().err == "x" * more_than_a_pipe_holds


def test_nothing_is_seen_of_an_exec_plugin_where_nobody_looks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = f"echo enter the code >&2; {_GIVE} $(test -t 0 && echo terminal || echo none)"
    environ = with_plugin(tmp_path, script)
    with standard_input(terminal=True):
        found = asyncio.run(connect(environ, attended=False))
    assert authorization(found) == "Bearer none"
    assert capfd.readouterr().err == ""


@contextmanager
def standard_input(*, terminal: bool) -> Iterator[None]:
    before = os.dup(0)
    opened = os.openpty() if terminal else os.pipe()
    os.dup2(opened[1 if terminal else 0], 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        for each in (before, *opened):
            os.close(each)


@pytest.mark.parametrize(
    ("mode", "inherited", "token"),
    [
        ({}, "a terminal", "terminal-true"),
        ({}, "a pipe", "none-false"),
        ({"interactiveMode": "IfAvailable"}, "a terminal", "terminal-true"),
        ({"interactiveMode": "IfAvailable"}, "a pipe", "none-false"),
        ({"interactiveMode": "Always"}, "a terminal", "terminal-true"),
        ({"interactiveMode": "Never"}, "a terminal", "none-false"),
    ],
)
def test_an_exec_plugin_asks_a_person_only_where_it_may_and_one_is_there(
    tmp_path: Path, mode: dict[str, str], inherited: str, token: str
) -> None:
    script = (
        "test -t 0 && found=terminal || found=none\n"
        """case $KUBERNETES_EXEC_INFO in *'"interactive": true'*) told=true;; """
        "*) told=false;; esac\n"
        f"{_GIVE} $found-$told"
    )
    environ = with_plugin(tmp_path, script, **mode)
    with standard_input(terminal=inherited == "a terminal"):
        assert authorization(connection(**environ)) == f"Bearer {token}"


@pytest.mark.parametrize(
    ("script", "settings", "reason"),
    [
        pytest.param("exit 7", {}, "ended with exit code 7", id="it fails"),
        pytest.param("echo hello", {}, "said no ExecCredential", id="no JSON"),
        pytest.param("echo '[]'", {}, "said no ExecCredential", id="JSON of another kind"),
        pytest.param("echo '{}'", {}, "said no ExecCredential", id="no version"),
        pytest.param(
            f"""echo '{{"apiVersion": "{_CREDENTIAL_VERSION}"}}'""",
            {},
            "neither a token nor a certificate and its key",
            id="no status",
        ),
        pytest.param(
            f"{_GIVE} x",
            {"apiVersion": "client.authentication.k8s.io/v1beta1"},
            "answered in client.authentication.k8s.io/v1, not in .*v1beta1",
            id="another version",
        ),
        pytest.param(
            "", {"interactiveMode": "Always"}, "standard input is no terminal", id="nobody there"
        ),
        pytest.param("", {"interactiveMode": "Ever"}, "interactiveMode: 'Ever'", id="no mode"),
    ],
)
def test_an_exec_plugin_that_gives_no_credentials_says_why(
    tmp_path: Path, script: str, settings: dict[str, str], reason: str
) -> None:
    environ = with_plugin(tmp_path, script, **settings)
    with (
        standard_input(terminal=False),
        pytest.raises(KubeconfigError, match=f"exec plugin .*/login.*{reason}") as refused,
    ):
        connection(**environ)
    assert environ["KUBECONFIG"] in str(refused.value)


def test_an_exec_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    own = authority(datetime.now(UTC))
    given = {
        "apiVersion": _CREDENTIAL_VERSION,
        "status": {
            "clientCertificateData": own.certificate.decode(),
            "clientKeyData": own.key.decode(),
        },
    }
    (tmp_path / "given").write_text(json.dumps(given))
    found = connection(**with_plugin(tmp_path, f"cat '{tmp_path}/given'")).configuration
    assert Path(found.cert_file).read_bytes() == own.certificate
    assert Path(found.key_file).read_bytes() == own.key


def test_an_exec_plugin_is_asked_again_when_its_credentials_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""printf '{{"apiVersion": "{_CREDENTIAL_VERSION}", "status": {{
    "token": "%s", "expirationTimestamp": "'"$(cat expiry)"'"}}}}' "$(cat token)" """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules[connect.__module__], "_REFRESH_SECONDS", 0.0)
    (tmp_path / "expiry").write_text("2999-01-01T00:00:00Z")
    (tmp_path / "token").write_text("early")
    environ = with_plugin(tmp_path, script)
    lasting = connection(**environ)
    (tmp_path / "expiry").write_text("1999-01-01T00:00:00Z")
    ending = connection(**environ)
    (tmp_path / "token").write_text("late")
    assert authorization(lasting) == "Bearer early"
    assert authorization(ending) == "Bearer late"


def test_an_exec_plugin_that_fails_when_asked_again_is_a_passing_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = connection(**with_plugin(tmp_path, f"{_GIVE} early"))
    (tmp_path / "login").write_text("#!/bin/sh\nexit 7\n")
    assert authorization(found) == "Bearer early"
    monkeypatch.setattr(sys.modules[connect.__module__], "_REFRESH_SECONDS", 0.0)
    with pytest.raises(TransientError, match="ended with exit code 7"):
        authorization(found)


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
