"""The entry point: finds the command, runs it, and turns whatever happens into an exit code.

Commands are imported only when they are run, because ``status`` must answer at once.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final

import click

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.quick_start import postpone_unused_imports

__all__ = ["COMMANDS", "main", "program"]

#: Command, where it lives, and what ``--help`` says of it without importing it.
COMMANDS: Final = {
    "plan": ("plan:command", "Show what a migration would do; writes nothing."),
    "run": ("run:command", "Migrate installations and follow their progress."),
    "status": ("status:command", "Show where installations and migrations stand."),
    "pause": ("pause:pause", "Start no further migrations of a fleet."),
    "resume": ("pause:resume", "Go on with a paused fleet."),
    "approve": ("approve:command", "Let the next wave of a fleet begin."),
    "revert": ("revert:command", "Go back to ClusterInstallation."),
    "finalize": ("finalize:command", "Remove the backups of what succeeded, and the way back."),
    "unpin": ("unpin:command", "Drop the pin of the pod template; one rolling update follows."),
    "retry": ("retry:command", "Try again what failed or was refused."),
    "convert": ("convert:command", "Print the Mattermost a ClusterInstallation becomes; offline."),
    "render": ("render:command", "Print the objects that either kind generates; offline."),
    "report": ("report:command", "Write a report on what became of the migrations."),
    "doctor": ("doctor:command", "Check what a migration needs, and installations."),
    "version": ("version:command", "Print the versions of this command and of the cluster's side."),
}
_SIGINT: Final = 130
_TRUE: Final = frozenset({"1", "t", "true"})


class _Commands(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of a migration."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Import the command; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        where, _, attribute = COMMANDS[cmd_name][0].partition(":")
        module = importlib.import_module(f"{__package__}.commands.{where}")
        command: click.Command = getattr(module, attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; it knows none of our names, and so could not suggest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            name = error.command_name
            raise click.exceptions.NoSuchCommand(name, possibilities=COMMANDS, ctx=ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; what names no next step leads to the help of its command."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            error.hint = error.hint or f"{ctx.command_path} {ctx.invoked_subcommand} --help"
            raise

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """The list in ``--help``, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed or rolled back, 2 not finished in time, "
    "3 refused or nothing selected, 4 usage.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def program(*, debug: bool) -> None:
    """Move live Mattermost installations from ClusterInstallation to Mattermost, and back.

    The pods stay the same ones: what is exchanged is the objects that own them.
    """
    del debug  # read by main, which must know of it also when parsing fails


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit with its code; never a traceback unless it was asked for."""
    postpone_unused_imports()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or os.environ.get("HELM_DEBUG", "").lower() in _TRUE
    given = [argument for argument in given if argument != "--debug"]
    sys.exit(_run(given, debug=debug))


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        code: Any = program.main(arguments, prog_name=program_name(), standalone_mode=False)
    except BrokenPipeError:
        return _broken_pipe()
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo(f"Interrupted: {error}." if str(error) else "Interrupted.", err=True)
        return _SIGINT
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except Exception as error:  # noqa: BLE001 - the one place where a surprise ends
        told = _told(error)
        if debug:
            traceback.print_exc()
        _say(told)
        return told.code
    return int(code) if isinstance(code, int) else Exit.DONE


def _told(error: Exception) -> CommandError:
    """Any exception in the words of this command."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        hint = f"{ctx.command_path} --help" if ctx else f"{program_name()} --help"
        return CommandError(error.format_message(), hint=hint, code=Exit.USAGE)
    return CommandError(
        f"internal error: {type(error).__name__}: {error}",
        hint=f"repeat it with --debug and report what it prints, with: {program_name()} version",
        code=Exit.FAILED,
    )


def _say(error: CommandError) -> None:
    click.echo(f"Error: {error.message}", err=True)
    if error.hint:
        click.echo(f"Next: {error.hint}", err=True)


def _broken_pipe() -> int:
    """Whoever read us has seen enough, as ``| head`` has: no error, and no second complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.DONE


if __name__ == "__main__":
    main()
