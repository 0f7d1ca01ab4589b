"""Reading what is in the cluster: installations, their migrations, and the fleets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.fleets import Fleet, fleet_of
from helm_mattermost_migrate.members import Member, Standing, members
from helm_mattermost_migrate.selection import Key, Selection
from mattermost_migrate.domain.errors import ForbiddenError, NotFoundError, NotServedError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    OWN_GROUP,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, key_of, labels_of, name_of
from mattermost_migrate.domain.reported import fleet_over

if TYPE_CHECKING:
    from mattermost_migrate.kube.client import Client

__all__ = [
    "CRDS_HINT",
    "INSTALL_HINT",
    "Inventory",
    "check_found",
    "inventory_of",
    "kind_hint",
    "list_fleets",
    "list_selected",
    "meant_fleets",
    "not_served",
    "read_fleet",
    "read_inventory",
]

_KINDS: Final = (CLUSTER_INSTALLATION, MATTERMOST)
#: It also mends a release that is there and has lost something.
INSTALL_HINT: Final = (
    "helm upgrade --install mattermost-migrate deploy/chart -n mattermost-migrate "
    "--create-namespace"
)
#: Helm installs a chart's CustomResourceDefinitions once, and never upgrades them.
CRDS_HINT: Final = "helm show crds deploy/chart | kubectl apply --server-side -f -"


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found.

    Attributes:
        installations: ClusterInstallations and Mattermosts.
        migrations: the InstallationMigrations of the same names.
        fleets: the FleetMigrations; None where we may not see them.
        moved: of one fleet: by the name of a later one, how many of its installations that has.
    """

    installations: tuple[JsonObject, ...] = ()
    migrations: tuple[JsonObject, ...] = ()
    fleets: tuple[JsonObject, ...] | None = ()
    moved: Mapping[str, int] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        """One entry an installation."""
        return members(self.installations, self.migrations)

    @property
    def abandoned(self) -> frozenset[Key]:
        """Those that wait for a FleetMigration that is over or gone: none of them is started."""
        if self.fleets is None:
            return frozenset()
        at_work = {name_of(fleet) for fleet in self.fleets if not fleet_over(fleet)}
        return frozenset(
            member.key
            for member in self.members
            if member.standing is Standing.WAITING and member.fleet and member.fleet not in at_work
        )

    @property
    def known_fleets(self) -> tuple[Fleet, ...]:
        """The fleets that we may see."""
        return tuple(map(fleet_of, self.fleets or ()))

    def shown_fleets(self, selection: Selection) -> tuple[Fleet, ...]:
        """The fleets of what is shown; all of them when the whole cluster is."""
        theirs = {member.fleet for member in self.members}
        narrow = selection.names or selection.namespaces or selection.requirements
        wide = not (narrow or selection.selector)
        return tuple(fleet for fleet in self.known_fleets if wide or fleet.name in theirs)


async def read_inventory(client: Client, selection: Selection) -> Inventory:
    """List everything a selection is about.

    Raises:
        CommandError: the cluster does not know our kinds, or not those of Mattermost.
    """
    old, new, migrations, fleets = await asyncio.gather(
        list_selected(client, CLUSTER_INSTALLATION, selection),
        list_selected(client, MATTERMOST, selection),
        _list(client, INSTALLATION_MIGRATION, selection.searched),
        _fleets(client),
    )
    return inventory_of((*old, *new), migrations, selection, fleets)


def inventory_of(
    installations: tuple[JsonObject, ...],
    migrations: Iterable[JsonObject],
    selection: Selection,
    fleets: tuple[JsonObject, ...] | None = (),
) -> Inventory:
    """What a selection is about.

    Args:
        installations: those that it admits.
        migrations: of its namespaces, or of more. Of one without an installation nothing is known
            but its name: it is shown unless that is not enough to tell whether it is meant.
        selection: what was selected.
        fleets: the FleetMigrations; None where we may not see them.
    """
    wanted = {key_of(obj) for obj in installations} | set(selection.names)
    narrow = selection.requirements or selection.names or selection.selector
    places = frozenset(selection.searched)

    def meant(key: Key) -> bool:
        return key in wanted if narrow else not places or key[0] in places

    told = tuple(obj for obj in migrations if meant(key_of(obj)))
    return Inventory(installations, told, fleets)


async def read_fleet(client: Client, name: str) -> Inventory:
    """One FleetMigration with its members, and the installations they are about.

    Raises:
        CommandError: there is no such FleetMigration.
    """
    every, migrations = await asyncio.gather(
        list_fleets(client),
        _list(client, INSTALLATION_MIGRATION, (), labels=f"{FLEET_LABEL}={name}"),
    )
    fleets = tuple(obj for obj in every if name_of(obj) == name)
    if not fleets:
        raise CommandError(
            f"FleetMigration {name}: there is none of that name",
            hint=f"{program_name()} status --all",
        )
    wanted = {key_of(obj) for obj in migrations}
    found = await asyncio.gather(
        *(_list(client, kind, {key[0] for key in wanted}) for kind in _KINDS if wanted)
    )
    installations = (obj for group in found for obj in group if key_of(obj) in wanted)
    moved: Mapping[str, int] = {}
    if len(migrations) < fleet_of(fleets[0]).enlisted:
        moved = await _moved(client, fleets[0], every)
    return Inventory(tuple(installations), migrations, fleets, moved)


