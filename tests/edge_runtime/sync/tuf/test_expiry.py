"""Expired metadata refuses updates and says since when; what was trusted before stays.

The cases are those of the public TUF conformance suite's expiration tests, and clocks that are wrong or missing.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_runtime.errors import ExpiredMetadataError
from edge_runtime.sync.tuf import TrustedMetadata, drive, update
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, TODAY, Device, Repository

YESTERDAY = TODAY - timedelta(days=1)
DAYS = timedelta(days=1)


def test_an_expired_root_is_trusted_and_ends_the_refresh(repository: Repository, device: Device) -> None:
    device.refresh()
    repository.root.expires = YESTERDAY
    repository.publish("root", *PUBLISHING)

    with pytest.raises(ExpiredMetadataError, match="its root file was valid until 2026-02-28") as caught:
        device.refresh()
    assert caught.value.stale_since == YESTERDAY
    assert device.versions() == {"root": 2, "timestamp": 1, "snapshot": 1, "targets": 1}


def test_an_expired_root_on_the_way_to_a_valid_one_is_no_obstacle(repository: Repository, device: Device) -> None:
    expires = repository.root.expires
    repository.root.expires = YESTERDAY
    repository.publish("root")
    repository.root.expires = expires
    repository.publish("root")

    device.refresh()

    assert device.versions()["root"] == 3


@pytest.mark.parametrize(
    ("role", "versions"),
    [
        ("timestamp", {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}),
        ("snapshot", {"root": 1, "timestamp": 2, "snapshot": 1, "targets": 1}),
        ("targets", {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 1}),
    ],
)
def test_an_expired_file_is_not_trusted(
    repository: Repository, device: Device, role: str, versions: dict[str, int]
) -> None:
    device.refresh()
    repository.metadata[role].signed.expires = YESTERDAY
    repository.publish(*PUBLISHING)

    with pytest.raises(ExpiredMetadataError, match=f"its {role} file") as caught:
        device.refresh()
    assert caught.value.stale_since == YESTERDAY
    assert device.versions() == versions


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_saved_file_that_expired_meanwhile_is_refused_without_a_newer_one(
    repository: Repository, device: Device, role: str
) -> None:
    repository.metadata[role].signed.expires = TODAY + 7 * DAYS
    repository.publish("root", *PUBLISHING)
    device.refresh()
    before = device.versions()
    device.clock += 8 * DAYS

    with pytest.raises(ExpiredMetadataError) as caught:
        device.refresh()
    assert caught.value.stale_since == TODAY + 7 * DAYS
    assert device.versions() == before


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_saved_file_that_expired_meanwhile_is_replaced_by_a_newer_one(
    repository: Repository, device: Device, role: str
) -> None:
    repository.metadata[role].signed.expires = TODAY + 7 * DAYS
    repository.publish("root", *PUBLISHING)
    device.refresh()
    repository.metadata[role].signed.expires = TODAY + 21 * DAYS
    repository.publish("root", *PUBLISHING)
    device.clock += 18 * DAYS

    device.refresh()

    assert device.versions() == {"root": 3, "timestamp": 3, "snapshot": 3, "targets": 3}


def test_a_file_expires_at_the_very_second(repository: Repository, device: Device) -> None:
    device.clock = repository.timestamp.expires - timedelta(seconds=1)
    device.refresh()
    device.clock = repository.timestamp.expires

    with pytest.raises(ExpiredMetadataError):
        device.refresh()


def test_an_expired_delegated_file_is_not_used(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*", expires=YESTERDAY)
    repository.add("adapter/laptop", b"content", "adapter")
    repository.publish("adapter", *PUBLISHING)

    with pytest.raises(ExpiredMetadataError, match="its adapter file"):
        device.find("adapter/laptop")
    assert device.versions() == {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2}


def test_a_saved_delegated_file_that_expired_meanwhile_is_not_used(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*", expires=TODAY + 7 * DAYS)
    repository.add("adapter/laptop", b"content", "adapter")
    repository.publish("adapter", *PUBLISHING)
    assert device.find("adapter/laptop").file is not None
    device.clock += 18 * DAYS

    with pytest.raises(ExpiredMetadataError, match="its adapter file"):
        device.find("adapter/laptop")

    repository.role("adapter").expires = TODAY + 21 * DAYS
    repository.publish("adapter", "snapshot", "timestamp")
    assert device.find("adapter/laptop").file is not None


def test_a_clock_that_is_set_back_does_not_revive_an_expired_delegated_file(
    repository: Repository, device: Device
) -> None:
    repository.delegate("adapter", "adapter/*", expires=TODAY + 7 * DAYS)
    repository.add("adapter/laptop", b"content", "adapter")
    repository.publish("adapter", *PUBLISHING)
    device.clock = TODAY + 8 * DAYS
    device.refresh()
    device.clock = TODAY

    with pytest.raises(ExpiredMetadataError, match="its adapter file"):
        device.find("adapter/laptop")


def test_a_clock_that_is_set_back_does_not_revive_expired_metadata(repository: Repository, device: Device) -> None:
    repository.timestamp.expires = TODAY + DAYS
    repository.publish("timestamp")
    stale = repository.copy()
    repository.timestamp.expires = TODAY + 9 * DAYS
    repository.publish("timestamp")
    device.clock = TODAY + 3 * DAYS
    device.refresh()
    with pytest.raises(ExpiredMetadataError):  # a new device with the right clock
        drive(update(TrustedMetadata.pinned(stale.files["1.root.json"]), device.now), stale.fetch, lambda _: None)

    device.clock = datetime(1970, 1, 1, tzinfo=UTC)
    repository.timestamp.expires = TODAY + 2 * DAYS
    repository.publish("timestamp")

    with pytest.raises(ExpiredMetadataError, match="here it is 2026-03-04"):
        device.refresh()


def test_a_device_without_a_clock_accepts_metadata_that_newer_metadata_follows(
    repository: Repository, device: Device
) -> None:
    device.clock = datetime(1970, 1, 1, tzinfo=UTC)
    for week in range(4):
        for role in PUBLISHING:
            repository.metadata[role].signed.expires = TODAY + (7 * week + 8) * DAYS
        repository.publish(*PUBLISHING)
        device.refresh()

    assert device.versions()["timestamp"] == 5


def test_a_device_without_a_clock_refuses_what_expired_before_its_app_was_built(repository: Repository) -> None:
    repository.timestamp.expires = YESTERDAY
    repository.publish("timestamp")
    trusted = TrustedMetadata.pinned(repository.files["1.root.json"], not_before=TODAY.timestamp())

    with pytest.raises(ExpiredMetadataError):
        drive(update(trusted, lambda: 0.0), repository.fetch, lambda _: None)


def test_a_clock_that_was_ahead_does_not_rule_out_later_metadata(repository: Repository, device: Device) -> None:
    repository.timestamp.expires = TODAY + DAYS
    repository.publish("timestamp")
    device.clock = datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(ExpiredMetadataError):
        device.refresh()
    device.clock = TODAY + timedelta(hours=23, minutes=59)  # the latest that anything is accepted at
    device.refresh()

    device.clock = TODAY + timedelta(minutes=5)
    repository.timestamp.expires = TODAY + DAYS + timedelta(minutes=5)
    repository.publish("timestamp")
    device.refresh()

    assert device.versions()["timestamp"] == 3


@pytest.mark.parametrize(("role", "ends"), [("timestamp", True), ("snapshot", False)])
def test_a_time_that_was_stated_with_a_stolen_timestamp_key_ends_with_the_key(
    repository: Repository, device: Device, role: str, ends: bool
) -> None:
    repository.timestamp.expires = TODAY + 3650 * DAYS
    repository.publish("timestamp")
    with pytest.raises(ExpiredMetadataError):  # by this time, all other files have expired
        drive(update(device.refresh().raised(1e12), device.now), repository.fetch, lambda _: None)
    stolen = device.refresh().raised(1e12)
    repository.timestamp.expires = TODAY + DAYS
    repository.rotate(role)
    repository.publish("root", *PUBLISHING)

    if ends:
        assert drive(update(stolen, device.now), repository.fetch, lambda _: None).floors.time == device.now()
    else:
        with pytest.raises(ExpiredMetadataError):
            drive(update(stolen, device.now), repository.fetch, lambda _: None)


def test_a_time_that_a_signed_document_states_raises_the_bound_up_to_the_expiry(
    repository: Repository, device: Device
) -> None:
    trusted = device.refresh()

    assert trusted.raised(device.now() + 100).floors.time == device.now() + 100
    assert trusted.raised(device.now() - 100).floors.time == device.now()
    assert trusted.raised(1e12).floors.time == repository.timestamp.expires.timestamp() - 1


def test_a_check_without_news_within_the_hour_changes_nothing_to_save(
    repository: Repository, device: Device, tmp_path: Path
) -> None:
    before = device.refresh()
    device.clock += timedelta(minutes=59)
    assert device.refresh() == before

    device.clock += timedelta(minutes=2)
    assert device.refresh().floors.time == device.now()
