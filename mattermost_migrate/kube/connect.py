"""How to reach the API server: from Helm's environment, a kubeconfig, or the pod we run in.

Helm eats its own connection flags and hands them to a plugin as ``HELM_*`` variables only, so
each of them is laid over the chosen kubeconfig entry, or over what a kubeconfig of the pod would
say, the way Helm itself does for its own connection. What then comes of the entry (certificates,
tokens) is the official client's business.
"""

from __future__ import annotations

import os
import shutil
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException

from mattermost_migrate.domain.errors import ConfigurationError, KubeconfigError, TransientError
from mattermost_migrate.kube.exec_plugin import Loader
from mattermost_migrate.kube.kubeconfig import Entry, choose
from mattermost_migrate.kube.proxy import checked, named_by_environment

__all__ = ["Connection", "connect"]

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
#: Credentials that a token given on the command line takes the place of.
_REPLACED_BY_TOKEN: Final = ("exec", "auth-provider", "tokenFile", "username", "password")
#: How long a token that was read from a file or a plugin is trusted before it is read again.
_REFRESH_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is, and who we are to it.

    Attributes:
        server: its URL.
        namespace: the one to work in when nobody names another.
        source: where all this was found, for messages.
        headers: sent with each request (impersonation).
        configuration: TLS and credentials as the official client keeps them; never printed.
    """

    server: str
    namespace: str
    source: str
    headers: tuple[tuple[str, str], ...] = ()
    configuration: Any = field(default=None, repr=False)

    @property
    def by_proxy(self) -> bool:
        """Whether the kubeconfig or the environment names a proxy for this server."""
        return bool(getattr(self.configuration, "proxy", None))

    async def authorization(self) -> str | None:
        """The Authorization header of the next request, renewed when it is due.

        Raises:
            TransientError: it could not be renewed: its plugin failed, or its file is not there.
        """
        try:
            key: str | None = await self.configuration.get_api_key_with_prefix("BearerToken")
        except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            raise TransientError(f"{self.source}: credentials: {error}") from error
        # A token file ends in a newline as a rule; in a header it would be refused.
        return key and key.strip()


async def connect(
    environ: Mapping[str, str] | None = None,
    *,
    context: str | None = None,
    namespace: str | None = None,
    attended: bool = True,
) -> Connection:
    """Find the cluster.

    Args:
        environ: the environment to read ``KUBECONFIG`` and ``HELM_*`` from; ours if not given.
        context: the kubeconfig context, before ``HELM_KUBECONTEXT``.
        namespace: the namespace, before ``HELM_NAMESPACE`` and the context's or the pod's.
        attended: whether an exec plugin may show something, and ask.

    Raises:
        ConfigurationError: nothing says where the cluster is, or what does cannot be used; the
            message names the file and the reason.
    """
    environ = os.environ if environ is None else environ
    context = context or environ.get("HELM_KUBECONTEXT") or None
    entry = choose(environ, context=context)
    if entry is None and "HELM_KUBEAPISERVER" in environ:
        entry = Entry(source="HELM_KUBEAPISERVER", context="", cluster={}, user={})
    entry = _under_helm(entry or _of_pod(environ), environ)
    if not entry.cluster.get("server"):
        raise ConfigurationError(f"{entry.source}: cluster: no server is named")
    server = str(entry.cluster["server"]).rstrip("/")
    proxy = _proxy(entry, server, environ)
    configuration = await _configuration(entry, attended=attended)
    configuration.proxy = proxy
    return Connection(
        server=server,
        namespace=namespace or environ.get("HELM_NAMESPACE") or entry.namespace or "default",
        source=entry.source,
        headers=_impersonation(entry.user),
        configuration=configuration,
    )


def _of_pod(environ: Mapping[str, str]) -> Entry:
    """What the files that each pod has of its ServiceAccount say."""
    host, port = (environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    if not host:
        if named := environ.get("KUBECONFIG"):
            raise KubeconfigError(f"{named}: there is no such file")
        raise ConfigurationError(
            "no cluster is known: KUBECONFIG names no file that exists, there is no "
            "~/.kube/config, and this is no pod"
        )
    try:
        own = (_SERVICE_ACCOUNT / "namespace").read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{_SERVICE_ACCOUNT}: {error}") from error
    place = f"[{host}]" if ":" in host else host
    return Entry(
        source="the pod's ServiceAccount",
        context="",
        cluster={
            "server": f"https://{place}:{port or 443}",
            "certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt"),
        },
        user={"tokenFile": str(_SERVICE_ACCOUNT / "token")},
        namespace=own,
    )


def _under_helm(entry: Entry, environ: Mapping[str, str]) -> Entry:
    """The entry with Helm's flags laid over it."""
    cluster, user = dict(entry.cluster), dict(entry.user)
    if server := environ.get("HELM_KUBEAPISERVER"):
        cluster["server"] = server
    if authority := environ.get("HELM_KUBECAFILE"):
        cluster.pop("certificate-authority-data", None)
        cluster["certificate-authority"] = authority
    if name := environ.get("HELM_KUBETLS_SERVER_NAME"):
        cluster["tls-server-name"] = name
    if environ.get("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "").lower() in {"1", "t", "true"}:
        cluster.pop("certificate-authority", None)
        cluster.pop("certificate-authority-data", None)
        cluster["insecure-skip-tls-verify"] = True
    if token := environ.get("HELM_KUBETOKEN"):
        user = {key: value for key, value in user.items() if key not in _REPLACED_BY_TOKEN}
        user["token"] = token
    if name := environ.get("HELM_KUBEASUSER"):
        user["as"] = name
    if groups := environ.get("HELM_KUBEASGROUPS"):
        user["as-groups"] = [group for group in groups.split(",") if group]
    return Entry(entry.source, entry.context, cluster, user, entry.namespace)


def _proxy(entry: Entry, server: str, environ: Mapping[str, str]) -> str | None:
    """The proxy before the server: the kubeconfig's, or else the environment's."""
    place = "cluster: server"
    try:
        scheme, named = urlsplit(server).scheme, entry.cluster.get("proxy-url")
        if named:
            place = "cluster: proxy-url"
        elif named := named_by_environment(server, environ):
            place = f"{scheme.upper()}_PROXY"
        return checked(str(named)) if named else None
    except ValueError as error:
        raise KubeconfigError(f"{entry.source}: {place}: {error}") from error


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    single = (("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid")))
    groups = (("Impersonate-Group", group) for group in user.get("as-groups") or ())
    return tuple((header, str(value)) for header, value in (*single, *groups) if value)


