"""Which installations a command line means."""

from __future__ import annotations

from typing import Any

import pytest

from helm_mattermost_migrate.labels import parse_selector
from helm_mattermost_migrate.selection import Selection, SelectionError


def of(name: str, namespace: str = "acme", **labels: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


@pytest.mark.parametrize(
    ("given", "searched", "admitted", "turned_away"),
    [
        pytest.param(
            {"names": ["chat"]}, ("acme",), of("chat"), of("chat", "bolt"), id="a name, here"
        ),
        pytest.param(
            {"names": ["bolt/chat", "talk"]},
            ("bolt", "acme"),
            of("chat", "bolt"),
            of("chat"),
            id="a name with its namespace, before one without",
        ),
        pytest.param(
            {"names": [], "labels": "tier=gold"},
            ("acme",),
            of("chat", tier="gold"),
            of("chat", "bolt", tier="gold"),
            id="labels stay in the namespace",
        ),
        pytest.param(
            {"names": [], "labels": "tier!=gold", "all_namespaces": True},
            (),
            of("chat", "bolt"),
            of("chat", tier="gold"),
            id="labels in every namespace",
        ),
        pytest.param(
            {"names": [], "namespaces": "acme, bolt,acme"},
            ("acme", "bolt"),
            of("chat", "bolt"),
            of("chat", "core"),
            id="namespaces by comma, each once",
        ),
        pytest.param({"names": [], "everything": True}, (), of("x", "y"), None, id="all"),
        pytest.param({"names": []}, ("acme",), of("x"), of("x", "bolt"), id="nothing said"),
    ],
)
def test_a_command_line_selects(given: Any, searched: Any, admitted: Any, turned_away: Any) -> None:
    selection = Selection.parse(**given, namespace="acme")

    assert selection.searched == searched
    assert selection.admits(admitted)
    assert turned_away is None or not selection.admits(turned_away)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"names": ["a"], "labels": "x"}, "leave out -l", id="name and labels"),
        pytest.param({"names": ["a"], "everything": True}, "leave out -l", id="name and all"),
        pytest.param({"names": ["a"], "all_namespaces": True}, "NAMESPACE/NAME", id="name and -A"),
        pytest.param({"names": [], "everything": True, "labels": "x"}, "--all is", id="all and -l"),
        pytest.param(
            {"names": [], "all_namespaces": True, "namespaces": "a"}, "contradict", id="-A and list"
        ),
        pytest.param({"names": ["a/b/c"]}, "'a/b/c' is no name", id="too many slashes"),
        pytest.param({"names": ["/b"]}, "'/b' is no name", id="no namespace before the slash"),
        pytest.param({"names": [], "labels": "a=b=c"}, "'a=b=c' cannot be read", id="bad selector"),
    ],
)
def test_contradictions_are_told(given: Any, told: Any) -> None:
    with pytest.raises(SelectionError, match=told):
        Selection.parse(**given, namespace="acme")


@pytest.mark.parametrize(
    ("text", "labels", "admitted"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c),d", {"a": "c"}, False),
        ("a notin (b,c)", {"a": "b"}, False),
        ("!a", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("app.kubernetes.io/name=x,tier in (gold)", {"app.kubernetes.io/name": "x"}, False),
    ],
)
def test_label_selectors_are_judged_as_kubectl_would(text: Any, labels: Any, admitted: Any) -> None:
    assert all(term.admits(labels) for term in parse_selector(text)) is admitted


@pytest.mark.parametrize(
    "text", ["a=b", "a!=b", "a in (b,c)", "a notin (b,c)", "a", "!a", "a=b,!c"]
)
def test_a_selector_is_passed_on_as_it_was_given(text: Any) -> None:
    assert ",".join(map(str, parse_selector(text))) == text


def test_a_fleet_is_of_the_installations_that_were_shown() -> None:
    selection = Selection.parse([], namespace="acme", labels="tier=gold")

    assert selection.fleet_selector([("acme", "chat")]) == {
        "installations": [{"namespace": "acme", "name": "chat"}]
    }


def test_only_all_is_passed_on_as_all() -> None:
    assert Selection.parse([], namespace="acme", everything=True).fleet_selector([]) == {
        "all": True
    }


def test_names_that_were_not_found_are_named() -> None:
    selection = Selection.parse(["chat", "talk"], namespace="acme")

    assert selection.missing([("acme", "talk")]) == (("acme", "chat"),)


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (Selection(everything=True), "--all"),
        (Selection(), "-A"),
        (Selection(names=(("ns", "acme"), ("ns", "bolt"))), "ns/acme ns/bolt"),
        (
            Selection(namespaces=("a", "b"), requirements=parse_selector("tier in (x,y),!old")),
            "--namespaces a,b -l 'tier in (x,y),!old'",
        ),
        (Selection(selector={"matchLabels": {"tier": "gold"}}), "-f FLEET.yaml"),
    ],
)
def test_a_selection_is_told_as_it_would_be_typed(selection: Selection, told: str) -> None:
    assert selection.typed() == told
