"""The controller less one of its precautions: `python bench/sabotaged_controller.py drain …`.

So that the proof of traffic can be seen to fail. What follows the first word are the controller's
own options.
"""

from __future__ import annotations

import sys

from controller.__main__ import main
from mattermost_migrate.domain import recreation, replacement
from mattermost_migrate.domain.names import Condition


def without_fence() -> None:
    """Adopt creates the Deployment before Kubernetes' caches are known to hold the labels."""
    kept = (step for step in recreation.ADOPTION if step.condition is not Condition.PODS_SEEN)
    vars(recreation).update(ADOPTION=tuple(kept))


def without_drain() -> None:
    """Recreate ends old pods while requests reach them."""
    left_out = {"_take_out_old", "_count_drained"}
    inside = vars(replacement)
    kept = (move for move in inside["_MOVES"] if move.__name__ not in left_out)
    inside.update(_MOVES=tuple(kept))
    inside["_Crews"].drained = lambda _crews, _pod: True


PRECAUTIONS = {"fence": without_fence, "drain": without_drain}

if __name__ == "__main__":
    PRECAUTIONS[sys.argv.pop(1)]()
    main()
