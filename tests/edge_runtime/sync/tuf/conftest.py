"""A repository and a device for every test."""

from pathlib import Path

import pytest

from tests.edge_runtime.sync.tuf.repository import Device, Repository


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def device(repository: Repository, tmp_path: Path) -> Device:
    return Device(repository, tmp_path)
