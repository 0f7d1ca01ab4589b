"""What a life of the controller knows of a fleet is told, and nothing of it twice or never."""

from __future__ import annotations

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
