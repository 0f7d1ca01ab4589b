from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from webhook.__main__ import main


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    """The command sets logging up for its process; this one gets its own back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--bind=9443"], "must be HOST:PORT", id="no host"),
        pytest.param([], "run mattermost-migrate-certs issue first", id="no certificate"),
        pytest.param(["--tls-min-version=1.1"], "'1.1' is not one of '1.3', '1.2'", id="TLS"),
    ],
)
def test_what_cannot_work_is_said_before_anything_starts(
    tmp_path: Path, options: list[str], said: str
) -> None:
    result = CliRunner().invoke(main, [f"--cert-dir={tmp_path}", *options])

    assert result.exit_code != 0
    assert said in result.output


def test_help_shows_examples() -> None:
    assert "mattermost-migrate-webhook --cert-dir" in CliRunner().invoke(main, ["-h"]).output


def test_what_is_required_may_come_from_the_environment_alone(tmp_path: Path) -> None:
    environment = {"MATTERMOST_MIGRATE_WEBHOOK_CERT_DIR": str(tmp_path)}

    said = CliRunner().invoke(main, env=environment).output

    assert "run mattermost-migrate-certs issue first" in said
