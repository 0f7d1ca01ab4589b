"""Which failed migrations may be tried again one by one, and which are their fleet's; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError
from helm_mattermost_migrate.fleet_request import MAX_CONCURRENT
from mattermost_migrate.domain.membership import Enlistment
from mattermost_migrate.domain.objects import JsonObject, key_of, name_of, uid_of
from mattermost_migrate.domain.reported import fleet_over
from mattermost_migrate.domain.wording import shortened

__all__ = ["check_alone", "check_number", "fleet_that_has"]

#: Names that are told; of more they are only counted.
_MOST_NAMED: Final = 3


def fleet_that_has(migration: JsonObject, fleets: Iterable[JsonObject]) -> JsonObject | None:
    """The FleetMigration that would try it again; none where another hand has turned it round."""
    known = Enlistment.read(migration)
    if known is None or known.edited(migration):
        return None
    return next((fleet for fleet in fleets if uid_of(fleet) == known.fleet), None)


def check_alone(migrations: Iterable[JsonObject], fleets: Sequence[JsonObject]) -> None:
    """Refuse to start what a fleet holds back by its waves, its budget, its window or its pause.

    Raises:
        CommandError: names the fleets that are not over, and how each tries them again.
    """
    theirs: dict[str, list[str]] = defaultdict(list)
    for migration in migrations:
        fleet = fleet_that_has(migration, fleets)
        if fleet is not None and not fleet_over(fleet):
            theirs[name_of(fleet)].append("/".join(key_of(migration)))
    if not theirs:
        return
    told = [
        f"FleetMigration {name} is not over, and tries its own again within its limits: "
        + shortened(sorted(paths), _MOST_NAMED)
        for name, paths in sorted(theirs.items())
    ]
    commands = " && ".join(f"{program_name()} retry --fleet {name}" for name in sorted(theirs))
    raise CommandError("\n  ".join(told), hint=commands)


def check_number(migrations: Sequence[JsonObject], fleets: Sequence[JsonObject]) -> None:
    """Refuse to start more at the same time than a fleet would by itself.

    Raises:
        CommandError: names the fleet that has most of them, whose limits would hold.
    """
    if len(migrations) <= MAX_CONCURRENT:
        return
    owners = (fleet_that_has(each, fleets) for each in migrations)
    most = Counter(name_of(fleet) for fleet in owners if fleet is not None).most_common(1)
    others = "name fewer, or say --all-at-once"
    raise CommandError(
        f"{len(migrations)} would be started at the same time, "
        f"and more than {MAX_CONCURRENT} are not without your word",
        hint=f"{program_name()} retry --fleet {most[0][0]}, or {others}" if most else others,
    )
