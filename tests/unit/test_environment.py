"""Options by environment: under the names that the reference of options gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from certs.__main__ import main as certs
from controller.__main__ import main as controller
from webhook.__main__ import main as webhook
from webhook.preview import main as conversion

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "options.md"
PROGRAMS = {
    "MATTERMOST_MIGRATE": controller,
    "MATTERMOST_MIGRATE_WEBHOOK": webhook,
    "MATTERMOST_MIGRATE_CONVERSION": conversion,
    "MATTERMOST_MIGRATE_CERTS": certs,
}


def options(
    command: click.Command, prefix: str
) -> Iterator[tuple[str, click.Command, click.Option]]:
    """Each option that ``--help`` shows, below the variable that the rule makes of it."""
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name != "version":
            said = re.findall("--[a-z-]+", (parameter.get_help_record(context) or ("",))[0])[0]
            yield f"{prefix}_{said.strip('-')}".replace("-", "_").upper(), command, parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options(below, f"{prefix}_{name}")


OPTIONS = [each for prefix, command in PROGRAMS.items() for each in options(command, prefix)]


@pytest.mark.parametrize(
    ("variable", "command", "option"), OPTIONS, ids=[variable for variable, _, _ in OPTIONS]
)
def test_every_option_can_be_set_by_the_variable_of_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, command: click.Command, option: click.Option
) -> None:
    monkeypatch.setenv(variable, "given")

    assert option.resolve_envvar_value(click.Context(command)) == "given"


def test_the_variables_that_the_reference_names_are_such() -> None:
    named = re.findall(r"by environment:\s+--.* by (\w+)", PAGE.read_text())

    assert len(named) == len(PROGRAMS)
    assert set(named) <= {variable for variable, _, _ in OPTIONS}
