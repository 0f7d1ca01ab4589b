"""Rendering as a sequence of writes that an error ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["collected", "wrapped"]


@contextmanager
def wrapped(words: str) -> Iterator[None]:
    """Put ``words: `` before the text of a ChildError raised inside."""
    try:
        yield
    except ChildError as error:
        raise ChildError(f"{words}: {error}") from None


def collected(writes: Iterable[JsonObject]) -> tuple[tuple[JsonObject, ...], str | None]:
    """What was written before the error, and its text; a second write of an object wins."""
    children: dict[tuple[str, str], JsonObject] = {}
    error = None
    try:
        for child in writes:
            children[child["kind"], child["metadata"]["name"]] = child
    except ChildError as stopped:
        error = str(stopped)
    return tuple(children.values()), error
