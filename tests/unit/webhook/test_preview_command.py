from __future__ import annotations

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner

from webhook import preview

SERVICE = {
    "namespace": "mattermost-migrate",
    "name": "mattermost-migrate-conversion",
    "port": 443,
    "path": "/convert",
}


@pytest.mark.parametrize(
    ("words", "config", "certificate", "injected"),
    [
        pytest.param([], {"service": SERVICE}, None, False, id="we inject"),
        pytest.param(
            ["--certificate=home/hook"], {"service": SERVICE}, "home/hook", True, id="cert-manager"
        ),
        pytest.param(
            ["--url=https://hook.example.com/", "--ca-bundle=Zm9v"],
            {"url": "https://hook.example.com/convert", "caBundle": "Zm9v"},
            None,
            True,
            id="nobody does",
        ),
    ],
)
def test_it_is_switched_on_as_it_was_told_and_says_what_is_left_to_do(
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    config: dict[str, Any],
    certificate: str | None,
    *,
    injected: bool,
) -> None:
    asked: list[Any] = []

    class Switch:
        async def on(self, config: Any, **named: Any) -> bool:
            asked.append((config, named["certificate"]))
            return True

    monkeypatch.setattr(preview, "_with_switch", lambda work: asyncio.run(work(Switch())))

    said = CliRunner().invoke(preview.main, ["enable", *words]).output

    assert asked == [(config, certificate)]
    assert ("next: mattermost-migrate-certs inject" not in said) is injected
