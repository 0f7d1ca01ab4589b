"""Random faults, deaths and changes of mind."""

from __future__ import annotations

import random
from typing import Any

from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, Strategy
from mattermost_migrate.testing.faults import Gateway, LoseWatches, Randomly
from mattermost_migrate.testing.installations import ended

from .engines import FAULTS, LONGER, Engines
from .lanes import KINDS, SECONDS, Lane, Lanes


def schedules(
    seed: int, taken: list[Lane], lanes: Lanes, gateway: Gateway, engines: Engines
) -> list[str]:
    """Random faults, deaths of the engine and changes of mind, one schedule a lane."""
    dice = random.Random(seed)
    faults = [*FAULTS.values(), LoseWatches(), LoseWatches(expired=True)]
    script = Randomly(seed, [lane.namespace for lane in taken], faults)
    lanes.forget()
    since = lanes.witness.now()
    plans = [
        (
            lane,
            random.Random(f"{seed}/{number}/people"),
            Strategy.RECREATE if number % 4 == 3 else Strategy.ADOPT,
        )
        for number, lane in enumerate(taken)
    ]
    engines.in_process(gate := gateway.gate(script), LONGER)
    going = [lanes.pool.submit(fickle, *plan) for plan in plans]
    writes = 0
    for _ in range(3):
        writes += dice.randint(2, 6) * len(taken)
        if script.until(writes, SECONDS / 4):
            engines.kill(gate)
            engines.in_process(gate := gateway.gate(script), LONGER)
    try:
        wanted = [each.result() for each in going]
    except TimeoutError as problem:
        raise TimeoutError(f"seed {seed}: {problem}") from None
    script.end()
    told = lanes.pool.map(
        lambda plan, kind: plan[0].judge(since, kind, plan[2], f"seed {seed}"), plans, wanted
    )
    problems = [problem for each in told for problem in each]
    engines.end()
    return problems


def fickle(lane: Lane, dice: random.Random, strategy: Strategy) -> str:
    """Ask for a migration, and change one's mind at some rungs; the kind wanted last."""
    here = lane.here
    for kind in [*KINDS, *KINDS][: dice.randint(1, 4)]:
        rungs = dice.randint(1, 9)
        lane.ask(kind, strategy)

        def far(imig: dict[str, Any], rungs: int = rungs) -> bool:
            conditions = (imig.get("status") or {}).get("conditions") or ()
            return ended(imig) or sum(c["status"] == "True" for c in conditions) >= rungs

        here.admin.until(INSTALLATION_MIGRATION, lane.namespace, "acme", far, seconds=SECONDS)
    return kind
