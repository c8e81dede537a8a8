"""Versions never decrease, unless the root replaces the keys of the role that stated them.

The cases include those of the public TUF conformance suite's rollback tests.
"""

from pathlib import Path

import pytest

from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf import Floors, MetadataStore, TrustedMetadata
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, Device, Repository


def test_an_older_timestamp_is_refused(repository: Repository, device: Device) -> None:
    old = repository.files["timestamp.json"]
    repository.publish("timestamp")
    device.refresh()
    repository.files["timestamp.json"] = old

    with pytest.raises(UpdateRefusedError, match="version 1 of its timestamp file, but this device has seen version 2"):
        device.refresh()
    assert device.versions()["timestamp"] == 2


def test_a_snapshot_that_no_timestamp_states_is_not_fetched(repository: Repository, device: Device) -> None:
    repository.publish("snapshot", "timestamp")
    device.refresh()
    repository.publish("snapshot")
    repository.requests.clear()

    device.refresh()

    assert device.versions()["snapshot"] == 2
    assert repository.requests[-1] == "timestamp.json"


@pytest.mark.parametrize("states_digests", [False, True], ids=["versions", "digests"])
def test_a_timestamp_of_an_older_snapshot_is_refused(
    repository: Repository, device: Device, states_digests: bool
) -> None:
    repository.states_digests = states_digests
    repository.publish("snapshot", "timestamp")
    device.refresh()
    repository.republish("snapshot", 1)
    repository.publish("timestamp")
    repository.requests.clear()

    with pytest.raises(UpdateRefusedError, match="version 1 of its snapshot file, but this device has seen version 2"):
        device.refresh()
    assert device.versions() == {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 1}
    assert repository.requests[-1] == "timestamp.json"


@pytest.mark.parametrize("states_digests", [False, True], ids=["versions", "digests"])
def test_a_snapshot_of_older_targets_is_refused(repository: Repository, device: Device, states_digests: bool) -> None:
    repository.states_digests = states_digests
    repository.publish(*PUBLISHING)
    device.refresh()
    repository.republish("targets", 1)
    repository.publish("snapshot", "timestamp")

    with pytest.raises(UpdateRefusedError, match="version 1 of its targets file, but this device has seen version 2"):
        device.refresh()
    assert device.versions() == {"root": 1, "timestamp": 3, "snapshot": 2, "targets": 2}


def test_a_timestamp_of_an_older_snapshot_than_one_that_was_never_fetched_is_refused(
    repository: Repository, device: Device
) -> None:
    device.refresh()
    repository.publish("snapshot", "snapshot", "timestamp")
    del repository.files["3.snapshot.json"]
    with pytest.raises(UpdateRefusedError, match="it has no file snapshot 3"):
        device.refresh()
    repository.timestamp.snapshot_meta.version = 2
    repository.publish("timestamp")

    with pytest.raises(UpdateRefusedError, match="version 2 of its snapshot file, but this device has seen version 3"):
        device.refresh()


