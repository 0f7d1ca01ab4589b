"""A command whose ``--help`` ends with examples that can be copied as they stand."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

__all__ = ["Documented", "program_name"]


def program_name() -> str:
    """What a person types to start us: Helm's way, or the console script's."""
    helm = "HELM_PLUGIN_NAME" in os.environ
    return "helm mattermost-migrate" if helm else "mattermost-migrate"


class Documented(click.Command):
    """Adds an ``Examples`` section.

    Args:
        examples: arguments and what they do, in the order to show.
        kwargs: as for ``click.Command``.
    """

    def __init__(self, *args: Any, examples: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; whatever is wrong is this command's, whose help is then named."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the epilog."""
        if self.examples:
            with formatter.section("Examples"):
                indent = " " * formatter.current_indent
                formatter.write("\n".join(self._shown(ctx.command_path, indent)))
        if "HELM_PLUGIN_NAME" in os.environ and any(each.hidden for each in _options(self)):
            with formatter.section("Helm's own flags"):
                formatter.write_text(
                    "-n, --kubeconfig, --kube-context and the other connection flags of Helm "
                    "hold here too."
                )
        super().format_epilog(ctx, formatter)

    def _shown(self, path: str, indent: str) -> Iterator[str]:
        """As kubectl shows them: beside a long command no terminal has room for the remark."""
        for args, told in self.examples:
            yield f"{indent}# {told}\n{indent}{path} {args}".rstrip() + "\n"


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]
