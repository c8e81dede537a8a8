"""An app goes over to the release that a sync has installed, without a restart."""

import shutil
import threading
from pathlib import Path

import pytest

from edge_runtime import BundleIntegrityError, Recommendation, Recommender
from edge_runtime.device_folder import Pointer
from edge_runtime.sync.slots import Slots
from tests.tiny_bundle import make_tiny_bundle


class Device:
    """A folder as `pocketrec sync` fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._slots = Slots(folder)
        self._slots.prepare()

    def install(self, release: int, n_items: int = 40) -> Path:
        slot = self._slots.folder(f"{release:016x}")
        make_tiny_bundle(slot, release=release, n_items=n_items, seed=release, pictures=True)
        self._slots.switch(Pointer(slot=slot.name, name="tiny shop", target="laptop-x86_64", release=release))
        return slot


@pytest.fixture
def device(tmp_path: Path) -> Device:
    device = Device(tmp_path / "device")
    device.install(1, n_items=30)
    return device


def ids(listed: list[Recommendation]) -> list[str]:
    return [item.item_id for item in listed]


def test_after_a_sync_the_new_release_ranks_the_same_history(device: Device, tmp_path: Path) -> None:
    with Recommender.open(device.folder, tmp_path / "s") as recommender:
        recommender.observe("item-35")
        recommender.observe("item-3")
        recommender.recommend(5)
        assert not recommender.refresh()

        device.install(2)
        assert recommender.refresh()

        assert recommender.manifest.release == 2
        assert recommender.knows("item-35")
        assert recommender.recommend(40) == recommender.recommend(40, ["item-35", "item-3"])
        assert recommender.explain("item-5").text
        with Recommender.open(device.folder) as fresh:
            assert recommender.recommend(5) == fresh.recommend(5, ["item-35", "item-3"])


def test_live_facts_stay_over_a_refresh_and_count_for_new_items(device: Device) -> None:
    with Recommender.open(device.folder) as recommender:
        recommender.set_facts({"item-3": {"in_stock": True}, "item-35": {"in_stock": True}})
        assert ids(recommender.recommend(40, where={"in_stock": True})) == ["item-3"]

        device.install(2)
        recommender.refresh()

        assert sorted(ids(recommender.recommend(40, where={"in_stock": True}))) == ["item-3", "item-35"]


def test_a_damaged_release_leaves_the_old_one_in_use(device: Device) -> None:
    with Recommender.open(device.folder) as recommender:
        before = recommender.recommend(5, ["item-3"])
        (device.install(2) / "codes.safetensors").write_bytes(b"")

        with pytest.raises(BundleIntegrityError):
            recommender.refresh()

        assert recommender.manifest.release == 1
        assert recommender.recommend(5, ["item-3"]) == before


def test_an_entry_keeps_the_facts_of_the_release_that_ranked_it(device: Device) -> None:
    with Recommender.open(device.folder) as recommender:
        item = recommender.recommend(1)[0]
        facts = recommender.items.facts(item.row)
        device.install(2)
        recommender.refresh()

        assert item.facts == facts


def test_a_picture_of_a_removed_release_is_an_error_and_not_another_items(device: Device) -> None:
    with Recommender.open(device.folder) as recommender:
        item = next(item for item in recommender.recommend(30) if item.row % 3 != 2)
        device.install(2)
        shutil.rmtree(device.folder / "slots" / f"{1:016x}")
        recommender.refresh()

        with pytest.raises(BundleIntegrityError, match="pictures"):
            _ = item.picture


def test_lists_can_be_made_during_a_refresh(device: Device) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()

    def work(recommender: Recommender) -> None:
        try:
            while not stop.is_set():
                listed = recommender.recommend(5, ["item-3"])
                assert [item.title for item in listed] != []
        except BaseException as error:  # noqa: BLE001 - the test reports the failure of a thread
            failures.append(error)

    with Recommender.open(device.folder) as recommender:
        thread = threading.Thread(target=work, args=(recommender,))
        thread.start()
        for release in (2, 3, 4):
            device.install(release)
            assert recommender.refresh()
        stop.set()
        thread.join()

    assert failures == []
