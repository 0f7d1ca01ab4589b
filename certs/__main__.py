"""``mattermost-migrate-certs``: issue certificates, inject the caBundle, show what there is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from certs.authority import Pair, service_names
from certs.injection import TARGETS, bundles_in, patch
from certs.issue import ensure, trusted
from certs.rotation import flaw, renewal_time
from certs.storage import CA_NAME, CERTIFICATE, KEY, FolderStore, SecretStore, Store
from mattermost_migrate.domain.errors import MigrateError, StaleError
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.kube import Client, PatchType, connect

__all__ = ["main"]

_LEAF_NAME: Final = "mattermost-migrate-webhook-tls"
#: Objects that carry this label with the Service's name get its caBundle.
_SELECTOR: Final = "migration.mattermost.com/inject-ca-bundle"
_ATTEMPTS: Final = 3

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


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  mattermost-migrate-certs issue
  mattermost-migrate-certs inject
  mattermost-migrate-certs export --directory /run/mattermost-migrate
  mattermost-migrate-certs status""",
)
@click.version_option(package_name="mattermost-migrate")
def main() -> None:
    """Certificates of the mattermost-migrate webhook."""


@main.command(
    epilog="""\b
Examples:
  mattermost-migrate-certs issue
  mattermost-migrate-certs issue --directory ./certs --dns-name localhost"""
)
@_namespace
@_service
@_directory
@click.option("--dns-name", "extra", multiple=True, help="A further name to serve; repeatable.")
@click.option("--inject", "injecting", is_flag=True, help="Then put the caBundle where it belongs.")
def issue(
    *,
    namespace: str,
    service: str,
    directory: Path | None,
    extra: tuple[str, ...],
    injecting: bool,
) -> None:
    """Issue what is missing, damaged or due; leave what is good alone."""
    names = (*service_names(service, namespace), *extra)

    async def work(stack: AsyncExitStack) -> None:
        client = await _client(stack) if injecting or directory is None else None
        issued = await ensure(
            _store(client, namespace, directory), _LEAF_NAME, names, datetime.now(UTC)
        )
        for change in issued.changes:
            click.echo(f"{change}: issued")
        if not issued.changes:
            click.echo("certificates are good: nothing issued")
        if injecting and client is not None:
            await _inject_all(client, service, issued.ca_bundle)

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

    async def work(stack: AsyncExitStack) -> None:
        files = await SecretStore(await _client(stack), namespace).read(_LEAF_NAME)
        if files is None:
            raise click.ClickException(f"no Secret {namespace}/{_LEAF_NAME}: run issue first")
        await FolderStore(directory).write(_LEAF_NAME, files)
        click.echo(str(directory / _LEAF_NAME))

    _run(work)


@main.command()
@_namespace
@_service
@_directory
def inject(namespace: str, service: str, directory: Path | None) -> None:
    """Put the caBundle into every webhook configuration and CRD that asks for it.

    They ask by the label ``migration.mattermost.com/inject-ca-bundle: SERVICE``.
    """

    async def work(stack: AsyncExitStack) -> None:
        client = await _client(stack)
        ca_bundle = await trusted(_store(client, namespace, directory))
        if ca_bundle is None:
            raise click.ClickException("there is no CA: run issue first")
        await _inject_all(client, service, ca_bundle)

    _run(work)


@main.command()
@_namespace
@_service
@_directory
def status(namespace: str, service: str, directory: Path | None) -> None:
    """Show each certificate's life, and who trusts the CA. Exits with 1 when something is amiss."""

    async def work(stack: AsyncExitStack) -> None:
        client = None if directory else await _client(stack)
        store = _store(client, namespace, directory)
        good = [await _describe(store, name) for name in (CA_NAME, _LEAF_NAME)]
        ca_bundle = await trusted(store)
        for resource, target in await _targets(client, service) if client else ():
            in_step = all(held == ca_bundle for held in bundles_in(target))
            verdict = "trusts the CA" if in_step else "does not trust the CA: run inject"
            click.echo(f"{resource.kind}/{name_of(target)}: {verdict}")
            good.append(in_step)
        if not all(good):
            sys.exit(1)

    _run(work)


async def _describe(store: Store, name: str) -> bool:
    files = await store.read(name)
    if not files or not {CERTIFICATE, KEY} <= files.keys():
        click.echo(f"{name}: missing")
        return False
    pair, now = Pair(files[CERTIFICATE], files[KEY]), datetime.now(UTC)
    if problem := flaw(pair, now):
        click.echo(f"{name}: {problem}")
        return False
    ends, renews = pair.parsed.not_valid_after_utc, renewal_time(pair.parsed)
    click.echo(f"{name}: good until {ends:%Y-%m-%d %H:%M}Z, renewed from {renews:%Y-%m-%d %H:%M}Z")
    return True


async def _targets(client: Client, service: str) -> list[tuple[Resource, JsonObject]]:
    selector = f"{_SELECTOR}={service}"
    return [
        (resource, {**item, "kind": resource.kind})
        for resource in TARGETS
        for item in (await client.list(resource, label_selector=selector)).items
    ]


async def _inject_all(client: Client, service: str, ca_bundle: str) -> None:
    for resource, target in await _targets(client, service):
        changed = await _inject(client, resource, name_of(target), ca_bundle)
        click.echo(f"{resource.kind}/{name_of(target)}: {'injected' if changed else 'unchanged'}")


async def _inject(client: Client, resource: Resource, name: str, ca_bundle: str) -> bool:
    """Patch one object; when it moved meanwhile, look again."""
    for _ in range(_ATTEMPTS):
        target = await client.get(resource, None, name)
        operations = patch(target, ca_bundle)
        if not operations:
            return False
        try:
            await client.patch(resource, None, name, operations, kind=PatchType.JSON)
        except StaleError:
            continue
        return True
    raise StaleError(f"inject caBundle into {resource.kind} {name}: it does not hold still")


async def _client(stack: AsyncExitStack) -> Client:
    return await stack.enter_async_context(Client(await connect()))


def _store(client: Client | None, namespace: str, directory: Path | None) -> Store:
    if directory is not None:
        return FolderStore(directory)
    if client is None:
        raise click.UsageError("--directory is needed without a cluster")
    return SecretStore(client, namespace)


def _run(work: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            await work(stack)

    try:
        asyncio.run(run())
    except MigrateError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
