"""``mattermost-migrate-webhook``: the admission webhook under gunicorn."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from flask import Flask

from mattermost_migrate.domain.editlock import Exempt
from mattermost_migrate.domain.errors import ConfigurationError
from mattermost_migrate.environment import set_by_environment
from webhook.app import create_app
from webhook.health import Probe
from webhook.knowledge import ClusterMigrations
from webhook.launch import launch, serving_options
from webhook.secrets import Secrets
from webhook.worker import Worker

__all__ = ["main"]

_CONTROLLER: Final = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"
_OPERATOR: Final = "system:serviceaccount:mattermost-operator:mattermost-operator"
_PREFIX: Final = "MATTERMOST_MIGRATE_WEBHOOK"


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog=f"""\b
Examples:
  mattermost-migrate-webhook --cert-dir /run/mattermost-migrate/tls
  KUBECONFIG=./kubeconfig mattermost-migrate-webhook --bind 127.0.0.1:9443 --cert-dir ./certs/tls
\b
Each option can be set by environment: --cert-dir by {_PREFIX}_CERT_DIR.""",
)
@serving_options(
    bind="*:9443", server_name="mattermost-migrate-webhook.mattermost-migrate.svc", threads=16
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
@click.option(
    "--client-ca",
    "client_authority",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Review only for clients with a certificate of this CA: the API server's; read again "
    "when it changes.",
)
@click.option(
    "--client-name",
    "client_names",
    multiple=True,
    help="Common name of such a certificate; any of that CA if not given; repeatable.",
)
@click.option(
    "--read-secrets/--no-read-secrets",
    default=True,
    help="Look up the Secrets that an installation names, to warn of what is missing.",
)
@click.version_option(package_name="mattermost-migrate")
def main(
    *,
    controllers: tuple[str, ...],
    operators: tuple[str, ...],
    client_names: tuple[str, ...],
    read_secrets: bool,
    **options: Any,
) -> None:
    """Validate ClusterInstallations and Mattermosts, and lock them while a migration runs."""
    if client_names and options["client_authority"] is None:
        raise click.UsageError("--client-name needs --client-ca")
    asked = None if options["client_authority"] is None else frozenset(client_names)
    exempt = Exempt(frozenset(controllers), frozenset(operators))

    def make(probes: Mapping[str, Probe]) -> Flask:
        try:
            migrations = ClusterMigrations.start()
        except ConfigurationError as error:
            sys.exit(f"Error: {error}")
        atexit.register(migrations.stop)
        secrets = Secrets(migrations.secrets) if read_secrets else None
        return create_app(
            migrations, exempt=exempt, probes=probes, client_names=asked, secrets=secrets
        )

    launch(make, options, worker=Worker, name="mattermost-migrate-webhook")


set_by_environment(main, _PREFIX)

if __name__ == "__main__":
    main()
