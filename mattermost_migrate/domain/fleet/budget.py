"""How many may fail before a fleet starts no further one."""

from __future__ import annotations

from mattermost_migrate.domain.fleet.amounts import rounded_down
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.membership import retry_of
from mattermost_migrate.domain.names import Condition, Reason
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.reported import condition_status, fleet_over

__all__ = ["budget_left", "spent", "stopped"]


def budget_left(fleet: JsonObject, roster: Roster, selected: int) -> int:
    """How many more may fail; -1 when one too many did, or is about to."""
    budget = rounded_down(fleet["spec"].get("failureBudget", 0), selected)
    return max(-1, budget - roster.failures)


def spent(fleet: JsonObject, roster: Roster, selected: int) -> Hold | None:
    """Nobody starts after the first failure beyond the budget."""
    if budget_left(fleet, roster, selected) >= 0:
        return None
    budget = rounded_down(fleet["spec"].get("failureBudget", 0), selected)
    again = retry_of(fleet) + 1
    return Hold(
        Reason.FAILURE_BUDGET_SPENT,
        f"more than {budget} of {selected} failed: starts no further ones",
        f"kubectl patch fleetmigration {name_of(fleet)} --type merge "
        f'-p \'{{"spec":{{"retryGeneration":{again}}}}}\'',
        final=True,
    )


def stopped(fleet: JsonObject) -> bool:
    """Whether a spent budget is why it is over, for its spec as it is."""
    summary = condition_status(fleet, Condition.SUCCEEDED) or {}
    return fleet_over(fleet) and summary.get("reason") == Reason.FAILURE_BUDGET_SPENT
