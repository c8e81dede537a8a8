"""A bundle that no sync has confirmed for long goes on working, and says since when."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge_runtime import Recommender
from edge_runtime.errors import ExpiredMetadataError
from edge_runtime.sync import stale_since
from edge_runtime.terminal.console import Console
from edge_runtime.views.inspection import as_json, inspect_bundle, show
from tests.edge_runtime.sync.signed_shop import SignedDevice, SignedShop
from tests.edge_runtime.sync.tuf.repository import IN_A_MONTH
from tests.live_server import run_sync
from tests.tiny_bundle import make_tiny_bundle

DAY_S = 86_400.0
YEAR_S = 365 * DAY_S


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    shop = SignedShop(tmp_path / "shop")
    shop.release(1)
    return shop


@pytest.fixture
def device(tmp_path: Path, shop: SignedShop) -> SignedDevice:
    device = SignedDevice(tmp_path / "device", shop)
    device.sync()
    return device


def test_a_bundle_is_stale_since_the_metadata_expired_that_named_it(device: SignedDevice) -> None:
    assert stale_since(device.folder, now=IN_A_MONTH.timestamp() - 1) is None
    assert stale_since(device.folder, now=IN_A_MONTH.timestamp()) == IN_A_MONTH


def test_a_check_without_news_makes_a_bundle_fresh_again(shop: SignedShop, device: SignedDevice) -> None:
    for metadata in shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=60)
    shop.tuf.publish(
        "root", "codebook", "transitions", "prompts", "adapter", "rollout", "targets", "snapshot", "timestamp"
    )
    shop.write()

    assert device.sync().status == "up to date"

    assert stale_since(device.folder, now=IN_A_MONTH.timestamp() + DAY_S) is None


def test_a_server_that_is_gone_for_a_year_is_synced_with_when_it_is_back(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.now += YEAR_S
    with pytest.raises(ExpiredMetadataError) as caught:
        device.sync()
    with Recommender.open(device.folder) as recommender:
        assert recommender.recommend(3)

    assert caught.value.stale_since == stale_since(device.folder, now=device.now) == IN_A_MONTH
    for metadata in shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=500)
    shop.tuf.publish(
        "root", "codebook", "transitions", "prompts", "adapter", "rollout", "targets", "snapshot", "timestamp"
    )
    shop.release(2)
    assert device.sync().release == 2
    assert stale_since(device.folder, now=device.now) is None


def test_inspect_says_since_when_a_bundle_is_stale(device: SignedDevice, capsys: pytest.CaptureFixture[str]) -> None:
    show(inspect_bundle(device.folder), Console())

    assert "no sync has confirmed it since 2026-03-31 00:00 UTC" in " ".join(capsys.readouterr().out.split())
    assert as_json(inspect_bundle(device.folder))["stale_since"] == IN_A_MONTH


def test_a_bundle_that_was_not_signed_is_never_stale(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle")

    assert stale_since(tmp_path / "bundle", now=1e11) is None


def test_the_command_says_in_one_sentence_that_the_metadata_expired(shop: SignedShop, tmp_path: Path) -> None:
    shop.renew(days=1)
    assert run_sync(str(shop.folder), tmp_path / "device", "--target", "laptop-x86_64").returncode == 0
    shop.renew(days=-1)

    done = run_sync(str(shop.folder), tmp_path / "device")

    assert (done.returncode, done.stdout) == (1, "")
    assert "the server's signed metadata expired" in done.stderr
    assert "The bundle in use goes on working" in done.stderr