async def _moved(
    client: Client, fleet: JsonObject, every: Iterable[JsonObject]
) -> Mapping[str, int]:
    """How many of what a fleet takes the fleets after it have; none where we may not look.

    The status of the fleet itself only counts those it had.
    """
    from mattermost_migrate.domain.fleet import selects  # noqa: PLC0415 - costs start-up

    created = str(fleet["metadata"].get("creationTimestamp") or "")
    later = {
        name_of(each)
        for each in every
        if str(each["metadata"].get("creationTimestamp") or "") >= created
        and name_of(each) != name_of(fleet)
    }
    try:
        migrations, *installations = await asyncio.gather(
            *(_list(client, kind, ()) for kind in (INSTALLATION_MIGRATION, *_KINDS))
        )
    except ForbiddenError:
        return {}
    selector = fleet["spec"]["selector"]
    taken = {key_of(obj) for group in installations for obj in group if selects(selector, obj)}
    holders = Counter(
        labels_of(obj).get(FLEET_LABEL, "") for obj in migrations if key_of(obj) in taken
    )
    return {name: number for name, number in holders.most_common() if name in later}


def check_found(inventory: Inventory, selection: Selection) -> None:
    """Refuse when a name was not found, or nothing at all.

    Raises:
        CommandError: says which, and how to see what there is.
    """
    found = [member.key for member in inventory.members]
    if missing := selection.missing(found):
        names = ", ".join("/".join(key) for key in missing)
        raise CommandError(
            f"installation {names}: there is no ClusterInstallation and no Mattermost of that name",
            hint=f"{program_name()} status -A",
        )
    if not found:
        raise CommandError(
            f"no installations found in {selection.described('any')}", hint=_elsewhere(selection)
        )


def _elsewhere(selection: Selection) -> str:
    """Where to look when nothing was found: by wider and wider circles."""
    if selection.namespaces:
        return f"{program_name()} status -A"
    if selection.requirements:
        kinds = ",".join(f"{kind.plural}.{kind.group}" for kind in _KINDS)
        return f"kubectl get {kinds} -A --show-labels"
    return "kubectl config current-context"


async def list_selected(
    client: Client, resource: Resource, selection: Selection
) -> tuple[JsonObject, ...]:
    """The objects of one kind that a selection is about."""
    found = await _list(client, resource, selection.searched, labels=selection.label_selector)
    return tuple(obj for obj in found if selection.admits(obj))


async def list_fleets(client: Client) -> tuple[JsonObject, ...]:
    """All FleetMigrations.

    Raises:
        CommandError: the cluster does not know the kind.
        ForbiddenError: we may not see them.
    """
    return await _list(client, FLEET_MIGRATION, ())


async def meant_fleets(client: Client, names: tuple[str, ...]) -> tuple[JsonObject, ...]:
    """The fleets of these names; without any, all that are not over.

    Raises:
        CommandError: one is over or not there, or none is under way.
    """
    hint = f"{program_name()} status --all"
    if not names:
        found = await list_fleets(client)
        if not (open_ones := tuple(fleet for fleet in found if not fleet_over(fleet))):
            raise CommandError("no FleetMigration is under way", hint=hint)
        return open_ones
    fleets = []
    for name in names:
        try:
            fleet = await client.get(FLEET_MIGRATION, None, name)
        except NotServedError as error:
            raise not_served(FLEET_MIGRATION) from error
        except NotFoundError as error:
            raise CommandError(f"FleetMigration {name}: there is none", hint=hint) from error
        if fleet_over(fleet):
            raise CommandError(f"FleetMigration {name}: it is over already", hint=hint)
        fleets.append(fleet)
    return tuple(fleets)


def not_served(resource: Resource) -> CommandError:
    """What to say where the cluster does not know a kind."""
    plural = f"{resource.plural}.{resource.group}"
    mattermosts = resource.group != OWN_GROUP
    return CommandError(
        f"CustomResourceDefinition {plural}: the cluster does not have it"
        + (", so it holds no such installation" if mattermosts else ""),
        hint=kind_hint(resource),
    )


def kind_hint(resource: Resource) -> str:
    """What to run where the cluster does not know a kind; Mattermost's own are not the chart's."""
    if resource.group == OWN_GROUP:
        return CRDS_HINT
    return f"kubectl get crd {resource.plural}.{resource.group}"


async def _fleets(client: Client) -> tuple[JsonObject, ...] | None:
    """All fleets, or None: who may see a namespace may not be let see the whole cluster."""
    try:
        return await list_fleets(client)
    except ForbiddenError:
        return None


async def _list(
    client: Client,
    resource: Resource,
    namespaces: Iterable[str],
    *,
    labels: str | None = None,
) -> tuple[JsonObject, ...]:
    try:
        listings = await asyncio.gather(
            *(
                client.list(resource, namespace, label_selector=labels)
                for namespace in tuple(namespaces) or (None,)
            )
        )
    except NotFoundError as error:
        raise not_served(resource) from error
    return tuple(obj for listing in listings for obj in listing.items)
