"""Bundles shared by the tests of the runtime."""

from pathlib import Path

import pytest

from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle; read only."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder, pictures=True)
    return folder
