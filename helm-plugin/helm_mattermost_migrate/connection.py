"""The way to the cluster: Helm's environment or our own flags, opened late and closed for sure.

Under Helm the connection flags never reach us: Helm takes them out of the arguments and passes
them on as ``HELM_*``. Without Helm the same flags are ours, and are laid over the same variables,
so that there is one road to the cluster and not two.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from helm_mattermost_migrate.errors import explained
from helm_mattermost_migrate.quick_start import authorities_unread
from mattermost_migrate.domain.errors import MigrateError

if TYPE_CHECKING:  # the client costs more to import than most commands take
    from mattermost_migrate.kube.client import Client

__all__ = ["Target", "connection_options"]

F = TypeVar("F", bound=Callable[..., Any])

#: Flag, the variable Helm passes it in, and what it does.
_FLAGS: Final = (
    (("--namespace", "-n"), "HELM_NAMESPACE", "Namespace to look in."),
    (("--kube-context",), "HELM_KUBECONTEXT", "Context of the kubeconfig."),
    (("--kubeconfig",), "KUBECONFIG", "The kubeconfig file."),
    (("--kube-apiserver",), "HELM_KUBEAPISERVER", "Address of the API server."),
    (("--kube-token",), "HELM_KUBETOKEN", "Bearer token."),
    (("--kube-as-user",), "HELM_KUBEASUSER", "User to act as."),
    (("--kube-as-group",), "HELM_KUBEASGROUPS", "Groups to act as, by comma."),
    (("--kube-ca-file",), "HELM_KUBECAFILE", "Certificate authority of the API server."),
    (("--kube-tls-server-name",), "HELM_KUBETLS_SERVER_NAME", "Name to expect in its certificate."),
)
_SHOWN: Final = 3
#: How long the first contact is tried; a person waits for it.
_PATIENCE_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster a command is about, before anything is opened.

    Attributes:
        environ: the environment with the flags laid over it.
    """

    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Target:
        """Lay flags over an environment.

        Helm sets every variable, empty where nobody gave the flag; empty means not given.
        """
        base = os.environ if environ is None else environ
        given = {key: value for key, value in base.items() if value or not key.startswith("HELM_")}
        for (name, *_), variable, _ in _FLAGS:
            if value := flags.get(name.lstrip("-").replace("-", "_")):
                given[variable] = str(value)
        if flags.get("kube_insecure_skip_tls_verify"):
            given["HELM_KUBEINSECURE_SKIP_TLS_VERIFY"] = "true"
        return cls(given)

    @asynccontextmanager
    async def client(self, *, plain: bool = False, attended: bool = True) -> AsyncIterator[Client]:
        """An open client of the cluster.

        Args:
            plain: for a few requests and no watch; starts in half the time.
            attended: whether a login may show something, and ask.

        Raises:
            CommandError: the way there is not known, or the cluster answered with an error inside
                the block that nobody else explained.
        """
        with authorities_unread():
            from mattermost_migrate.kube.client import Client  # noqa: PLC0415 - start-up time
            from mattermost_migrate.kube.connect import connect  # noqa: PLC0415 - the same
            from mattermost_migrate.kube.transport import Patience  # noqa: PLC0415 - the same

            if not plain:
                import mattermost_migrate.kube.pool  # noqa: F401, PLC0415 - it would read them later

        server = ""
        try:
            connection = await connect(self.environ, attended=attended)
            server = connection.server
            patience = Patience(total=_PATIENCE_SECONDS, answer=30.0)
            async with Client(connection, patience=patience, plain=plain) as client:
                yield client
        except MigrateError as error:
            raise explained(error, server=server) from error


def connection_options(command: F) -> F:
    """Add the connection flags, as keyword arguments of the same names, to a command."""
    for index, (names, _, text) in reversed(tuple(enumerate(_FLAGS))):
        command = click.option(
            *names, help=text, hidden="HELM_PLUGIN_NAME" in os.environ or index >= _SHOWN
        )(command)
    return click.option(
        "--kube-insecure-skip-tls-verify",
        is_flag=True,
        hidden=True,
        help="Do not verify the API server's certificate.",
    )(command)
