"""``mattermost-migrate-webhook``: the admission webhook under gunicorn."""

from __future__ import annotations

import atexit
import ssl
import sys
from pathlib import Path
from typing import Final

import click
from flask import Flask

from mattermost_migrate.domain.editlock import Exempt
from mattermost_migrate.domain.errors import ConfigurationError
from mattermost_migrate.logs import configure
from webhook.app import create_app
from webhook.health import Handshake, Target
from webhook.knowledge import ClusterMigrations
from webhook.server import Server, Serving, bounded_context
from webhook.tls import Contexts, NoCertificateError

__all__ = ["main"]

_TLS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}
_CONTROLLER: Final = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"
_OPERATOR: Final = "system:serviceaccount:mattermost-operator:mattermost-operator"
_PREFIX: Final = "MATTERMOST_MIGRATE_WEBHOOK"


@click.command(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": _PREFIX,
        "show_default": True,
    },
    epilog=f"""\b
Examples:
  mattermost-migrate-webhook --cert-dir /run/mattermost-migrate/tls
  KUBECONFIG=./kubeconfig mattermost-migrate-webhook --bind 127.0.0.1:9443 --cert-dir ./certs/tls
\b
Each option can be set by environment, such as {_PREFIX}_BIND.""",
)
@click.option("--bind", default="0.0.0.0:9443", help="Address and port; HTTPS only.")
@click.option(
    "--cert-dir",
    "certificates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with tls.crt, tls.key and ca.crt; read again when they change.",
)
@click.option(
    "--server-name",
    default="mattermost-migrate-webhook.mattermost-migrate.svc",
    help="What the API server calls us; /readyz proves that the certificate names it.",
)
@click.option(
    "--controller-username",
    "controllers",
    multiple=True,
    default=(_CONTROLLER,),
    help="Whose writes are exempt, being the migration itself; repeatable.",
)
@click.option(
    "--operator-username",
    "operators",
    multiple=True,
    default=(_OPERATOR,),
    help="The Go operator: may write again once children are handed over; repeatable.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=16, help="Reviews at a time.")
@click.option("--tls-min-version", "tls", type=click.Choice(list(_TLS)), default="1.3")
@click.option(
    "--drain-seconds",
    type=click.IntRange(1, 300),
    default=25,
    help="For reviews under way when SIGTERM comes.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
)
@click.version_option(package_name="mattermost-migrate")
def main(
    *,
    bind: str,
    certificates: Path,
    server_name: str,
    controllers: tuple[str, ...],
    operators: tuple[str, ...],
    threads: int,
    tls: str,
    drain_seconds: int,
    log_level: str,
) -> None:
    """Validate ClusterInstallations and Mattermosts, and lock them while a migration runs."""
    configure(log_level)
    host, port = _address(bind)
    contexts = Contexts(certificates, minimum=_TLS[tls], factory=bounded_context)
    try:
        contexts.current()
    except NoCertificateError as error:
        raise click.ClickException(f"{error}: run mattermost-migrate-certs issue first") from error
    target = Target(host, port, server_name, certificates / "ca.crt")
    exempt = Exempt(frozenset(controllers), frozenset(operators))

    def make() -> Flask:
        try:
            migrations = ClusterMigrations.start()
        except ConfigurationError as error:
            sys.exit(f"Error: {error}")
        atexit.register(migrations.stop)
        return create_app(migrations, exempt=exempt, probes={"handshake": Handshake(target)})

    serving = Serving(bind, certificates, threads, drain_seconds, log_level)
    Server(serving, contexts, make).run()


def _address(bind: str) -> tuple[str, int]:
    """Where to reach our own socket: the bound address, or loopback when bound to all."""
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit():
        raise click.BadParameter("must be HOST:PORT", param_hint="--bind")
    host = host.strip("[]")
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)  # noqa: S104


if __name__ == "__main__":
    main()
