"""Keys are replaced, and a stolen key harms nobody for long."""

import copy
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import MetaFile, TargetFile

from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.bundle.release import ComponentDocument, Digested, check_derived, dump_document, parse_component
from edge_runtime.errors import BundleError
from server.errors import RepositoryError, SigningError
from server.repository.publish import publish
from server.repository.repository import open_repository
from server.repository.roles import DELEGATED, KEYS, ROLES, TOP_LEVEL
from server.repository.rotate import expiries_of, renew, rotate
from tests.tiny_repository import TARGET, TinyRepository

ADAPTER = f"adapter/{TARGET}.json"
DOCUMENT = f"bundle/{TARGET}.json"


@pytest.mark.parametrize("name", KEYS)
def test_a_client_goes_on_after_a_key_was_replaced(repository: TinyRepository, tmp_path: Path, name: str) -> None:
    first = repository.publish()
    client = repository.client(tmp_path / "client")
    client.refresh()

    rotated = rotate(repository.path, name, repository.ring())
    repository.publish(1)

    assert client.document(DOCUMENT) is not None
    keys = {key.keyid for role in ROLES for key in open_repository(repository.path).keys(role)}
    assert rotated.new in keys
    assert rotated.old not in keys
    assert len(keys) == len(KEYS)
    assert first.release == 1


@pytest.mark.parametrize("name", ["root-1", "targets", "snapshot", "timestamp"])
def test_a_client_is_served_at_each_moment_of_a_rotation(repository: TinyRepository, tmp_path: Path, name: str) -> None:
    repository.publish()
    rotate(repository.path, name, repository.ring())

    # The root is written last: without it, the old keys still count.
    (repository.path / "metadata" / "2.root.json").rename(tmp_path / "2.root.json")
    repository.client(tmp_path / "old").refresh()
    (tmp_path / "2.root.json").rename(repository.path / "metadata" / "2.root.json")
    repository.client(tmp_path / "new").refresh()
    assert open_repository(repository.path).root.signed.version == 2


def test_a_root_key_is_replaced_without_it(repository: TinyRepository, tmp_path: Path) -> None:
    client = repository.client(tmp_path / "client")

    rotate(repository.path, "root-1", repository.ring("root-2", "root-3"))

    client.refresh()
    assert (client.folder / "root.json").exists()
    assert open_repository(repository.path).root.signed.version == 2


def test_one_root_key_is_not_enough(repository: TinyRepository) -> None:
    keys = repository.ring("root-2", "timestamp", "snapshot")

    with pytest.raises(SigningError, match=r"root: found 1 of its keys in .*, expected 2 of the 3 keys"):
        rotate(repository.path, "timestamp", keys)
    assert not list(keys.folders[0].glob("timestamp.*.pem"))[1:], "no new key is written before it is known to count"


def test_an_unknown_key_is_refused(repository: TinyRepository) -> None:
    with pytest.raises(RepositoryError, match="found the key 'root', expected one of root-1, root-2"):
        rotate(repository.path, "root", repository.ring())
    with pytest.raises(RepositoryError, match="--drop: found the role 'targets', expected one of codebook"):
        rotate(repository.path, "targets", repository.ring(), drop=True)


class Thief:
    """Has the adapter key, and the online keys of the server where it was: what it signs reaches the devices."""

    def __init__(self, repository: TinyRepository) -> None:
        self._repository = repository
        ring = repository.ring("adapter", "snapshot", "timestamp")
        state = open_repository(repository.path)
        self._signers = {
            role: ring.signers(role, state.keys(role), 1)[0] for role in ("adapter", "snapshot", "timestamp")
        }

    def sign(self, path: str, data: bytes) -> None:
        """Put a document on offer under the adapter's key."""
        state = open_repository(self._repository.path)
        targets = copy.deepcopy(state.targets["adapter"])
        file = TargetFile.from_data(path, data, ["sha256"])
        targets.signed.targets[path] = file
        folder = self._repository.path / "targets" / Path(path).parent
        folder.mkdir(exist_ok=True)
        (folder / Path(file.get_prefixed_paths()[0]).name).write_bytes(data)
        snapshot, timestamp = copy.deepcopy(state.snapshot), copy.deepcopy(state.timestamp)
        snapshot.signed.meta["adapter.json"] = self._write(targets, "adapter", self._signers["adapter"])
        timestamp.signed.snapshot_meta = self._write(snapshot, "snapshot", self._signers["snapshot"])
        self._write(timestamp, "timestamp", self._signers["timestamp"], versioned=False)

    def _write(self, metadata: object, role: str, signer: Signer, *, versioned: bool = True) -> MetaFile:
        metadata.signed.version += 1  # type: ignore[attr-defined]
        metadata.sign(signer)  # type: ignore[attr-defined]
        data, version = metadata.to_bytes(), metadata.signed.version  # type: ignore[attr-defined]
        name = f"{version}.{role}.json" if versioned else f"{role}.json"
        (self._repository.path / "metadata" / name).write_bytes(data)
        return MetaFile.from_data(version, data, ["sha256"])