def test_a_snapshot_that_no_longer_lists_a_file_is_refused(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.publish("adapter", *PUBLISHING)
    device.refresh()
    del repository.snapshot.meta["adapter.json"]
    repository.publish("snapshot", "timestamp")

    with pytest.raises(UpdateRefusedError, match=r"no longer lists adapter\.json"):
        device.refresh()


def test_a_newer_snapshot_that_the_timestamp_does_not_state_is_ignored(repository: Repository, device: Device) -> None:
    repository.publish("snapshot")
    repository.timestamp.snapshot_meta.version = 1
    repository.publish("root", "timestamp")

    device.refresh()

    assert device.versions() == {"root": 2, "timestamp": 2, "snapshot": 1, "targets": 1}


def test_new_timestamp_keys_recover_from_a_timestamp_of_a_huge_version(repository: Repository, device: Device) -> None:
    repository.republish("timestamp", 1_000_000)
    device.refresh()
    repository.rotate("timestamp")
    repository.publish("root")
    repository.republish("timestamp", 2)

    device.refresh()

    assert device.versions()["timestamp"] == 2


def test_new_snapshot_and_timestamp_keys_recover_from_a_snapshot_of_a_huge_version(
    repository: Repository, device: Device
) -> None:
    repository.republish("snapshot", 1_000_000)
    repository.publish("timestamp")
    device.refresh()
    repository.rotate("snapshot")
    repository.rotate("timestamp")
    repository.publish("root")
    repository.republish("snapshot", 1)
    repository.publish("timestamp")

    device.refresh()

    assert device.versions()["snapshot"] == 1


def test_new_snapshot_keys_recover_from_targets_of_a_huge_version(repository: Repository, device: Device) -> None:
    repository.republish("targets", 1_000_000)
    repository.publish("snapshot", "timestamp")
    device.refresh()
    repository.rotate("snapshot")
    repository.publish("root")
    repository.republish("targets", 2)
    repository.publish("snapshot", "timestamp")

    device.refresh()

    assert device.versions()["targets"] == 2


def test_a_timestamp_key_that_stated_a_huge_snapshot_version_is_replaced_alone(
    repository: Repository, device: Device
) -> None:
    device.refresh()
    repository.timestamp.snapshot_meta.version = 1_000_000
    repository.publish("timestamp")
    with pytest.raises(UpdateRefusedError, match="it has no file snapshot 1000000"):
        device.refresh()
    repository.rotate("timestamp")
    repository.publish("root", "snapshot", "timestamp")

    device.refresh()

    assert device.versions() == {"root": 2, "timestamp": 3, "snapshot": 2, "targets": 1}


def test_new_timestamp_keys_alone_do_not_allow_an_older_snapshot(repository: Repository, device: Device) -> None:
    repository.publish(*PUBLISHING)
    device.refresh()
    repository.rotate("timestamp")
    repository.publish("root")
    repository.republish("snapshot", 1)
    repository.publish("timestamp")

    with pytest.raises(UpdateRefusedError, match="version 1 of its snapshot file, but this device has seen version 2"):
        device.refresh()


def test_bounds_outlive_the_metadata_that_they_came_from(repository: Repository, device: Device) -> None:
    old = repository.copy()
    repository.publish(*PUBLISHING)
    floors = device.refresh().floors

    device.repository = old
    with MetadataStore(device.path) as store:
        store.load()
        root = TrustedMetadata.restored({"root": old.files["1.root.json"]}, floors)
        store.commit(root)
    assert device.versions() == {"root": 1}

    with pytest.raises(UpdateRefusedError, match="version 1 of its timestamp file, but this device has seen version 2"):
        device.refresh()


def test_a_raised_threshold_does_not_reset_the_bounds(repository: Repository, device: Device) -> None:
    old = repository.files["timestamp.json"]
    repository.publish("timestamp")
    device.refresh()
    repository.root.roles["timestamp"].threshold = 2
    repository.publish("root")
    repository.root.roles["timestamp"].threshold = 1
    repository.publish("root")
    repository.files["timestamp.json"] = old

    with pytest.raises(UpdateRefusedError, match="this device has seen version 2"):
        device.refresh()


@pytest.mark.parametrize(("n_replaced", "is_over"), [(1, False), (2, True)])
def test_bounds_end_when_too_few_of_the_old_keys_are_left_to_sign(
    repository: Repository, device: Device, n_replaced: int, is_over: bool
) -> None:
    repository.rotate("timestamp", n_keys=3, threshold=2)
    repository.publish("root")
    repository.republish("timestamp", 1_000_000)
    device.refresh()
    new = [repository.new_signer() for _ in range(n_replaced)]
    repository.set_keys("timestamp", [*repository.signers["timestamp"][n_replaced:], *new], threshold=2)
    repository.publish("root")
    repository.republish("timestamp", 2)

    if is_over:
        device.refresh()
        assert device.versions()["timestamp"] == 2
    else:
        with pytest.raises(UpdateRefusedError, match="this device has seen version 1000000"):
            device.refresh()


def test_a_delegated_file_that_new_snapshot_keys_no_longer_list_is_forgotten(
    repository: Repository, device: Device
) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.publish("adapter", *PUBLISHING)
    device.find("adapter/laptop")
    repository.rotate("snapshot")
    del repository.snapshot.meta["adapter.json"]
    repository.publish("root", "snapshot", "timestamp")

    device.refresh()

    assert "adapter" not in device.versions()


def test_each_bound_belongs_to_the_role_that_stated_it(repository: Repository, device: Device, tmp_path: Path) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.publish("adapter", *PUBLISHING)

    assert device.refresh().floors == Floors(
        timestamp={"timestamp.json": 2, "snapshot.json": 2},
        snapshot={"snapshot.json": 2, "targets.json": 2, "adapter.json": 1},
        time=device.now(),
    )
