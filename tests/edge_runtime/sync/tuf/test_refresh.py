"""A device asks for the files that it needs, in the order of the specification, and accepts the signed ones only.

The cases are those of the public TUF conformance suite's basic tests.
"""

import json
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile

from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf import TrustedMetadata
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, Device, Repository


def test_a_first_refresh_asks_for_four_files(repository: Repository, device: Device) -> None:
    device.refresh()

    assert repository.requests == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]


def test_a_refresh_without_news_asks_for_two_files(repository: Repository, device: Device) -> None:
    device.refresh()
    repository.requests.clear()

    device.refresh()

    assert repository.requests == ["2.root.json", "timestamp.json"]


def test_files_are_kept_byte_for_byte_as_the_server_sent_them(repository: Repository, device: Device) -> None:
    repository.files["timestamp.json"] += b" "

    device.refresh()

    assert device.trusted().files == {
        "root": repository.files["1.root.json"],
        "timestamp": repository.files["timestamp.json"],
        "snapshot": repository.files["1.snapshot.json"],
        "targets": repository.files["1.targets.json"],
    }


def test_an_unknown_target_is_not_found_after_a_refresh(repository: Repository, device: Device) -> None:
    assert device.find("nothing").file is None
    assert device.versions() == {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}


def test_a_root_without_a_version_cannot_be_pinned(repository: Repository) -> None:
    root = json.loads(repository.files["1.root.json"])
    del root["signed"]["version"]

    with pytest.raises(UpdateRefusedError, match="root file is not valid metadata"):
        TrustedMetadata.pinned(json.dumps(root).encode())


def test_a_root_that_its_own_keys_did_not_sign_cannot_be_pinned(repository: Repository) -> None:
    root = json.loads(repository.files["1.root.json"])
    root["signatures"][0]["sig"] = "0" * 128

    with pytest.raises(UpdateRefusedError, match="signed by 0 of the keys"):
        TrustedMetadata.pinned(json.dumps(root).encode())


@pytest.mark.parametrize(
    ("role", "versions"),
    [
        ("root", {"root": 1}),
        ("timestamp", {"root": 2}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "timestamp": 2, "snapshot": 2}),
    ],
)
def test_an_unsigned_file_ends_the_refresh_there(
    repository: Repository, device: Device, role: str, versions: dict[str, int]
) -> None:
    repository.signers[role].clear()
    repository.publish("root", *PUBLISHING)

    with pytest.raises(UpdateRefusedError, match=f"its {role} file 2 is signed by 0"):
        device.refresh()
    assert device.versions() == versions


@pytest.mark.parametrize(
    ("role", "versions"),
    [
        ("root", {"root": 1}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "timestamp": 2, "snapshot": 2}),
    ],
)
def test_a_file_under_the_name_of_another_version_is_refused(
    repository: Repository, device: Device, role: str, versions: dict[str, int]
) -> None:
    repository.publish("root", *PUBLISHING)
    repository.metadata[role].signed.version = 3
    metadata = repository.metadata[role]
    metadata.signatures.clear()
    for signer in repository.signers[role]:
        metadata.sign(signer, append=True)
    repository.files[f"2.{role}.json"] = metadata.to_bytes()

    with pytest.raises(UpdateRefusedError, match=f"its {role} file 2 says that it is version 3"):
        device.refresh()
    assert device.versions() == versions


def test_a_timestamp_of_the_known_version_changes_nothing(repository: Repository, device: Device) -> None:
    device.refresh()
    known = repository.files["timestamp.json"]
    repository.timestamp.snapshot_meta.version = 100
    repository.republish("timestamp", 1)
    repository.requests.clear()

    device.refresh()

    assert repository.requests == ["2.root.json", "timestamp.json"]
    assert device.trusted().files["timestamp"] == known


def test_stated_digests_are_checked(repository: Repository, device: Device) -> None:
    repository.states_digests = True
    repository.publish(*PUBLISHING)
    device.refresh()
    repository.publish("targets")
    hashes = repository.snapshot.meta["targets.json"].hashes
    assert hashes is not None
    hashes["sha256"] = "4" * 64
    repository.publish("snapshot", "timestamp")

    with pytest.raises(UpdateRefusedError, match="another length or digest"):
        device.refresh()
    assert device.versions() == {"root": 1, "timestamp": 3, "snapshot": 3, "targets": 2}