def test_a_stolen_adapter_key_cannot_touch_the_codebook(repository: TinyRepository, tmp_path: Path) -> None:
    base_sha256 = repository.publish().manifest
    base = open_folder(repository.bundles / TARGET).manifest
    client = repository.client(tmp_path / "client")
    thief = Thief(repository)

    codebook = "codebook/" + TARGET + ".json"
    thief.sign(codebook, b"{}")
    assert client.document(codebook) is None, "the adapter's key signs adapter/* only"

    thief.sign(ADAPTER, forged_document(with_other_codes(base), base_sha256))
    data = client.document(ADAPTER)
    assert data is not None
    document = parse_component(data, "adapter", TARGET)
    assert document.base == base_sha256
    with pytest.raises(BundleError, match=r"adapter: found another codes\.safetensors.*tell the operator"):
        check_derived(base, with_other_codes(base), "adapter")


def test_a_stolen_adapter_key_is_out_after_one_refresh(repository: TinyRepository, tmp_path: Path) -> None:
    base_sha256 = repository.publish().manifest
    base = open_folder(repository.bundles / TARGET).manifest
    client = repository.client(tmp_path / "client")
    thief = Thief(repository)
    client.refresh()

    rotate(repository.path, "adapter", repository.ring("targets", "snapshot", "timestamp"), drop=True)
    client.refresh()

    thief.sign(ADAPTER, forged_document(base, base_sha256))
    with pytest.raises(UnsignedMetadataError):
        client.document(ADAPTER)


def test_what_a_stolen_key_has_signed_is_dropped(repository: TinyRepository, tmp_path: Path) -> None:
    base_sha256 = repository.publish().manifest
    base = open_folder(repository.bundles / TARGET).manifest
    client = repository.client(tmp_path / "client")
    Thief(repository).sign(ADAPTER, forged_document(base, base_sha256))
    assert client.document(ADAPTER) is not None

    rotated = rotate(repository.path, "adapter", repository.ring(), drop=True)

    assert rotated.dropped == (ADAPTER,)
    assert client.document(ADAPTER) is None


def test_documents_are_signed_again_by_the_new_key(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish()
    data = bytearray((repository.bundles / TARGET / "adapter.safetensors").read_bytes())
    data[-8:] = bytes(8)
    repository.changed_file("adapter.safetensors", bytes(data))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")
    client = repository.client(tmp_path / "client")
    before = client.document(ADAPTER)

    rotated = rotate(repository.path, "adapter", repository.ring("targets", "snapshot", "timestamp"))

    assert rotated.documents == (ADAPTER,)
    assert before is not None
    assert client.document(ADAPTER) == before


def test_the_timer_renews_the_timestamp_alone(repository: TinyRepository, tmp_path: Path) -> None:
    state = open_repository(repository.path)

    renew(repository.path, ["timestamp"], repository.ring("timestamp"))

    after = open_repository(repository.path)
    assert after.timestamp.signed.version == state.timestamp.signed.version + 1
    assert after.snapshot.signed.version == state.snapshot.signed.version
    repository.client(tmp_path / "client").refresh()


def test_the_timer_renews_the_snapshot_when_half_of_its_time_is_over(repository: TinyRepository) -> None:
    later = datetime.now(UTC) + timedelta(days=ROLES["snapshot"].days / 2 + 1)

    renew(repository.path, ["timestamp"], repository.ring("timestamp", "snapshot"), now=later)

    left = {one.role: one.days_left for one in expiries_of(repository.path, later)}
    assert left["snapshot"] > 29
    assert left["timestamp"] > 2.9


@pytest.mark.parametrize("role", [*TOP_LEVEL, *DELEGATED])
def test_every_role_can_be_renewed(repository: TinyRepository, tmp_path: Path, role: str) -> None:
    client = repository.client(tmp_path / "client")
    client.refresh()

    expiries = {one.role: one for one in renew(repository.path, [role], repository.ring(), days=100)}

    assert expiries[role].days_left == pytest.approx(100, abs=0.1)
    assert expiries[role].version == 2
    client.refresh()


def test_the_root_is_renewed_with_two_root_keys_alone(repository: TinyRepository) -> None:
    renew(repository.path, ["root"], repository.ring("root-1", "root-3"))

    assert open_repository(repository.path).root.signed.version == 2


def test_an_unknown_role_is_not_renewed(repository: TinyRepository) -> None:
    with pytest.raises(RepositoryError, match="found the role 'time', expected one of root, targets"):
        renew(repository.path, ["time"], repository.ring())


def test_expired_metadata_is_renewed_by_the_same_command(repository: TinyRepository, tmp_path: Path) -> None:
    renew(repository.path, ["timestamp"], repository.ring(), now=datetime.now(UTC) - timedelta(days=10))
    client = repository.client(tmp_path / "client")
    with pytest.raises(TufError, match="expired"):
        client.refresh()

    renew(repository.path, ["timestamp"], repository.ring())

    client.refresh()


def forged_document(manifest: Manifest, base: str) -> bytes:
    """Return a document of the adapter that leads to any manifest."""
    data = dump_manifest(manifest)
    return dump_document(
        ComponentDocument(
            name=manifest.name,
            target=manifest.target,
            release=manifest.release,
            manifest=Digested(len(data), hashlib.sha256(data).hexdigest()),
            component="adapter",
            base=base,
        )
    )


def with_other_codes(manifest: Manifest) -> Manifest:
    """Return a manifest with another file of codes."""
    files = (describe(e.name, e.role, b"forged") if e.role == "codes" else e for e in manifest.files)
    return replace(manifest, files=tuple(files))
