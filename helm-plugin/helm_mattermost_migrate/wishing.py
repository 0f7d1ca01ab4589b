"""How a run shall go, as flags and as a file: what ``plan`` and ``run`` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import MAX_CONCURRENT, Wishes, parse_amount, parse_wave
from helm_mattermost_migrate.options import Duration, parse_selection
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.manifests import read
from mattermost_migrate.domain.names import FLEET_MIGRATION, Strategy
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["WISHES", "Amount", "Wave", "at_once", "given", "selection_of", "wishes_of", "wishing"]

F = TypeVar("F", bound=Callable[..., Any])


class Amount(click.ParamType[int | str]):
    """A number of installations, or a percentage.

    Args:
        what: is counted, for the message.
        least: the smallest one that has a meaning.
    """

    name = "number|percent"

    def __init__(self, what: str = "installations", *, least: int = 1) -> None:
        self._what, self._least = what, least

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Read it, or fail as a usage error."""
        try:
            return parse_amount(str(value), self._what, least=self._least)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Wave(click.ParamType[dict[str, Any]]):
    """``[NAME=]SIZE[:SOAK][:approve]``."""

    name = "wave"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read it, or fail as a usage error."""
        if isinstance(value, dict):
            return value
        try:
            return parse_wave(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_AMOUNT: Final = "N|N%"
#: Flags that are one field each: parameter, field of the spec.
_FIELDS: Final = {
    "max_concurrent": "maxConcurrent",
    "failure_budget": "failureBudget",
    "max_per_namespace": "maxPerNamespace",
    "run_deadline": "runDeadlineSeconds",
    "retry_limit": "retryLimit",
    "pin": "pinPodTemplate",
    "strategy": "strategy",
    "max_surge": "maxSurge",
}


#: The fields of every object.
_TOP_LEVEL: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
#: The parameters of ``wishing``, for whoever must know that none was given.
WISHES: Final = (*_FIELDS, "waves", "soak", "approve_waves", "order", "fleet_file")


#: The option that ``revert`` takes as well.
at_once: Final = click.option(
    "--max-concurrent",
    type=Amount(),
    metavar=_AMOUNT,
    help=f"How many may be under way at the same time. [default: {MAX_CONCURRENT}]",
)


def wishing(command: F) -> F:
    """The options that say how a run shall go."""
    for decorate in reversed(
        (
            at_once,
            click.option(
                "--wave",
                "waves",
                type=Wave(),
                multiple=True,
                metavar="[NAME=]N|N%[:SOAK][:approve]",
                help="The next wave: how many, how long to watch it, whether to wait for "
                "approve. May be given several times; what is left is one more.",
            ),
            click.option(
                "--soak",
                type=Duration(),
                help="How long a wave that names none is watched before the next: 90s, 10m, 1h30m.",
            ),
            click.option(
                "--approve-waves", is_flag=True, help="After each wave, wait for: approve."
            ),
            click.option(
                "--failure-budget",
                type=Amount(least=0),
                metavar=_AMOUNT,
                help="How many may fail before no further one is started. [default: 5%]",
            ),
            click.option(
                "--max-per-namespace",
                type=click.IntRange(min=1),
                metavar="N",
                help="How many of one namespace at the same time.",
            ),
            click.option("--order", metavar="LABEL", help="Start them in the order of this label."),
            click.option(
                "--run-deadline", type=Duration(), help="Start none after this time from the start."
            ),
            click.option(
                "--retry-limit",
                type=click.IntRange(0, 10),
                metavar="N",
                help="How often a failed one is tried again by itself. [default: 0]",
            ),
            click.option(
                "--pin/--no-pin",
                default=None,
                help="Keep the pod template as it is, so that no rollout follows. [default: pin]",
            ),
            click.option(
                "--strategy",
                type=click.Choice([str(each) for each in Strategy], case_sensitive=False),
                metavar=f"[{'|'.join(Strategy)}]",
                help="Keep the pods, or bring new ones up beside them and drain the old ones "
                "after. [default: Adopt]",
            ),
            click.option(
                "--max-surge",
                type=Amount("pods"),
                metavar=_AMOUNT,
                help="With Recreate: pods beyond those wanted, rounded up. [default: 1]",
            ),
            click.option(
                "-f",
                "--filename",
                "fleet_file",
                type=click.Path(path_type=Path),
                metavar="FLEET.yaml",
                help="Take what no flag says from this FleetMigration.",
            ),
        )
    ):
        command = decorate(command)
    return command


def wishes_of(arguments: Mapping[str, Any]) -> Wishes:
    """What the arguments of a ``wishing`` command ask for; a flag overrules the file.

    Raises:
        click.UsageError: two of them contradict each other.
        CommandError: the file cannot be read, or is none.
    """
    base = _from_file(arguments).get("spec") or {}
    try:
        wishes = Wishes.of({**base, **dict(_flags(arguments))})
    except ValueError as error:
        raise CommandError(f"spec.strategy: {error}", code=Exit.USAGE) from error
    if wishes.max_surge is not None and wishes.strategy is not Strategy.RECREATE:
        raise click.UsageError("--max-surge goes with --strategy Recreate: Adopt makes no pods")
    return wishes


def _selector(arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Which installations the file selects, if there is one and it says so."""
    spec = _from_file(arguments).get("spec") or {}
    selector: Mapping[str, Any] | None = spec.get("selector")
    return selector


