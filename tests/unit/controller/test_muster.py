"""What a life of the controller knows of a fleet is told, and nothing of it twice or never."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from controller.muster import Muster
from mattermost_migrate.domain.fleet import Skip
from mattermost_migrate.testing.fleets import fleet


def test_who_departs_while_a_report_is_sent_is_listed_by_the_next() -> None:
    early, late = (Skip("ns", name, "LeftFleet", "gone") for name in ("early", "late"))
    muster = Muster(fleet(), departed=(early,))
    listed = muster.departed

    muster.departed += (late,)  # its deletion is told while we wait for the API server's answer
    muster.told(listed)

    assert muster.departed == (late,)


@dataclasses.dataclass(frozen=True, slots=True)
class Watched(Skip):
    """One that counts how often any is compared."""

    compared: ClassVar[list[str]] = []

    def __eq__(self, other: object) -> bool:
        self.compared.append(self.name)
        return isinstance(other, Skip) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def test_a_selection_made_again_is_listed_once_and_thousands_are_not_compared_each_to_each() -> (
    None
):
    def selected() -> tuple[Skip, ...]:
        return tuple(Watched("ns", f"s-{each}", "InAnotherFleet", "") for each in range(2000))

    muster, skips = Muster(fleet()), selected()
    for _ in range(2):  # the first report on it did not get through
        muster.pass_over(selected())
    listed = muster.departed
    muster.told(selected())

    assert listed == skips
    assert muster.departed == ()
    assert len(Watched.compared) < 20 * len(skips)
