"""Shell completion as Helm asks for it: the words so far in, candidates and a directive out.

Helm completes commands and flags from ``completion.yaml`` by itself; what it asks us for are
arguments and the values of options. A cluster that does not answer at once completes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from helm_mattermost_migrate.cli import COMMANDS, program
from helm_mattermost_migrate.connection import Target
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.quick_start import postpone_unused_imports
from mattermost_migrate.domain.errors import MigrateError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    MATTERMOST,
    Resource,
)
from mattermost_migrate.domain.objects import name_of

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = ["declared", "main", "wanted"]

#: Cobra's directives: files may follow, or they may not.
_FILES: Final = ":0"
_NO_FILES: Final = ":4"
#: What stands in the place of an argument or of an option's value.
_ARGUMENTS: Final = {
    "names": (CLUSTER_INSTALLATION, MATTERMOST),
    "fleets": (FLEET_MIGRATION,),
}
_VALUES: Final = {"--fleet": (FLEET_MIGRATION,)}
_PATIENCE_SECONDS: Final = 2.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the candidates for the last of the words, one a line, and the directive."""
    postpone_unused_imports()
    words = list(sys.argv[1:] if arguments is None else arguments)
    found, directive = _complete(words)
    sys.stdout.write("".join(f"{each}\n" for each in found) + directive + "\n")


def _complete(words: list[str]) -> tuple[Iterable[str], str]:
    if not words or words[0] not in COMMANDS:
        prefix = words[0] if words else ""
        return [name for name in COMMANDS if name.startswith(prefix)], _NO_FILES
    command = program.get_command(click.Context(program), words[0])
    before, word = words[1:-1], words[-1] if len(words) > 1 else ""
    if command is None:
        return (), _NO_FILES
    option, equals, value = word.partition("=")
    if equals and option.startswith("--"):
        # The shell puts what stands before the value back; so it wants the value alone.
        before, word = [*before, option], value
    if _takes_file(command, before):
        return (), _FILES
    candidates = _choices(command, before) or _names(wanted(command, before))
    return [each for each in candidates if each.startswith(word)], _NO_FILES


def _takes_file(command: click.Command, before: Sequence[str]) -> bool:
    """Whether the option that stands before the word names a file."""
    option = next((each for each in command.params if before and before[-1] in each.opts), None)
    # That of -f is a text: - is standard input, and a folder is read as a whole.
    return option is not None and (isinstance(option.type, click.Path) or option.name == "files")


def _choices(command: click.Command, before: Sequence[str]) -> Sequence[str]:
    """The values of the option that stands before the word, where there is a choice."""
    for parameter in command.params:
        if before and before[-1] in parameter.opts and isinstance(parameter.type, click.Choice):
            return tuple(map(str, parameter.type.choices))
    return ()


def wanted(command: click.Command, before: Sequence[str]) -> tuple[Resource, ...]:
    """Of which kinds an object's name may stand next.

    Args:
        command: the command.
        before: the words between it and the one to complete.
    """
    if before and before[-1].startswith("-"):
        option = next((each for each in command.params if before[-1] in each.opts), None)
        if option is not None and not getattr(option, "is_flag", False):
            return _VALUES.get(before[-1], ())
    names = {parameter.name for parameter in command.params}
    return next((kinds for name, kinds in _ARGUMENTS.items() if name in names), ())


def _names(kinds: Sequence[Resource]) -> Sequence[str]:
    if not kinds:
        return ()
    with contextlib.suppress(CommandError, MigrateError, TimeoutError):
        return asyncio.run(_list(kinds))
    return ()


async def _list(kinds: Sequence[Resource]) -> Sequence[str]:
    target = Target.of({})
    async with asyncio.timeout(_PATIENCE_SECONDS), target.client(attended=False) as client:
        found = await asyncio.gather(*(_of(client, kind) for kind in kinds))
    return sorted({name for names in found for name in names})


async def _of(client: Client, kind: Resource) -> list[str]:
    namespace = client.connection.namespace if kind.namespaced else None
    return [name_of(obj) for obj in (await client.list(kind, namespace)).items]


def declared() -> dict[str, Any]:
    """What ``completion.yaml`` must say: every command with its flags, without dashes."""
    return {
        "commands": [
            {"name": name, "flags": _flags(program.get_command(click.Context(program), name))}
            for name in COMMANDS
        ]
    }


def _flags(command: click.Command | None) -> list[str]:
    """Long and short flags that reach us: Helm keeps those of the connection for itself."""
    shown = [
        option
        for option in (command.params if command is not None else ())
        if isinstance(option, click.Option) and not option.hidden and option.name not in _HELMS
    ]
    words = (word for option in shown for word in (*option.opts, *option.secondary_opts))
    return [word.lstrip("-") for word in words]


_HELMS: Final = {"namespace", "kube_context", "kubeconfig"}
