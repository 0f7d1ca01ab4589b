"""``mattermost-migrate-certs``: show the certificates, rotate them, inject the caBundle."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import click

from certs.authority import service_names
from certs.called import Address
from certs.keeper import Keeper, Settled
from certs.ladder import Act, Done, Seen, Wait, decide
from certs.leadership import HeldError, alone, leader_of
from certs.report import Health, as_json, as_table, health_of
from certs.site import Cluster, Nowhere
from certs.storage import CA_NAME, LEAF_NAME, FolderStore, SecretStore, Store
from mattermost_migrate.domain.errors import MigrateError, NotFoundError, StaleError
from mattermost_migrate.environment import set_by_environment
from mattermost_migrate.kube import Client, connect

__all__ = ["main"]

#: As the plugin's: 0 done · 1 failed · 2 not finished in time · 3 refused · 4 usage.
_FAILED, _UNFINISHED, _REFUSED, _USAGE = 1, 2, 3, 4
_PREFIX: Final = "MATTERMOST_MIGRATE_CERTS"
_LOOK_SECONDS: Final = 1.0
#: For a new CA to spread before it signs.
_ISSUE_SECONDS: Final = 10.0

_namespace = click.option(
    "--namespace",
    default="mattermost-migrate",
    show_default=True,
    envvar="POD_NAMESPACE",
    help="Namespace of the Secrets and of the webhook's Service.",
)
_service = click.option(
    "--service",
    default="mattermost-migrate-webhook",
    show_default=True,
    help="The Service that the API server calls.",
)
_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the certificates in this folder instead of in Secrets.",
)
_replicas = click.option(
    "--replica",
    "beside",
    multiple=True,
    metavar="HOST:PORT",
    help="A webhook that the cluster does not know of, such as one behind a balancer; repeatable.",
)


class _Group(click.Group):
    """A group whose mistakes in usage have the exit code of the plugin's."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        click.UsageError.exit_code = _USAGE
        return super().main(*args, **kwargs)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
Examples:
  mattermost-migrate-certs status
  mattermost-migrate-certs rotate ca
  mattermost-migrate-certs inject
\b
Each option can be set by environment:
  --service of status by {_PREFIX}_STATUS_SERVICE
\b
Exit codes: 0 done, 1 failed or amiss, 2 not finished in time, 3 refused, 4 usage.""",
)
@click.version_option(package_name="mattermost-migrate")
def main() -> None:
    """Certificates of the mattermost-migrate webhook.

    The controller keeps them by itself: by default it looks each minute. These commands show what
    it sees, ask it for a new CA or certificate, and do its work where no controller runs.
    """


@main.command(
    epilog="""\b
