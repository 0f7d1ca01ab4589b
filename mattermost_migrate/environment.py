"""Options of our commands by environment: a variable is named as its option is.

Click names it after the parameter that the option fills, which nobody but the program knows.
"""

from __future__ import annotations

import click

__all__ = ["set_by_environment"]


def set_by_environment(command: click.Command, prefix: str) -> None:
    """Let each option of a command, and of the commands below it, be set by environment too.

    Args:
        command: with all that is below it.
        prefix: what the variables begin with, before the names of subcommand and option.
    """
    for option in command.params:
        if isinstance(option, click.Option) and option.expose_value:
            own = f"{prefix}_{max(option.opts, key=len).lstrip('-')}".replace("-", "_").upper()
            others = (option.envvar,) if isinstance(option.envvar, str) else option.envvar or ()
            option.envvar = (own, *others)
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            set_by_environment(each, f"{prefix}_{name}")
