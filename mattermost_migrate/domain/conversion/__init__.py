"""ClusterInstallation to Mattermost and back: lossless, or refused with a field path.

Where the operator's own conversion preserves what an installation does, this one is equal to it
(operator facts 5.3). Where it drops, breaks or changes something, this one preserves it or refuses;
each such place is a row in ``docs/reference/conversion.md``.

One module a section of the spec, each with ``forward``, ``backward`` and ``faults``. What a
Mattermost has no place for is found by carrying the result back and comparing (``record``).
"""

from __future__ import annotations

from mattermost_migrate.domain.conversion.forward import Converted, convert
from mattermost_migrate.domain.conversion.record import ORIGINAL
from mattermost_migrate.domain.conversion.reverse import original, restore

__all__ = ["ORIGINAL", "Converted", "convert", "original", "restore"]