Examples:
  mattermost-migrate-certs issue
  mattermost-migrate-certs issue --directory ./certs --dns-name localhost"""
)
@_namespace
@_service
@_directory
@_replicas
@click.option("--dns-name", "extra", multiple=True, help="A further name to serve; repeatable.")
@click.option(
    "--inject/--no-inject",
    "injecting",
    default=True,
    show_default=True,
    help="Put the caBundle where it belongs, before anything is signed by a new CA. Else do that "
    "yourself, and issue again: a new CA does not sign before.",
)
def issue(
    *,
    namespace: str,
    service: str,
    directory: Path | None,
    beside: tuple[str, ...],
    extra: tuple[str, ...],
    injecting: bool,
) -> None:
    """Do once what the controller does by itself; leave what is good alone.

    For a first installation, and for a cluster without our controller. Refused while it leads.
    """

    async def work(stack: AsyncExitStack) -> int:
        if directory is not None:
            store: Store = FolderStore(directory)
            keeper = Keeper(store, Nowhere((*service_names(service, namespace), *extra)))
            return _told(await keeper.settle(click.echo))
        client = await _client(stack)
        replicas = _addresses(beside)
        async with alone(client, namespace) as fenced:
            site = Cluster(fenced, namespace, service, extra_names=extra, beside=replicas)
            keeper = Keeper(SecretStore(fenced, namespace), site, injecting=injecting)
            code = await _until_settled(keeper, time.monotonic() + _ISSUE_SECONDS)
        return 0 if code == _UNFINISHED else code  # an old CA that stays trusted is no fault

    _run(work)


@main.command()
@_namespace
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write to; the serving certificate is swapped in by one rename.",
)
def export(namespace: str, directory: Path) -> None:
    """Copy the serving certificate from its Secret to a folder, for a process without a kubelet.

    The folder for ``mattermost-migrate-webhook --cert-dir`` is printed.
    """

    async def work(stack: AsyncExitStack) -> int:
        files = await SecretStore(await _client(stack), namespace).read(LEAF_NAME)
        if files is None:
            raise NotFoundError(f"no Secret {namespace}/{LEAF_NAME}: run issue first")
        await FolderStore(directory).write(LEAF_NAME, files)
        click.echo(str(directory / LEAF_NAME))
        return 0

    _run(work)


@main.command()
@_namespace
@_service
def inject(namespace: str, service: str) -> None:
    """Put the caBundle into every webhook configuration and CRD conversion that calls us.

    Repairs what somebody overwrote; issues nothing.
    """

    async def work(stack: AsyncExitStack) -> int:
        client = await _client(stack)
        keeper = _keeper(client, namespace, service, ())
        if (await keeper.look()).keyring.signer is None:
            raise NotFoundError("there is no CA: run issue first")
        return _told(await keeper.inject(click.echo), "every caBundle is good: nothing injected")

    _run(work)


@main.command(
    epilog="""\b
Examples:
  mattermost-migrate-certs rotate leaf
  mattermost-migrate-certs rotate ca --timeout 600
  mattermost-migrate-certs rotate ca --here      # no controller runs"""
)
@click.argument("what", type=click.Choice(["ca", "leaf"]))
@_namespace
@_service
@_directory
@_replicas
@click.option("--here", is_flag=True, help="Do it in this process; refused while one leads.")
@click.option("--wait/--no-wait", "waiting", default=True, show_default=True)
@click.option("--timeout", type=click.FloatRange(0), default=300.0, show_default=True)
def rotate(
    *,
    what: str,
    namespace: str,
    service: str,
    directory: Path | None,
    beside: tuple[str, ...],
    here: bool,
    waiting: bool,
    timeout: float,
) -> None:
    """Replace the CA (and with it the serving certificate), or the serving certificate alone.

    Without one failed call: a new CA is trusted everywhere before it signs, and the old one until
    every replica was seen to serve a certificate of the new. Ctrl-C stops watching, not the work.
    """
    if here and not waiting:
        raise click.UsageError("--here does the work in this process: leave --no-wait out")
    name = CA_NAME if what == "ca" else LEAF_NAME
    ends = time.monotonic() + timeout

    async def work(stack: AsyncExitStack) -> int:
        if directory is not None:
            keeper = Keeper(FolderStore(directory), Nowhere(()))
            await keeper.request(name)
            return _told(await keeper.settle(click.echo))
        client = await _client(stack)
        if here:
            async with alone(client, namespace) as fenced:
                keeper = _keeper(fenced, namespace, service, beside)
                await keeper.request(name)
                return await _until_settled(keeper, ends)
        leader = await leader_of(client, namespace)
        if leader is None:
            raise HeldError("no controller leads, so nobody would do it: add --here")
        keeper = _keeper(client, namespace, service, beside)
        await keeper.request(name)
        click.echo(f"asked {leader}, which by default looks each minute")
        return await _follow(keeper, ends) if waiting else 0

    _run(work)


@main.command()
@_namespace
@_service
@_directory
@_replicas
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
def status(
    *, namespace: str, service: str, directory: Path | None, beside: tuple[str, ...], output: str
) -> None:
    """Show each certificate's life, who trusts the CA, and what every replica serves.

    Exits with 0 when all is good, 1 when something is amiss, 2 while a rotation is under way.
    """

    async def work(stack: AsyncExitStack) -> int:
        if directory is not None:
            keeper = Keeper(FolderStore(directory), Nowhere(()))
        else:
            keeper = _keeper(await _client(stack), namespace, service, beside)
        seen = await keeper.look()
        click.echo(as_json(seen) if output == "json" else as_table(seen))
        return {Health.GOOD: 0, Health.AMISS: _FAILED, Health.ROTATING: _UNFINISHED}[
            health_of(seen)
        ]

    _run(work)


