"""Following what goes on in the cluster until it is through, the time is up, or nobody looks on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.feed import Feed, Watched, feed
from helm_mattermost_migrate.fleets import fleet_of
from helm_mattermost_migrate.inventory import inventory_of
from helm_mattermost_migrate.keyboard import own_interrupt
from helm_mattermost_migrate.lines import LineScreen
from helm_mattermost_migrate.members import as_of_its_run, members
from helm_mattermost_migrate.progress import LOOK_SECONDS, Progress
from helm_mattermost_migrate.selection import Selection
from helm_mattermost_migrate.terminal import console, interactive, now
from mattermost_migrate.domain.errors import ForbiddenError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)

if TYPE_CHECKING:
    from helm_mattermost_migrate.live import LiveScreen
    from mattermost_migrate.kube.client import Client

__all__ = ["follow_fleet", "follow_selection", "screen"]

#: A controller that is there takes a run up within a moment; after this long we say it has not.
_TAKEN_UP_SECONDS: Final = 10.0
#: So many namespaces are watched one by one; each takes a connection for each of three kinds, and
#: a process has 1,024 open files as a rule.
_FEW: Final = 5


def screen(title: str) -> LiveScreen | LineScreen:
    """The view for whoever reads us: live on a terminal, lines in a pipe."""
    if interactive() and not console().is_dumb_terminal:
        from helm_mattermost_migrate.live import LiveScreen  # noqa: PLC0415 - only on a terminal

        return LiveScreen(console(), title)
    return LineScreen()


async def follow_fleet(
    client: Client, name: str, *, title: str, within: float | None = None
) -> Progress:
    """Show a FleetMigration until it has ended or the time is up.

    Args:
        client: an open client.
        name: the FleetMigration.
        title: what to call it on the screen.
        within: seconds; None waits for the end.

    Returns:
        The last look; ``through`` is false when the time was up.
    """
    began = now()
    watched: tuple[Watched, ...] = (
        (FLEET_MIGRATION, None, None, f"metadata.name={name}"),
        (INSTALLATION_MIGRATION, None, f"{FLEET_LABEL}={name}", None),
    )

    def look(told: Feed) -> Progress:
        fleets = told.objects(FLEET_MIGRATION)
        if not fleets:
            raise CommandError(
                f"FleetMigration {name}: it is gone; its installations go on by themselves",
                hint=f"{program_name()} status --all",
            )
        found = members((), told.objects(INSTALLATION_MIGRATION))
        return Progress(tuple(map(as_of_its_run, found)), fleet_of(fleets[0]), began)

    return await _follow(feed(client, *watched), look, screen(title), within)


async def follow_selection(
    client: Client, selection: Selection, *, within: float | None = None
) -> Progress:
    """Show the migrations of a selection until all of them have ended or the time is up."""
    began = now()

    def look(told: Feed) -> Progress:
        installations = tuple(
            obj
            for resource in (CLUSTER_INSTALLATION, MATTERMOST)
            for obj in told.objects(resource)
            if selection.admits(obj)
        )
        found = inventory_of(installations, told.objects(INSTALLATION_MIGRATION), selection)
        return Progress(found.members, None, began)

    view = screen(selection.described())
    return await _follow(_selected(client, selection), look, view, within)


@asynccontextmanager
async def _selected(client: Client, selection: Selection) -> AsyncIterator[Feed]:
    """Watch many namespaces as the whole cluster; one by one where that may not be seen."""
    namespaces = selection.searched
    async with AsyncExitStack() as stack:
        try:
            some = namespaces if 0 < len(namespaces) <= _FEW else (None,)
            told = await stack.enter_async_context(feed(client, *_watched(selection, some)))
        except ForbiddenError:
            if len(namespaces) <= _FEW:
                raise
            told = await stack.enter_async_context(feed(client, *_watched(selection, namespaces)))
        yield told


def _watched(selection: Selection, namespaces: Iterable[str | None]) -> Iterator[Watched]:
    for namespace in namespaces:
        yield (INSTALLATION_MIGRATION, namespace, None, None)
        for resource in (CLUSTER_INSTALLATION, MATTERMOST):
            yield (resource, namespace, selection.label_selector, None)


async def _follow(
    opening: AbstractAsyncContextManager[Feed],
    look: Callable[[Feed], Progress],
    view: LiveScreen | LineScreen,
    within: float | None,
) -> Progress:
    loop = asyncio.get_running_loop()
    ends = None if within is None else loop.time() + within
    warned = False
    gives_up = loop.time() + _TAKEN_UP_SECONDS
    # The view first: a busy cluster takes its time for the first lists.
    with own_interrupt(), view as shown:
        async with opening as told:
            while True:
                progress = look(told)
                shown.show(progress)
                left = None if ends is None else ends - loop.time()
                if progress.through or (left is not None and left <= 0):
                    return progress
                taken_up = progress.fleet is None or progress.fleet.started is not None
                limits = [left] if left is not None else []
                await told.changed(within=min((*limits, LOOK_SECONDS)))
                if not (taken_up or warned) and loop.time() >= gives_up:
                    shown.note(
                        "no controller has taken it up yet; is one running? "
                        "kubectl get leases -A | grep mattermost-migrate"
                    )
                    warned = True
