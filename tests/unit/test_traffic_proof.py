"""The proof of no lost request proves nothing unless requests were made."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def record(*, kills_missed: int = 0, **met: Any) -> dict[str, Any]:
    adopt = {"dropped": 0, "lost": 0, "podsMade": 0, "sameProcesses": True}
    ordinary = {"requests": 50_000, "seconds": 100.0, "failed": 0}
    return {
        "rate": 500.0,
        "killsMissed": kills_missed,
        "Adopt": adopt,
        "withoutBlogsOrder": {**ordinary, **met},
    }


@pytest.mark.parametrize(
    ("met", "expected"),
    [
        pytest.param({}, [], id="as asked for"),
        pytest.param({"requests": 45_000}, [], id="a little less"),
        pytest.param({"requests": 44_999}, ["hardly any load"], id="less than nine in ten"),
        pytest.param({"requests": 0, "seconds": 0.0}, ["hardly any load"], id="none at all"),
        pytest.param({"failed": 1}, ["a request failed"], id="one failed"),
        pytest.param({"kills_missed": 1}, ["the controller lived too well"], id="nobody killed"),
    ],
)
def test_what_breaks_the_proof(
    met: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    assert importlib.import_module("traffic").broken(record(**met)) == expected
