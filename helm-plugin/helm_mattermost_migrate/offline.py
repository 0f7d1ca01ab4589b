"""What ``convert`` and ``render`` have in common: read manifests, print objects, tell faults."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.options import output_option
from helm_mattermost_migrate.tables import as_json, as_yaml
from helm_mattermost_migrate.terminal import say
from mattermost_migrate.domain.manifests import Manifests, read
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.offline import Outcome

__all__ = ["read_manifests", "reading", "tell"]

F = TypeVar("F", bound=Callable[..., Any])
_SUFFIXES = {".yaml", ".yml", ".json"}


def reading(command: F) -> F:
    """``-f``, ``-o`` and the namespace of documents that name none."""
    for decorate in reversed(
        (
            click.option(
                "-f",
                "--filename",
                "files",
                multiple=True,
                required=True,
                metavar="FILE|DIR|-",
                help="Manifests; may be given several times, - is standard input.",
            ),
            click.option(
                "-n",
                "--namespace",
                envvar="HELM_NAMESPACE",
                default="default",
                show_default=True,
                help="Namespace of documents that name none.",
            ),
            output_option("yaml", "json"),
        )
    ):
        command = decorate(command)
    return command


def read_manifests(names: Iterable[str]) -> Manifests:
    """Read files, folders and standard input.

    Raises:
        CommandError: one of them cannot be opened, or there is nothing in them.
    """
    manifests = read(list(_contents(names)))
    if not manifests.documents and not manifests.faults:
        raise CommandError("the input holds no object", code=Exit.USAGE)
    return manifests


def _contents(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        if name == "-":
            yield "<stdin>", sys.stdin.buffer.read()
            continue
        for path in _files(Path(name)):
            try:
                yield str(path), path.read_bytes()
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}", code=Exit.USAGE) from error


def _files(path: Path) -> Sequence[Path]:
    """The file itself, or the manifests below a folder in the order of their names."""
    if not path.is_dir():
        return (path,)
    found = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
    if not found:
        raise CommandError(f"{path}: no .yaml, .yml or .json file in this folder", code=Exit.USAGE)
    return found


def tell(outcome: Outcome, manifests: Manifests, output: str) -> int:
    """Print the objects on stdout and everything else on stderr.

    Returns:
        4 when some input could not be read, 3 when something was refused, else 0.
    """
    _print(outcome.objects, output)
    for result in outcome.results:
        for warning in result.warnings:
            say(f"Warning: {result.document}: {warning}", err=True)
    for document in outcome.passed_over:
        say(f"Passed over: {document}", err=True)
    for refusal in outcome.refusals:
        for line in refusal.lines():
            say(f"Error: {line}", err=True)
    for fault in manifests.faults:
        say(f"Error: {fault}", err=True)
    if manifests.faults:
        say("Next: correct the lines named above, then repeat the command", err=True)
        return Exit.USAGE
    if outcome.refusals:
        say(f"Next: {_mending(outcome)}", err=True)
        return Exit.REFUSED
    return Exit.DONE


def _mending(outcome: Outcome) -> str:
    """What to do about the refusals; for a Secret that was not given, no field is to blame."""
    missing = [
        fault.reason == Reason.SECRET_MISSING
        for refusal in outcome.refusals
        for fault in refusal.faults
    ]
    parts = []
    if not all(missing):
        parts.append("change the fields named above")
    if any(missing):
        parts.append("add the file with the Secrets by -f, or --assume-external-db without them")
    return "; ".join(parts) + ("; " if any(missing) else ", ") + "then repeat the command"


def _print(objects: Sequence[JsonObject], output: str) -> None:
    if output == "json":
        say(as_json(list(objects)))
    elif objects:
        say("\n---\n".join(as_yaml(obj) for obj in objects))
