"""The image, built once for all that runs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.image import Image, build

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built by its Dockerfile; the stage after the wheels has no network."""
    scratch = tmp_path_factory.mktemp("image")
    dockerfile = ROOT / "deploy" / "images" / "Dockerfile"
    yield build(dockerfile, ROOT, scratch, online=frozenset({"wheels"}))
    shutil.rmtree(scratch)