def selection_of(arguments: Mapping[str, Any], *, namespace: str) -> Selection:
    """Which installations a ``selecting`` and ``wishing`` command is about.

    Raises:
        click.UsageError: arguments contradict each other.
    """
    selector = _selector(arguments)
    if selector is None:
        return parse_selection(arguments, namespace=namespace)
    if given("names", "labels", "all_namespaces", "namespaces", "everything"):
        raise click.UsageError(
            "the file says which installations already: leave names, -l, -A, --namespaces and "
            "--all out, or take spec.selector out of the file"
        )
    return Selection(selector=selector)


def given(*names: str) -> bool:
    """Whether any of these arguments of the running command was given, whatever its value."""
    context = click.get_current_context()
    return any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def _flags(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for parameter, name in _FIELDS.items():
        value = arguments.get(parameter)
        if value is not None:
            yield name, int(value) if isinstance(value, float) else value
    if label := arguments.get("order"):
        yield "order", {"label": label}
    waves = [_completed(wave, arguments) for wave in arguments.get("waves") or ()]
    if waves:
        yield "waves", waves
    elif arguments.get("soak") is not None or arguments.get("approve_waves"):
        raise click.UsageError("--soak and --approve-waves are about waves: give some by --wave")


def _completed(wave: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(wave)
    if arguments.get("soak") is not None:
        told.setdefault("soakSeconds", round(arguments["soak"]))
    if arguments.get("approve_waves"):
        told["requiresApproval"] = True
    return told


def _from_file(arguments: Mapping[str, Any]) -> JsonObject:
    path: Path | None = arguments.get("fleet_file")
    if path is None:
        return {}
    try:
        manifests = read([(str(path), path.read_bytes())])
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", code=Exit.USAGE) from error
    if manifests.faults:
        raise CommandError(str(manifests.faults[0]), code=Exit.USAGE)
    objects = [document.obj for document in manifests.documents]
    if len(objects) != 1 or objects[0].get("kind") != FLEET_MIGRATION.kind:
        kinds = ", ".join(str(obj.get("kind")) for obj in objects) or "nothing"
        raise CommandError(
            f"{path}: one {FLEET_MIGRATION.kind} is wanted, and it holds {kinds}",
            hint=f"kubectl explain {FLEET_MIGRATION.plural}.spec",
            code=Exit.USAGE,
        )
    if faults := list(_faults(objects[0])):
        raise CommandError(
            f"{path}: {'; '.join(faults)}",
            hint=f"kubectl explain {FLEET_MIGRATION.plural} --recursive",
            code=Exit.USAGE,
        )
    return objects[0]


def _faults(fleet: JsonObject) -> Iterator[str]:
    """What the API server is never shown: of the file it gets the spec, and that piece by piece."""
    yield from (f"{key}: there is no such field" for key in fleet if key not in _TOP_LEVEL)
    spec = fleet.get("spec")
    if not isinstance(spec, Mapping | None):
        yield "spec: must be an object"
    elif not isinstance(spec and spec.get("selector"), Mapping | None):
        yield "spec.selector: must be an object"
