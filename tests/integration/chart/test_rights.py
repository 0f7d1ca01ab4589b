"""The page of rights says what Helm renders, verb by verb."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import astuple
from pathlib import Path

from deploy.rights import granted, rendered, rights

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rights.md"
CONTROLLER = "mattermost-migrate-controller"
BUILTIN = "Builtin operator"
#: The page's headings, by ServiceAccount.
HEADINGS = {
    CONTROLLER: "Controller",
    "mattermost-migrate-webhook": "Webhook",
    "mattermost-migrate-conversion": "Conversion switch",
}
Table = dict[tuple[str, str, str], set[str]]


def told() -> Table:
    """Verbs by heading, group and resource; a row without a resource goes on with the one above."""
    found: Table = defaultdict(set)
    heading, group, resources = "", "", [""]
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| resource", "| ---")):
            what, verbs, why = (cell.strip() for cell in line.strip("|").split("|"))
            assert why, line
            if what:
                named = re.findall(r"`([^`]+)`", what)
                group, resources = (named[0], named[1:]) if "." in named[0] else ("", named)
                group, resources = core_or_legacy(group, resources)
            for resource in resources:
                found[heading, group, resource] |= set(verbs.split(", "))
    return found


def core_or_legacy(group: str, named: list[str]) -> tuple[str, list[str]]:
    """Groups without a dot (apps, batch, autoscaling, policy) look like a resource."""
    if not group and named[0] in ("apps", "batch", "autoscaling", "policy"):
        return named[0], named[1:]
    return group, named


def test_the_page_lists_every_right_and_no_other(tools: object) -> None:
    external, builtin = (set(rights(rendered(each))) for each in ("external", "builtin"))
    found: Table = defaultdict(set)
    for right in external:
        found[HEADINGS[right.account], right.group, right.resource].add(right.verb)
    for right in builtin - external:
        assert right.account == CONTROLLER
        found[BUILTIN, right.group, right.resource].add(right.verb)

    assert external < builtin
    assert told() == found


def test_no_right_to_some_is_held_to_all_as_well(tools: object) -> None:
    held = granted()
    to_all = {astuple(right)[:4] for right in held if not right.namespace and not right.names}
    to_some = [right for right in held if right.namespace or right.names]

    assert to_some
    assert [str(right) for right in to_some if astuple(right)[:4] in to_all] == []
