"""A report: the figures, and what becomes of them as Markdown, JSON and a page."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from helm_mattermost_migrate.fleets import fleet_of
from helm_mattermost_migrate.members import Standing
from helm_mattermost_migrate.report.figures import headline, histogram, step_figures
from helm_mattermost_migrate.report.html import html
from helm_mattermost_migrate.report.markdown import markdown
from helm_mattermost_migrate.report.record import Record, entries
from helm_mattermost_migrate.report.told import structured, troubles_told, verdict
from helm_mattermost_migrate.report.waves import wave_records
from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.testing.migrated import BEGAN, fleet_over, migrations_over

MADE = BEGAN + timedelta(hours=1)


def record(migrations: list[dict[str, Any]], **fields: Any) -> Record:
    fleet = fleet_over(migrations)
    return Record(
        "every namespace",
        MADE,
        entries((), migrations),
        fleets=(fleet_of(fleet),) if migrations else (),
        waves=wave_records([fleet], migrations),
        **fields,
    )


def one(*seconds: float, ended: bool = True) -> dict[str, Any]:
    """A migration with one step of each of these durations."""
    obj = migrations_over(1)[0]
    names = ("Validated", "PodsSeen", "Unlocked")
    steps, at = [], BEGAN
    for name, took in zip(names, seconds, strict=False):
        steps.append({"type": name, "startTime": micro_timestamp(at)})
        at += timedelta(seconds=took)
    obj["status"] |= {"steps": steps, "completionTime": micro_timestamp(at)}
    if not ended:
        del obj["status"]["completionTime"]
        obj["status"]["conditions"] = []
    return obj


def test_each_step_lasts_until_the_next_and_the_last_until_the_end() -> None:
    (entry,) = entries((), [one(0.25, 1.5, 0.5)])

    assert [(stay.step, stay.seconds(MADE)) for stay in entry.stays] == [
        ("Validated", 0.25),
        ("PodsSeen", 1.5),
        ("Unlocked", 0.5),
    ]


def test_the_step_of_one_under_way_lasts_until_now() -> None:
    (entry,) = entries((), [one(0.25, 1.5, ended=False)])

    assert entry.stays[-1].ended is None
    assert entry.stays[-1].seconds(BEGAN + timedelta(seconds=4.25)) == 4.0


def test_the_figures_of_a_run() -> None:
    made = [one(0.25, 1.0), one(0.5, 2.5), one(0.25, 0.25)]
    for number, obj in enumerate(made):
        obj["metadata"]["name"] = f"chat-{number}"
    head = headline(record(made))

    assert (head.median, head.slow, head.longest) == (1.25, 3.0, 3.0)
    assert (head.wall, head.rate) == (3.0, 1.0)
    figures = {figure.step: figure for figure in step_figures(record(made))}
    assert list(figures) == ["Validated", "PodsSeen"]
    assert (figures["PodsSeen"].median, figures["PodsSeen"].longest) == (1.0, 2.5)
    assert sum(figure.share for figure in figures.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "width", "counts"),
    [
        ([], 0, []),
        ([0.01, 0.02, 0.02], 0.001, None),
        ([1.0, 1.9, 2.0, 9.9], 0.5, None),
        ([59.0, 3.0], 5.0, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ],
)
def test_no_value_is_outside_the_distribution(
    values: list[float], width: float, counts: list[int] | None
) -> None:
    bins = histogram(values)

    assert sum(each.count for each in bins) == len(values)
    assert len(bins) <= 24
    if bins:
        assert bins[0].high - bins[0].low == pytest.approx(width)
        assert bins[-1].low <= max(values) < bins[-1].high
    if counts is not None:
        assert [each.count for each in bins] == counts


def test_the_waves_are_told_as_the_controller_drew_them() -> None:
    migrations = migrations_over(40)
    told = structured(record(migrations))["waves"]

    assert [(each["name"], each["members"]) for each in told] == [
        ("wave 1 (canary)", 1),
        ("wave 2", 4),
        ("wave 3", 35),
    ]
    assert sum(each["succeeded"] for each in told) == 39
    assert "| fleet-friday | wave 1 (canary) | 1 | 1 | 0 |" in markdown(record(migrations))
    assert "wave 1 (canary)" in html(record(migrations))


def test_every_installation_is_counted_once_and_nothing_is_passed_over() -> None:
    made = migrations_over(400)
    told = structured(record(made, untouched=5))

    assert sum(told["counts"].values()) == 2 * told["counts"]["installations"] == 810
    assert len(told["installations"]) == 400
    listed = sum(len(found) for _, found in troubles_told(record(made)))
    assert listed == sum(told["counts"][each] for each in ("refused", "rolledBack", "failed")) > 0
    assert told["verdict"] == f"{listed} of 400 migrations did not succeed."
    assert json.loads(json.dumps(told)) == told


def test_what_was_changed_is_told_of_each() -> None:
    succeeded, rolled_back, refused = {}, {}, {}  # type: ignore[var-annotated]
    for entry in structured(record(migrations_over(400)))["installations"]:
        {"Succeeded": succeeded, "RolledBack": rolled_back, "Refused": refused}[
            entry["result"]
        ].update(entry)

    assert (
        "the Deployment was exchanged; ReplicaSet and pods are the same ones"
        in (succeeded["changes"])
    )
    assert "the pod template is pinned by a resource patch" in succeeded["changes"]
    assert rolled_back["changes"][-1] == "put back: the ClusterInstallation owns it as before"
    assert refused["changes"] == []


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "No installation has been migrated yet."),
        (1, "The migration succeeded."),
        (5, "All 5 migrations succeeded."),
    ],
)
def test_the_whole_in_one_sentence(count: int, said: str) -> None:
    assert verdict(record(migrations_over(count))) == said


def test_what_was_turned_round_during_a_run_is_no_success_of_it() -> None:
    made = migrations_over(5)
    made[0]["spec"]["desiredKind"] = "ClusterInstallation"
    told = structured(record(made))

    assert told["verdict"] == "1 of 5 migrations did not succeed."
    assert (told["counts"]["succeeded"], told["counts"]["reverted"]) == (4, 1)
    assert told["installations"][0]["reason"] == "Edited"
    assert told["installations"][0]["changes"][-1] == (
        "turned round: the ClusterInstallation owns it as before"
    )


def test_markdown_takes_nothing_of_a_message_for_markup() -> None:
    made = migrations_over(1)
    made[0]["status"]["conditions"][0] |= {"status": "False", "reason": "Rejected"}
    stalled = {**made[0]["status"]["conditions"][0], "type": "Stalled", "status": "True"}
    made[0]["status"]["conditions"].append(stalled)
    made[0]["status"]["conditions"][0]["message"] = "a | b\n<b>*no*</b>"

    text = markdown(record(made))

    assert r"a \| b \<b\>\*no\*\</b\>" in text
    rows = [line for line in text.splitlines() if line.startswith("| team-000/chat-0000 ")]
    assert len(rows) == 1


def test_no_text_of_a_cluster_can_end_the_script_or_become_markup() -> None:
    evil = "</script><img src=x onerror=alert(1)> \u2028 & <!--"
    made = one(1.0)
    made["status"]["warnings"] = [{"field": evil, "message": evil}]
    made["status"]["conditions"][0]["message"] = evil
    made["status"]["conditions"][0] |= {"status": "False"}
    made["status"]["conditions"].append(
        {**made["status"]["conditions"][0], "type": "Stalled", "status": "True"}
    )

    text = html(record([made], environment={evil: evil}))

    assert evil not in text
    assert "<img" not in text
    assert text.count("</script>") == 2
    data = re.search(r'id="data">(.*?)</script>', text)
    assert data is not None
    assert evil in json.loads(data[1])["texts"]


def test_the_page_marks_all_that_ended_otherwise_than_was_asked_for() -> None:
    marked = re.search(r"BAD = new Set\((.*?)\)", html(record(migrations_over(1))))

    assert marked is not None
    assert set(json.loads(marked[1])) == {str(each) for each in Standing if each.bad}


def test_the_page_names_no_address() -> None:
    text = html(record(migrations_over(50)))
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))

    assert addresses == {"http://www.w3.org/2000/svg"}  # a namespace, fetched by nobody
