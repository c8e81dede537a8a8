"""A file counts as signed if enough distinct keys of its role signed it.

The cases include those of the public TUF conformance suite's tests of keys and of key rotations.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey
from tuf.api.metadata import Metadata

from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf.keys import verify_ed25519
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, Device, Repository

SIGNERS = [CryptoSigner.generate_ed25519() for _ in range(10)]


@dataclass(frozen=True)
class Signing:
    """A version of a file: the keys of its role, how many must sign, and the keys that do."""

    keys: list[int]
    threshold: int
    signed_by: list[int]


ACCEPTED = {
    "a key is replaced, signed by both": [Signing([1], 1, [1]), Signing([2], 1, [2, 1]), Signing([2], 1, [2])],
    "signatures of unknown keys are ignored": [
        Signing([1], 1, [3, 1, 4]),
        Signing([2], 1, [3, 2, 1, 4]),
        Signing([2], 1, [3, 2, 4]),
    ],
    "any three of five": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([0, 1, 2, 3, 4], 3, [0, 4, 1]),
        Signing([0, 1, 2, 3, 4], 3, [0, 1, 3]),
        Signing([0, 1, 2, 3, 4], 3, [0, 1, 3]),
    ],
    "one of five is replaced": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([0, 1, 3, 4, 5], 3, [0, 4, 1]),
    ],
    "one of five is replaced, signed by both": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([0, 1, 3, 4, 5], 3, [0, 2, 4, 5]),
        Signing([0, 1, 3, 4, 5], 3, [0, 4, 5]),
    ],
    "all five are replaced": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
        Signing([5, 6, 7, 8, 9], 3, [5, 6, 7]),
    ],
    "two of three instead of one": [Signing([1, 2, 3], 1, [1]), Signing([1, 2, 3], 2, [1, 2])],
    "one of three instead of two": [
        Signing([1, 2, 3], 2, [1, 2]),
        Signing([1, 2, 3], 1, [1, 2]),
        Signing([1, 2, 3], 1, [1]),
    ],
    "a second key is required": [Signing([1], 1, [1]), Signing([1, 2], 2, [1, 2])],
}
REFUSED = {
    "without the old key": [Signing([1], 1, [1]), Signing([2], 1, [2, 3, 4])],
    "without the new key": [Signing([1], 1, [1]), Signing([2], 1, [1, 3, 4])],
    "without three of the new keys": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([0, 1, 3, 4, 5], 3, [0, 2, 4]),
    ],
    "without three of the old keys": [
        Signing([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        Signing([0, 1, 3, 4, 5], 3, [0, 4, 5]),
    ],
    "below the new threshold": [Signing([1, 2, 3], 1, [1]), Signing([1, 2, 3], 2, [2])],
    "below the old threshold": [Signing([1, 2, 3], 2, [1, 2]), Signing([1, 2, 3], 1, [1])],
}
ACCEPTED_LATER = {
    "a key is replaced": Signing([2], 1, [2]),
    "signatures of unknown keys are ignored": Signing([1], 1, [3, 1, 4]),
    **{
        f"three of five, {signed_by}": Signing([0, 1, 2, 3, 4], 3, signed_by)
        for signed_by in ([0, 2, 4], [0, 4, 1], [0, 1, 3], [1, 2, 3], [2, 3, 4])
    },
}
REFUSED_LATER = {
    "without the new key": Signing([2], 1, [1, 3, 4]),
    "by three keys, of which one is no longer trusted": Signing([0, 1, 3, 4, 5], 3, [0, 2, 4]),
    "by two of three": Signing([0, 1, 3, 4, 5], 3, [0, 4]),
}


def publish_roots(repository: Repository, steps: list[Signing]) -> None:
    """Replace the roots of a repository."""
    for version, step in enumerate(steps, 1):
        repository.set_keys("root", [SIGNERS[key] for key in step.keys], step.threshold)
        repository.signers["root"] = [SIGNERS[key] for key in step.signed_by]
        repository.republish("root", version)


@pytest.mark.parametrize("steps", ACCEPTED.values(), ids=ACCEPTED)
def test_a_chain_of_roots_is_followed(repository: Repository, tmp_path: Path, steps: list[Signing]) -> None:
    publish_roots(repository, steps)
    device = Device(repository, tmp_path)

    device.refresh()

    assert device.trusted().files["root"] == repository.files[f"{len(steps)}.root.json"]


@pytest.mark.parametrize("steps", REFUSED.values(), ids=REFUSED)
def test_a_root_that_old_and_new_keys_did_not_both_sign_is_refused(
    repository: Repository, tmp_path: Path, steps: list[Signing]
) -> None:
    publish_roots(repository, steps)
    device = Device(repository, tmp_path)

    with pytest.raises(UpdateRefusedError, match="its root file 2 is signed by"):
        device.refresh()
    assert device.versions() == {"root": 1}


def sign_later(repository: Repository, role: str, step: Signing) -> None:
    repository.set_keys(role, [SIGNERS[key] for key in step.keys], step.threshold)
    repository.signers[role] = [SIGNERS[key] for key in step.signed_by]
    repository.publish("root", *PUBLISHING)


@pytest.mark.parametrize("role", PUBLISHING)
@pytest.mark.parametrize("step", ACCEPTED_LATER.values(), ids=ACCEPTED_LATER)
def test_the_newest_root_says_who_signs_a_role(
    repository: Repository, device: Device, role: str, step: Signing
) -> None:
    sign_later(repository, role, step)

    device.refresh()

    assert device.trusted().files[role] == repository.files[repository.name_of(role)]


@pytest.mark.parametrize("role", PUBLISHING)
@pytest.mark.parametrize("step", REFUSED_LATER.values(), ids=REFUSED_LATER)
def test_a_role_that_others_signed_is_refused(repository: Repository, device: Device, role: str, step: Signing) -> None:
    sign_later(repository, role, step)

    with pytest.raises(UpdateRefusedError, match=f"its {role} file 2 is signed by"):
        device.refresh()
    assert role not in device.versions()


def test_a_role_with_fewer_keys_than_it_needs_is_refused(repository: Repository, device: Device) -> None:
    repository.rotate("snapshot", n_keys=5, threshold=6)
    repository.publish("root", "snapshot", "timestamp")

    with pytest.raises(UpdateRefusedError, match=r"signed by 5 of the keys .* expected 6"):
        device.refresh()
    assert device.versions() == {"root": 2, "timestamp": 2}


def test_a_key_id_that_a_role_lists_twice_is_refused(repository: Repository, device: Device) -> None:
    repository.root.roles["snapshot"].keyids *= 2
    repository.root.roles["snapshot"].threshold = 2
    repository.publish("root")

    with pytest.raises(UpdateRefusedError, match="lists a key id twice"):
        device.refresh()
    assert device.versions() == {"root": 1}


def test_one_key_under_two_key_ids_counts_once(repository: Repository, device: Device) -> None:
    signer = repository.signers["snapshot"][0]
    public = signer.public_key
    alias = SSlibKey("another-id", public.keytype, public.scheme, public.keyval)
    repository.root.add_key(alias, "snapshot")
    repository.root.roles["snapshot"].threshold = 2
    repository.publish("root", "snapshot")

    def sign_twice(metadata: Metadata[Any]) -> None:
        signature = metadata.signatures[public.keyid]
        metadata.signatures["another-id"] = Signature("another-id", signature.signature)

    repository.change("snapshot", sign_twice)
    repository.publish("timestamp")

    with pytest.raises(UpdateRefusedError, match="signed by 1 of the keys"):
        device.refresh()


def test_two_signatures_of_one_key_id_are_refused(repository: Repository, device: Device) -> None:
    timestamp = json.loads(repository.files["timestamp.json"])
    timestamp["signatures"] *= 2
    repository.files["timestamp.json"] = json.dumps(timestamp).encode()

    with pytest.raises(UpdateRefusedError, match="a key id has two signatures"):
        device.refresh()


@pytest.mark.parametrize("make", [CryptoSigner.generate_ecdsa, CryptoSigner.generate_rsa], ids=["ecdsa", "rsa"])
def test_a_key_of_another_type_counts_for_nothing(
    repository: Repository, device: Device, make: Callable[[], CryptoSigner]
) -> None:
    repository.set_keys("timestamp", [make()])
    repository.publish("root", "timestamp")

    with pytest.raises(UpdateRefusedError, match="its timestamp file 2 is signed by 0"):
        device.refresh()


def test_a_role_may_have_keys_of_other_types_beside_enough_that_are_known(
    repository: Repository, device: Device
) -> None:
    repository.set_keys("timestamp", [CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ed25519()])
    repository.publish("root", "timestamp")

    device.refresh()

    assert device.versions()["timestamp"] == 2


def test_the_signature_vectors_of_the_rfc_hold() -> None:
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    assert verify_ed25519(public, signature, b"\x72")
    assert not verify_ed25519(public, signature, b"\x73")
    assert not verify_ed25519(public, signature.upper(), b"\x72")
    assert not verify_ed25519(public.upper(), signature, b"\x72")
    assert not verify_ed25519(public, signature + "00", b"\x72")
    assert not verify_ed25519("", "", b"\x72")
