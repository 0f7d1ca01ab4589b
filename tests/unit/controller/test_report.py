"""How often a migration under way is told of, and what of another life is told again."""

from __future__ import annotations

from typing import cast

import pytest

from controller.report import Reporter, report_after
from controller.verdicts import Verdicts
from mattermost_migrate.kube import Client


@pytest.mark.parametrize(
    ("interval", "under_way", "seconds"),
    [
        pytest.param(3.0, 1, 3.0, id="one alone is told of at once"),
        pytest.param(3.0, 4, 3.0, id="a few change nothing"),
        pytest.param(3.0, 20, 15.0, id="twenty are over before"),
        pytest.param(3.0, 50, 30.0, id="fifty are over before"),
        pytest.param(6.0, 100, 30.0, id="and never less often than twice a minute"),
    ],
)
def test_the_more_are_under_way_the_seldomer_each_is_told_of(
    interval: float, under_way: int, seconds: float
) -> None:
    assert report_after(interval, under_way) == seconds


def test_what_was_told_in_another_life_is_told_beside_what_comes_to_light() -> None:
    status = {"warnings": [{"field": "spec.a", "message": "kept"}]}
    reporter = Reporter(cast("Client", None), lambda _: None, Verdicts())
    journal = reporter.journal({"metadata": {"uid": "u"}, "status": status})

    for _ in range(2):  # the write was tried twice
        journal.warn((("metadata.b", "left out"),))

    assert journal.warnings == (("spec.a", "kept"), ("metadata.b", "left out"))
