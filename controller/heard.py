"""What the builtin operator says to the engine beside it, in one process and by memory.

The Go operator acknowledges a freeze by a status. Ours would write one for the engine of the same
process to read, and nobody else: a write of each migration that this saves. It is told in the round
that sees the freeze; rounds over one installation follow one another, so none that began before is
under way, and the next one sees it, too. A process that takes over knows of nothing, and waits for
its own operator's first round.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.worker import Key
from mattermost_migrate.domain.freeze import edited_generation
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of

__all__ = ["Heard"]


class Heard:
    """Which ClusterInstallations the operator in this process has seen frozen.

    Attributes:
        told: called with the key of each; whoever waits for it sets it.
    """

    def __init__(self) -> None:
        self.told: Callable[[Key], None] = _nobody
        self._seen: dict[str, int | None] = {}

    def tell(self, installation: JsonObject) -> None:
        """A round saw it frozen, and touches nothing."""
        if self.of(installation):
            return
        self._seen[uid_of(installation)] = edited_generation(installation)
        self.told(key_of(installation))

    def of(self, installation: JsonObject | None) -> bool:
        """Whether this very state of it was seen; after any edit it has to be seen again."""
        if installation is None:
            return False
        seen = self._seen.get(uid_of(installation))
        return seen is not None and seen == edited_generation(installation)

    def forget(self, installation: JsonObject) -> None:
        """It is gone."""
        self._seen.pop(uid_of(installation), None)


def _nobody(_: Key) -> None:
    """Nobody waits yet."""
