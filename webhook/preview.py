"""``mattermost-migrate-conversion``: serve the preview version, switch it on, and off again.

It serves in a process of its own: a list of thousands of objects may come in one call, and must not
hold up an admission (webhook facts 4.6).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import click

from mattermost_migrate.domain.conversion.served import CONVERT_PATH, CRD_NAME
from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.environment import set_by_environment
from mattermost_migrate.kube import Client, connect
from webhook.app import create_conversion_app
from webhook.launch import launch, serving_options
from webhook.switch import Switch
from webhook.worker import ConversionWorker

__all__ = ["main"]

_SERVICE: Final = "mattermost-migrate-conversion"
_PREFIX: Final = "MATTERMOST_MIGRATE_CONVERSION"
_T = TypeVar("_T")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog=f"""\b
Examples:
  mattermost-migrate-conversion serve --cert-dir /run/mattermost-migrate/tls
  mattermost-migrate-conversion enable
  kubectl get clusterinstallations.v1beta1-preview.mattermost.com NAME -o yaml
  mattermost-migrate-conversion disable
\b
Each option can be set by environment:
  --cert-dir of serve by {_PREFIX}_SERVE_CERT_DIR""",
)
@click.version_option(package_name="mattermost-migrate")
def main() -> None:
    """Show each ClusterInstallation as the Mattermost it would become, as a version of its own."""


@main.command()
@serving_options(
    bind="*:9444",
    server_name="mattermost-migrate-conversion.mattermost-migrate.svc",
    threads=4,
)
def serve(**options: Any) -> None:
    """Convert for the API server."""
    launch(
        lambda probes: create_conversion_app(probes=probes),
        options,
        worker=ConversionWorker,
        name="mattermost-migrate-conversion",
    )


@main.command()
@click.option("--namespace", default="mattermost-migrate", help="Namespace of the Service.")
@click.option("--service", default=_SERVICE, help="The Service that the API server calls.")
@click.option("--port", type=click.IntRange(1, 65535), default=443, help="Of the Service.")
@click.option("--url", help="Where the API server calls, in the place of the Service.")
@click.option(
    "--certificate",
    metavar="NAMESPACE/NAME",
    help="The Certificate whose CA cert-manager is to put into the CRD instead.",
)
@click.option("--ca-bundle", help="The CA itself, PEM in base64, where nobody puts it in.")
def enable(
    *,
    namespace: str,
    service: str,
    port: int,
    url: str | None,
    certificate: str | None,
    ca_bundle: str | None,
) -> None:
    """Add the version to the ClusterInstallation CRD, and have us convert it.

    The versions that are there are left as they are.
    """
    where = {"namespace": namespace, "name": service, "port": port, "path": CONVERT_PATH}
    config = {"url": url.rstrip("/") + CONVERT_PATH} if url else {"service": where}
    trusted = {"caBundle": ca_bundle} if ca_bundle else {}
    changed = _with_switch(lambda switch: switch.on({**config, **trusted}, certificate=certificate))
    told = "now served" if changed else "was served already"
    following = "" if certificate or ca_bundle else "; next: mattermost-migrate-certs inject"
    click.echo(f"{CRD_NAME}: {PREVIEW_VERSION} {told}{following}")


@main.command()
def disable() -> None:
    """Take the version out of the CRD again, whatever state it is in and whoever is dead."""
    changed = _with_switch(lambda switch: switch.off())
    click.echo(f"{CRD_NAME}: {'taken out' if changed else 'nothing to take out'}")


@main.command()
def status() -> None:
    """Whether the version is in the CRD. Exits with 1 when it is not."""
    found = _with_switch(lambda switch: switch.found())
    click.echo(f"{CRD_NAME}: {PREVIEW_VERSION} is {'on' if found else 'off'}")
    sys.exit(0 if found else 1)


def _with_switch(work: Callable[[Switch], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        async with Client(await connect()) as client:
            return await work(Switch(client))

    try:
        return asyncio.run(run())
    except MigrateError as error:
        raise click.ClickException(str(error)) from error


set_by_environment(main, _PREFIX)

if __name__ == "__main__":
    main()
