"""``mattermost-migrate-controller``: one leads, the others stand by."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import click

from certs.keeper import INTERVAL, Keeper
from certs.site import Cluster
from certs.storage import SecretStore
from controller.app import Settings, lead, make_informers
from controller.builtin import BuiltinOperator
from controller.health import serving
from controller.heard import Heard
from controller.measures import count_request
from mattermost_migrate.addresses import EVERY
from mattermost_migrate.domain.errors import ConfigurationError, LeaseLostError, MigrateError
from mattermost_migrate.domain.names import LEADER_LEASE
from mattermost_migrate.environment import set_by_environment
from mattermost_migrate.kube import Client, Election, connect
from mattermost_migrate.logs import configure

#: Objects between two looks for cycles, and how many of those looks between deeper ones. What is
#: decided and sent makes thousands of objects a second and hardly a cycle: at Python's own pace the
#: search for them took a twelfth of the processor.
_COLLECTED: Final = (20_000, 20, 20)
_PREFIX: Final = "MATTERMOST_MIGRATE"
_LOST: Final = "lost the lease: another replica leads now"
_log = logging.getLogger(__name__)


@click.command(
    epilog=f"""
    \b
    Examples:
      mattermost-migrate-controller --operator builtin
      mattermost-migrate-controller --operator external --workers 40 --log-level debug
    \b
    Each option can be set by environment: --log-level by {_PREFIX}_LOG_LEVEL.
    """,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.option(
    "--operator",
    type=click.Choice(["builtin", "external"]),
    default="external",
    help="Who reconciles the installations: this controller, or the Go operator beside it.",
)
@click.option("--workers", type=click.IntRange(1, 1000), default=50, help="Migrations at once.")
@click.option(
    "--max-inflight", type=click.IntRange(1, 1000), default=64, help="API requests at once."
)
@click.option("--namespace", default=None, help="Where the Lease is; the pod's own by default.")
@click.option("--context", default=None, help="Context of the kubeconfig, outside a cluster.")
@click.option(
    "--certificates",
    type=click.Choice(["builtin", "none"]),
    default="none",
    help="Who keeps the webhook's certificates: the leader, or somebody else (cert-manager, you).",
)
@click.option(
    "--certificates-interval",
    type=click.FloatRange(min=0.1),
    default=INTERVAL,
    help="Seconds between two looks at the certificates.",
)
@click.option(
    "--webhook-service",
    default="mattermost-migrate-webhook",
    help="The Service of the webhook whose certificates are kept.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of /metrics, /healthz and /readyz; 0 is none.",
)
@click.option(
    "--metrics-host", default=EVERY, help="Address of that port; * is every one, of IPv6 and IPv4."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info"
)
@click.version_option(package_name="mattermost-migrate")
def main(**options: Any) -> None:
    """Reconcile InstallationMigrations and FleetMigrations."""
    configure(options["log_level"])
    gc.set_threshold(*_COLLECTED)
    try:
        asyncio.run(_until_signalled(_run(options)))
    except ConfigurationError as error:
        sys.exit(f"cannot reach a cluster: {error}")
    except LeaseLostError:
        sys.exit(_LOST)
    except MigrateError as error:
        sys.exit(str(error))
    except BaseExceptionGroup as group:
        if (told := _told(group)) is None:
            raise
        sys.exit(told)


def _told(group: BaseExceptionGroup[BaseException]) -> str | None:
    """Why it ended, where that is an answer and no surprise; else the trace says more."""
    if group.split(LeaseLostError)[1] is None:
        return _LOST
    refused, others = group.split(ConfigurationError)
    if refused is None or others is not None:
        return None
    error: BaseException = refused
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def _until_signalled(body: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT; then let go of the Lease and leave."""
    task = asyncio.ensure_future(body)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _run(options: dict[str, Any]) -> None:
    connection = await connect(context=options["context"], namespace=options["namespace"])
    identity = f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    settings = Settings(options["operator"] == "external", options["workers"], identity)
    async with Client(
        connection, max_inflight=options["max_inflight"], on_request=count_request
    ) as client:
        election = Election(
            client,
            connection.namespace,
            LEADER_LEASE,
            identity=identity,
            version=version("mattermost-migrate"),
        )
        fenced = client.fenced(lambda: election.held)
        informers = make_informers(client)
        async with (
            serving(options["metrics_host"], options["metrics_port"], informers),
            asyncio.TaskGroup() as group,
        ):
            # A standby keeps its informers warm, so that a take-over costs no lists.
            watching = [group.create_task(each.run()) for each in informers.values()]
            heard = Heard()
            operator = (
                ()
                if settings.beside_operator
                else (BuiltinOperator(fenced, informers, heard=heard).run,)
            )
            keepers = _keepers(fenced, connection.namespace, options)

            async def leading() -> None:
                async with asyncio.TaskGroup() as led:
                    # Not after the informers' first lists: a wrong caBundle may be why one fails.
                    for keep in keepers:
                        led.create_task(keep())
                    work = lead(
                        fenced, informers, settings, *operator, heard=heard, before=election.before
                    )
                    led.create_task(work)

            await election.lead(leading)
            for task in watching:
                task.cancel()


def _keepers(
    client: Client, namespace: str, options: dict[str, Any]
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """What keeps the webhook's certificates, unless somebody else does."""
    if options["certificates"] != "builtin":
        return ()
    site = Cluster(client, namespace, options["webhook_service"])
    keeper = Keeper(SecretStore(client, namespace), site)
    return (partial(keeper.keep, options["certificates_interval"]),)


set_by_environment(main, _PREFIX)

if __name__ == "__main__":
    main()
