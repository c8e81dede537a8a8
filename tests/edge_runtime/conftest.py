"""Bundles that the tests of the device share."""

from pathlib import Path

import pytest

from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle; nobody writes into it."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    make_tiny_bundle(folder, pictures=True)
    return folder