def test_targets_that_no_snapshot_states_are_not_fetched(repository: Repository, device: Device) -> None:
    device.refresh()
    repository.publish("targets")
    repository.requests.clear()

    device.refresh()

    assert repository.requests == ["2.root.json", "timestamp.json"]
    assert device.versions()["targets"] == 1


def test_unknown_fields_are_accepted_and_signed(repository: Repository, device: Device) -> None:
    signer = CryptoSigner.generate_ed25519()
    signer.public_key.unrecognized_fields["extra"] = {"b": [1, None, True], "a": 'é"\\\n'}
    repository.root.unrecognized_fields["custom"] = "value"
    repository.root.roles["root"].unrecognized_fields["another"] = "value"
    repository.root.add_key(signer.public_key, "root")
    repository.publish("root")

    device.refresh()
    assert device.versions()["root"] == 2

    repository.publish("root")
    repository.change("root", lambda metadata: metadata.signed.unrecognized_fields.update(custom="forged"))
    with pytest.raises(UpdateRefusedError, match="its root file 3 is signed by 0"):
        device.refresh()


def test_a_deprecated_field_of_keys_changes_nothing(repository: Repository, device: Device) -> None:
    signer = CryptoSigner.generate_ed25519()
    signer.public_key.unrecognized_fields["keyid_hash_algorithms"] = "md5"
    repository.set_keys("snapshot", [signer])
    repository.publish("root", "snapshot", "timestamp")

    device.refresh()

    assert device.versions()["snapshot"] == 2


@pytest.mark.parametrize(
    ("role", "versions"),
    [
        ("timestamp", {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}),
        ("snapshot", {"root": 1, "timestamp": 2, "snapshot": 1, "targets": 1}),
        ("targets", {"root": 1, "timestamp": 2, "snapshot": 2, "targets": 1}),
    ],
)
def test_a_missing_file_ends_the_refresh_there(
    repository: Repository, device: Device, role: str, versions: dict[str, int]
) -> None:
    device.refresh()
    repository.publish(*PUBLISHING)
    name = repository.name_of(role)
    del repository.files[name]

    with pytest.raises(UpdateRefusedError, match=f"it has no file {role}"):
        device.refresh()
    assert repository.requests[-1] == name
    assert device.versions() == versions


def test_a_file_of_another_type_is_refused_though_the_right_key_signed_it(
    repository: Repository, device: Device
) -> None:
    repository.set_keys("snapshot", [*repository.signers["snapshot"], *repository.signers["timestamp"]])
    repository.snapshot.meta = {"snapshot.json": MetaFile(1)}
    repository.publish("root", "snapshot")
    repository.files["timestamp.json"] = repository.files["2.snapshot.json"]

    with pytest.raises(UpdateRefusedError, match="timestamp file is not valid metadata"):
        device.refresh()
    assert device.versions() == {"root": 2}


def test_a_longer_file_than_allowed_is_refused_unparsed(repository: Repository, device: Device) -> None:
    repository.files["timestamp.json"] += b" " * 16_384

    with pytest.raises(UpdateRefusedError, match="its file timestamp has more than 16384 bytes"):
        device.refresh()


def test_a_stated_length_beyond_the_limit_is_refused_before_a_request(repository: Repository, device: Device) -> None:
    repository.publish("snapshot")
    repository.timestamp.snapshot_meta = MetaFile(2, length=2_000_001)
    repository.publish("timestamp")

    with pytest.raises(UpdateRefusedError, match="has 2000001 bytes, expected at most 2000000"):
        device.refresh()
    assert repository.requests[-1] == "timestamp.json"


def test_a_saved_file_that_is_not_the_stated_one_is_fetched_again(
    repository: Repository, device: Device, tmp_path: Path
) -> None:
    device.refresh()
    repository.states_digests = True
    repository.role().unrecognized_fields["note"] = "signed anew with the same version"
    repository.republish("targets", 1)
    repository.publish("snapshot", "timestamp")

    device.refresh()

    assert device.trusted().files["targets"] == repository.files["1.targets.json"]


def test_roots_are_followed_to_a_limit(repository: Repository, device: Device) -> None:
    for _ in range(258):
        repository.publish("root")

    device.refresh()
    assert device.versions()["root"] == 257

    device.refresh()
    assert device.versions()["root"] == 259
