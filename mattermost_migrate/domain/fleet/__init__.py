"""A fleet: which installations it selects, how its members stand, and which may start now.

``selection`` and ``enlistment`` freeze the targets, ``standing`` reads how each stands, ``roster``
keeps them. Each policy has a module of its own and says why nobody may start: ``budget``,
``deadline``, ``waves``, ``windows``; ``starting`` asks them all, and ``room`` says how many may be
under way. Others start in the place of those whom the API server refuses (``refusal``). ``status``
tells people.
"""

from mattermost_migrate.domain.fleet.enlistment import Key, new_member, places, start
from mattermost_migrate.domain.fleet.refusal import Refusal
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.selection import in_order, selects
from mattermost_migrate.domain.fleet.standing import (
    Member,
    Skip,
    Standing,
    member_of,
    standing_of,
)
from mattermost_migrate.domain.fleet.starting import Outlook, look_ahead
from mattermost_migrate.domain.fleet.status import (
    Tally,
    fleet_over,
    fleet_status,
    stalled_conditions,
    tally_of,
)
from mattermost_migrate.domain.membership import Enlistment

__all__ = [
    "Enlistment",
    "Key",
    "Member",
    "Outlook",
    "Refusal",
    "Roster",
    "Skip",
    "Standing",
    "Tally",
    "fleet_over",
    "fleet_status",
    "in_order",
    "look_ahead",
    "member_of",
    "new_member",
    "places",
    "selects",
    "stalled_conditions",
    "standing_of",
    "start",
    "tally_of",
]
