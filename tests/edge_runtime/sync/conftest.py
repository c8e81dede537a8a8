"""Fixtures: a bundle, and a device that syncs with it."""

from pathlib import Path

import pytest

from tests.edge_runtime.sync.device import LAPTOP, SHARED, Device
from tests.edge_runtime.sync.fake_server import FakeServer
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make_tiny_bundle(tmp_path / LAPTOP, extra=SHARED)
    return tmp_path / LAPTOP


@pytest.fixture
def device(tmp_path: Path, shop: Path) -> Device:
    return Device(tmp_path / "device", FakeServer({LAPTOP: shop}))