async def _configuration(entry: Entry, *, attended: bool) -> Any:
    """The official client's configuration of an entry, with credentials that stay fresh."""
    _check_plugin(entry)
    loader: Any = Loader(_single(entry), attended=attended)
    configuration = _plain_configuration()
    try:
        await loader.load_and_set(configuration)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise KubeconfigError(f"{entry.source}: credentials: {error}") from error
    _check_tls(entry, configuration)
    if any(key in entry.user for key in ("exec", "auth-provider", "tokenFile")):
        configuration.refresh_api_key_hook = _Refresh(loader)
    return configuration


def _check_plugin(entry: Entry) -> None:
    """Look for the exec plugin first: to run it would not say which program is not there."""
    plugin = entry.user.get("exec") or {}
    if not (command := plugin.get("command")):
        return
    own = {each.get("name"): each.get("value") for each in plugin.get("env") or ()}
    if shutil.which(command, path=own.get("PATH")) is None:
        raise KubeconfigError(
            f"{entry.source}: exec plugin {command!r} gave no credentials: no such program"
        )


def _check_tls(entry: Entry, configuration: Any) -> None:
    """Read what TLS will read: an error of its own, later, would not say which file is no PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    named = _named(entry.cluster, "certificate-authority")
    try:
        if configuration.ssl_ca_cert:
            context.load_verify_locations(configuration.ssl_ca_cert)
        named = (
            _named(entry.user, "client-certificate", "client-key") or "exec plugin's certificate"
        )
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except OSError as error:
        raise KubeconfigError(f"{entry.source}: {named}: not usable: {error}") from error


def _named(section: Mapping[str, Any], *keys: str) -> str:
    """The fields that are there, each with the file that it names; data goes before a file."""
    told = (
        data if (data := f"{key}-data") in section else f"{key} {section[key]}"
        for key in keys
        if key in section or f"{key}-data" in section
    )
    return " with ".join(told)


def _single(entry: Entry) -> dict[str, Any]:
    """A kubeconfig that holds this entry alone."""
    return {
        "clusters": [{"name": "chosen", "cluster": dict(entry.cluster)}],
        "users": [{"name": "chosen", "user": dict(entry.user)}],
        "contexts": [{"name": "chosen", "context": {"cluster": "chosen", "user": "chosen"}}],
        "current-context": "chosen",
    }


def _plain_configuration() -> Any:
    configuration = Configuration()
    # Go, and so every other client of the cluster, accepts certificate authorities without a
    # key identifier; Python from 3.13 on refuses them unless told otherwise.
    configuration.disable_strict_ssl_verification = True
    return configuration


class _Refresh:
    """Reads token files anew, and asks plugins again, before a credential gets old."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._read_at = time.monotonic()

    async def __call__(self, configuration: Any) -> None:
        if time.monotonic() - self._read_at < _REFRESH_SECONDS:
            return
        self._read_at = time.monotonic()
        await self._loader._load_authentication()  # noqa: SLF001 - it has no public way to renew
        if token := getattr(self._loader, "token", None):
            configuration.api_key["BearerToken"] = token