async def _until_settled(keeper: Keeper, ends: float) -> int:
    """Go round until the ladder is through."""
    said, changed = "", False
    while True:
        settled = await keeper.settle(click.echo)
        changed = changed or bool(settled.changes)
        if settled.problems:
            return _told(settled)
        if isinstance(settled.decision, Done):
            return 0 if changed else _told(settled)
        if (reason := getattr(settled.decision, "reason", "")) != said:
            click.echo(f"waiting: {reason}")
            said = reason
        if time.monotonic() > ends:
            return _UNFINISHED
        await asyncio.sleep(_LOOK_SECONDS)


async def _follow(keeper: Keeper, ends: float) -> int:
    """Tell what the leader does, until it is through."""
    said = ""
    while time.monotonic() < ends:
        seen = await keeper.look()
        step = _step(seen)
        if step is None:
            click.echo(_through(seen))
            return 0
        if step != said:
            click.echo(step)
            said = step
        await asyncio.sleep(_LOOK_SECONDS)
    click.echo("not finished in time; it goes on. Next: mattermost-migrate-certs status", err=True)
    return _UNFINISHED


def _step(seen: Seen) -> str | None:
    """What comes next of what was asked for; None when it is through."""
    match decide(seen):
        case Wait(reason):
            return f"waiting: {reason}"
        case Act(action):
            return f"next: {getattr(action, 'reason', 'injecting the caBundle')}"
    stored = seen.leaf.certificate if seen.leaf else None
    for replica in seen.replicas:
        if replica.certificate not in (None, stored):
            return f"waiting: {replica.address} still serves the certificate before"
    return None


def _through(seen: Seen) -> str:
    """That all is done, as far as it shows here: pods may be out of reach from outside."""
    unreached = [replica.address for replica in seen.replicas if replica.certificate is None]
    if not unreached:
        return "done: every caBundle and every replica has the new one"
    return (
        "done: every caBundle has the new one, and every replica that is reached from here; not "
        f"reached: {', '.join(unreached)}"
    )


def _told(settled: Settled, otherwise: str = "certificates are good: nothing issued") -> int:
    for problem in settled.problems:
        click.echo(f"Error: {problem}", err=True)
    if not settled.changes and not settled.problems:
        click.echo(otherwise)
    return _FAILED if settled.problems else 0


async def _client(stack: AsyncExitStack) -> Client:
    return await stack.enter_async_context(Client(await connect()))


def _keeper(client: Client, namespace: str, service: str, beside: tuple[str, ...]) -> Keeper:
    site = Cluster(client, namespace, service, beside=_addresses(beside))
    return Keeper(SecretStore(client, namespace), site)


def _addresses(given: tuple[str, ...]) -> tuple[Address, ...]:
    found = []
    for text in given:
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdigit():
            raise click.BadParameter(f"{text}: must be HOST:PORT", param_hint="--replica")
        found.append(Address(host.strip("[]"), int(port)))
    return tuple(found)


def _run(work: Callable[[AsyncExitStack], Awaitable[int]]) -> None:
    async def run() -> int:
        async with AsyncExitStack() as stack:
            return await work(stack)

    try:
        code = asyncio.run(run())
    except HeldError as error:
        click.echo(f"Error: {error}", err=True)
        code = _REFUSED
    except StaleError as error:
        click.echo(f"Error: {error}\nNext: the same command again", err=True)
        code = _FAILED
    except MigrateError as error:
        click.echo(f"Error: {error}", err=True)
        code = _FAILED
    sys.exit(code)


set_by_environment(main, _PREFIX)

if __name__ == "__main__":
    main()
