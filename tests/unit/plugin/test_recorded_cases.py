"""Every recorded case of the Go operator, fed through the command line as a user would."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import pytest

from helm_mattermost_migrate.cli import main
from helm_mattermost_migrate.errors import Exit
from mattermost_migrate.domain.conversion import convert
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.objects import Existing, JsonObject
from mattermost_migrate.testing.golden import (
    Case,
    cases,
    entries,
    key_of,
    placeholder,
    recorded,
)

#: The keys of Secrets whose values are made up, by their length.
GENERATED = {"accesskey": 16, "secretkey": 28, "ROOT_PASSWORD": 16, "PASSWORD": 16}

#: Exit code, what was printed as JSON (None: nothing), and what was told on stderr.
Answer: TypeAlias = tuple[int, Any, str]
Ask: TypeAlias = Callable[[str, Iterable[JsonObject]], Answer]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(command: str, objects: Iterable[JsonObject]) -> Answer:
        text = "\n---\n".join(json.dumps(obj) for obj in objects)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        with pytest.raises(SystemExit) as ended:
            main([command, "-f", "-", "-o", "json"])
        out, err = capsys.readouterr()
        return int(str(ended.value.code)), json.loads(out) if out else None, err

    return asked


def rendered_cases() -> list[Any]:
    found = []
    for case in cases():
        for kind, key in (("clusterInstallation", "V1alpha1"), ("mattermost", "V1beta1")):
            if kind in case.input and f"children{key}" in case.output:
                found.append(pytest.param(case, kind, key, id=case.name))
    return found


def normalised(found: dict[str, dict[str, Any]], world: Iterable[JsonObject]) -> Any:
    """Made-up values as the recording has them: their length instead."""
    given = {
        value
        for obj in world
        for value in (obj.get("data") or {}).values()
        if obj["kind"] == "Secret"
    }
    for key, entry in found.items():
        if not key.startswith("Secret/"):
            continue
        for document in (entry["object"], entry["lastApplied"] or {}):
            for name, value in document.get("data", {}).items():
                if name in GENERATED and value not in given:
                    size = len(base64.b64decode(value))
                    document["data"][name] = base64.b64encode(placeholder("", size).encode())
                    document["data"][name] = document["data"][name].decode()
    return found


def without_status(found: Any, world: Iterable[JsonObject]) -> dict[str, Any]:
    """An object that was there before keeps its status; a rendering speaks of none."""
    before = {key_of(obj) for obj in world}
    return {
        key: {**entry, "object": {k: v for k, v in entry["object"].items() if k != "status"}}
        if key in before
        else entry
        for key, entry in found.items()
    }


@pytest.mark.parametrize(("case", "kind", "key"), rendered_cases())
def test_render_prints_the_operators_children(case: Case, kind: str, key: str, ask: Ask) -> None:
    code, printed, told = ask("render", [case.resource(kind), *case.world])

    error = case.error(key.lower())
    assert (code, error or "") == (Exit.REFUSED if error else Exit.DONE, error or "")
    assert (error or "") in told
    found = normalised(entries(printed or ()), case.world)
    expected = without_status(recorded(case.output[f"children{key}"]), case.world)
    assert found == expected


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=c.name) for c in cases() if "clusterInstallation" in c.input]
)
def test_convert_prints_what_the_core_gives_and_every_refusal(case: Case, ask: Ask) -> None:
    ci = case.resource("clusterInstallation")
    code, printed, told = ask("convert", [ci, *case.world])
    try:
        # What is missing is missing from the input only: no cluster was asked.
        expected = [convert(ci, Existing.of(case.world, given=True)).mattermost]
    except RefusedError as refused:
        assert code == Exit.REFUSED
        for fault in refused.faults:
            assert str(fault) in told
        expected = []
    assert (printed or []) == expected
    assert code == (Exit.DONE if expected else Exit.REFUSED)
