"""What each command says to ``--help``, on one page."""

from __future__ import annotations

from collections.abc import Iterator

import click

from certs.__main__ import main as certs
from controller.__main__ import main as controller
from helm_mattermost_migrate.cli import program
from webhook.__main__ import main as webhook
from webhook.preview import main as conversion

__all__ = ["page"]

_WIDTH = 96
_HEAD = """\
# Options of every command

Made from `--help`. What the plugin's commands share and promise is told in [commands](commands.md).
With Helm, say `helm mattermost-migrate` for `mattermost-migrate`.
"""
_PROGRAMS = {
    "mattermost-migrate": program,
    "mattermost-migrate-controller": controller,
    "mattermost-migrate-webhook": webhook,
    "mattermost-migrate-conversion": conversion,
    "mattermost-migrate-certs": certs,
}


def page() -> str:
    """Every command, each with its help."""
    sections = [
        f"## {path}\n\n```text\n{text}\n```\n"
        for name, command in _PROGRAMS.items()
        for path, text in _helps(command, name, None)
    ]
    return "\n".join([_HEAD, *sections])


def _helps(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    text = command.get_help(context)
    yield context.command_path, "\n".join(line.rstrip() for line in text.splitlines())
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            if below := command.get_command(context, each):
                yield from _helps(below, each, context)
