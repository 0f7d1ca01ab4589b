"""What the serving commands have in common: their options, and the way from those to gunicorn."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
from flask import Flask

from mattermost_migrate.addresses import EVERY, address_of
from mattermost_migrate.logs import configure
from webhook.health import Handshake, Probe, Target
from webhook.server import Server, Serving, bounded_context
from webhook.tls import Contexts, NoCertificateError
from webhook.worker import Worker

__all__ = ["Make", "address", "bound", "launch", "own", "serving_options"]

#: Makes the application in the worker process, from what must hold for it to be ready.
Make: TypeAlias = Callable[[Mapping[str, Probe]], Flask]
_Command: TypeAlias = Callable[..., Any]

_TLS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


def serving_options(*, bind: str, server_name: str, threads: int) -> Callable[[_Command], _Command]:
    """The options of a command that serves; ``launch`` takes what they give.

    Args:
        bind: the default address.
        server_name: the default of what the API server calls us.
        threads: the default number.
    """
    options = (
        click.option(
            "--bind", default=bind, help="Address and port, * for every address; HTTPS only."
        ),
        click.option(
            "--cert-dir",
            "certificates",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            required=True,
            help="Folder with tls.crt, tls.key and ca.crt; read again when they change.",
        ),
        click.option(
            "--server-name",
            default=server_name,
            help="What the API server calls us; /readyz proves that the certificate names it.",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1, 256),
            default=threads,
            help="Threads, for what the event loop does not answer itself.",
        ),
        click.option("--tls-min-version", "tls", type=click.Choice(list(_TLS)), default="1.3"),
        click.option(
            "--drain-seconds",
            type=click.IntRange(1, 300),
            default=25,
            help="For reviews under way when SIGTERM comes.",
        ),
        click.option(
            "--log-level",
            type=click.Choice(["debug", "info", "warning", "error"]),
            default="info",
        ),
    )

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def launch(make: Make, options: Mapping[str, Any], *, worker: type[Worker], name: str) -> None:
    """Serve until a signal ends it.

    Args:
        make: makes the application.
        options: what ``serving_options`` gave.
        worker: how requests come in.
        name: of the process.

    Raises:
        ClickException: there is no usable certificate.
        BadParameter: the address is none.
    """
    configure(options["log_level"])
    host, port = address(options["bind"])
    certificates: Path = options["certificates"]
    client_authority: Path | None = options.get("client_authority")
    contexts = Contexts(
        certificates,
        minimum=_TLS[options["tls"]],
        factory=partial(bounded_context, client_authority),
        client_authority=client_authority,
    )
    try:
        contexts.current()
    except NoCertificateError as error:
        raise click.ClickException(f"{error}: run mattermost-migrate-certs issue first") from error
    target = Target(own(host), port, options["server_name"], certificates / "ca.crt")
    serving = Serving(
        bind=bound(host, port),
        certificates=certificates,
        threads=options["threads"],
        drain_seconds=options["drain_seconds"],
        log_level=options["log_level"],
        worker=worker,
        name=name,
    )
    Server(serving, contexts, lambda: make({"handshake": Handshake(target)})).run()


def address(bind: str) -> tuple[str, int]:
    """Host, without brackets, and port of what ``--bind`` says.

    Raises:
        BadParameter: it is none.
    """
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit():
        raise click.BadParameter("must be HOST:PORT", param_hint="--bind")
    return host.strip("[]"), int(port)


def bound(host: str, port: int) -> str:
    """Where gunicorn is to listen, as it takes it."""
    found = address_of(host)
    return f"[{found}]:{port}" if ":" in found else f"{found}:{port}"


def own(host: str) -> str:
    """Where to reach our own socket: the bound address, or loopback when bound to all.

    Of every address it is that of IPv4: a container without IPv6 has no other one.
    """
    every = {"": "127.0.0.1", EVERY: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return every.get(host, host)
