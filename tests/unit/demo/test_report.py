from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from deploy.demo.intruder import Attempt
from deploy.demo.record import Account
from deploy.demo.report import Findings, table, totals, verdict

PODS = frozenset({"p1", "p2"})
SETS = frozenset({"r1"})
GOOD = Account(
    key=("demo", "acme"),
    span=(10.0, 11.5),
    pods=(PODS, PODS),
    replica_sets=(SETS, SETS),
    pods_created=0,
    replica_sets_created=0,
    endpoints=2,
    endpoints_lost=0,
    writes=12,
    stable=True,
)
REFUSED = Attempt("kubectl delete service acme", 403, "no")
BY_WEBHOOK = Attempt("kubectl annotate acme", 403, 'Forbidden: admission webhook "x" denied')
FINDINGS = Findings([GOOD], [REFUSED, BY_WEBHOOK], [REFUSED], [("plan", 0), ("run", 0)])


def drawn(account: Account) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(table([account]))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_all_is_well_when_nothing_is_amiss() -> None:
    assert verdict(FINDINGS) == ()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param(
            {"accounts": [dataclasses.replace(GOOD, endpoints_lost=1)]},
            "demo/acme: 1 endpoints were lost meanwhile",
            id="an installation lost something",
        ),
        pytest.param(
            {"exit_codes": [("plan", 0), ("run", 1)]}, "run ended with exit code 1", id="run failed"
        ),
        pytest.param(
            {"in_flight": [BY_WEBHOOK, Attempt("kubectl delete service acme", 0, "done")]},
            "not refused: kubectl delete service acme",
            id="the lock let an edit pass",
        ),
        pytest.param(
            {"others": [Attempt("kubectl apply", 0, "done")]},
            "not refused: kubectl apply",
            id="another edit passed",
        ),
        pytest.param(
            {"in_flight": []},
            "no edit met an installation in flight, so the lock was not proven",
            id="the lock was never tried",
        ),
        pytest.param(
            {"in_flight": [REFUSED]},
            "the webhook refused no edit in flight, so only the policy's lock was proven",
            id="only one of the two locks was seen",
        ),
    ],
)
def test_whatever_is_amiss_is_told(changed: dict[str, object], told: str) -> None:
    assert verdict(dataclasses.replace(FINDINGS, **changed)) == (told,)  # type: ignore[arg-type]  # by name


def test_an_edit_of_which_the_webhook_heard_nothing_is_no_breach() -> None:
    unheard = Attempt("kubectl annotate acme", 0, "done", excuse="context deadline exceeded")

    assert verdict(dataclasses.replace(FINDINGS, in_flight=[unheard, BY_WEBHOOK])) == ()
    assert verdict(dataclasses.replace(FINDINGS, in_flight=[unheard])) != ()


def test_a_row_says_how_many_there_are_and_that_they_are_the_same() -> None:
    assert "demo/acme 1.50 s 2→2 same 1→1 same 0 0 12" in drawn(GOOD)


def test_a_row_says_when_they_are_not_the_same_though_as_many() -> None:
    other = dataclasses.replace(GOOD, pods=(PODS, frozenset({"p1", "p9"})))

    assert "2→2, 1 same" in drawn(other)


def test_one_that_did_not_succeed_has_no_time() -> None:
    failed = dataclasses.replace(GOOD, span=None)

    assert "1.50 s" not in drawn(failed)
    assert dict(totals(dataclasses.replace(FINDINGS, accounts=[failed])))["Installations"] == (
        "0 of 1 migrated in 0.0 s"
    )


def test_the_total_time_is_that_of_all_together() -> None:
    later = dataclasses.replace(GOOD, span=(11.0, 14.0), writes=14)
    told = dict(totals(dataclasses.replace(FINDINGS, accounts=[GOOD, later], audited=40)))

    assert told["Installations"] == "2 of 2 migrated in 4.0 s"
    assert told["Rate"].startswith("2.00 s")
    assert told["API writes"].startswith("13.0")
    assert told["In the audit log"].startswith("20.0")
