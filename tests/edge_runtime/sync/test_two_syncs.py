"""Two syncs into one folder at once: one works, the other is refused or works too, and nothing is damaged."""

from pathlib import Path

from edge_runtime.sync.layout import TRUSTED
from tests.crash.signed_device import served_release, trusted_version
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop
from tests.live_server import run_sync, start_sync


def test_first_syncs_at_once_make_one_store(tmp_path: Path) -> None:
    shop = SignedShop(tmp_path / "shop")
    shop.release(1)
    shop.renew()
    for number in range(3):
        device = tmp_path / f"device-{number}"
        processes = [start_sync(str(shop.folder), device, "--target", LAPTOP) for _ in range(3)]
        ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]

        assert 0 in [code for _, code in ended]
        assert all(code == 0 or "another sync" in message for message, code in ended), ended
        assert served_release(device) == 1
        assert trusted_version(device) == shop.tuf.timestamp.version
        assert not list(device.glob(f"{TRUSTED}.*")), "a part of a store is left"
        assert run_sync(str(shop.folder), device).returncode == 0
