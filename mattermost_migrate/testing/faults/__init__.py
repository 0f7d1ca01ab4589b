"""Faults between a program and its API server, at the one place where all of them happen: the wire.

``Gateway`` stands between the two and speaks HTTP and TLS with both, so nothing of the program
under test is changed or replaced: its retries, time-outs and connections are those that ship.
"""

from mattermost_migrate.testing.faults.exchange import Exchange
from mattermost_migrate.testing.faults.fault import Answer, Drop, Fault, Hold, LoseWatches
from mattermost_migrate.testing.faults.gateway import Gate, Gateway
from mattermost_migrate.testing.faults.points import (
    Points,
    Randomly,
    Recorder,
    Turns,
)

__all__ = [
    "Answer",
    "Drop",
    "Exchange",
    "Fault",
    "Gate",
    "Gateway",
    "Hold",
    "LoseWatches",
    "Points",
    "Randomly",
    "Recorder",
    "Turns",
]
