"""Bundles are signed for the tools of OpenSSF model signing, too."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurve,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from edge_runtime.bundle import parse_manifest
from server.errors import SigningError
from server.repository.publish import Published, publish
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository

TOOL = os.environ.get("MODEL_SIGNING") or shutil.which("model_signing")
"""The stock verifier, which cannot be installed beside this project's packages: a path to it in an environment."""


def write_key(folder: Path, curve: EllipticCurve, passphrase: str = PASSPHRASE) -> tuple[Path, Path]:
    """Write a key pair, and return the files of the private and the public key."""
    private = generate_private_key(curve)
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    (folder / "oms.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public = private.public_key()
    (folder / "oms.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return folder / "oms.pem", folder / "oms.pub"


def published(repository: TinyRepository, key: Path) -> tuple[Published, Path]:
    """Publish a bundle, and return the release and the file of its signature."""
    repository.bundle()
    (done,) = publish(repository.path, repository.bundles, repository.ring(), oms_key=key)
    return done, repository.path / "model-signatures" / f"{TARGET}.1.sig"


@pytest.mark.parametrize("passphrase", [PASSPHRASE, ""])
def test_the_signature_lists_the_manifest_and_every_file_of_it(
    repository: TinyRepository, tmp_path: Path, passphrase: str
) -> None:
    key, _ = write_key(tmp_path, SECP256R1(), passphrase)
    done, path = published(repository, key)

    envelope = json.loads(path.read_bytes())["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    listed = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
    manifest = parse_manifest((repository.path / "files" / done.manifest).read_bytes())
    assert list(listed) == sorted(listed)
    assert listed == {entry.name: entry.sha256 for entry in manifest.files} | {"manifest.json": done.manifest}


def test_the_signature_is_over_the_envelope_s_encoding(repository: TinyRepository, tmp_path: Path) -> None:
    private = generate_private_key(SECP256R1())
    key = tmp_path / "oms.pem"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _, path = published(repository, key)

    envelope = json.loads(path.read_bytes())["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    signed = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    private.public_key().verify(signature, signed, ECDSA(SHA256()))


def test_a_key_on_another_curve_or_of_another_passphrase_is_refused(repository: TinyRepository, tmp_path: Path) -> None:
    key, _ = write_key(tmp_path, SECP384R1())
    with pytest.raises(SigningError, match=r"expected one on the curve P-256\. Create one with `openssl genpkey"):
        published(repository, key)
    key, _ = write_key(tmp_path, SECP256R1(), "another one")
    with pytest.raises(SigningError, match="one of another passphrase"):
        published(repository, key)


@pytest.mark.skipif(TOOL is None, reason="needs the tool model_signing")
def test_the_stock_tool_verifies_a_device_s_folder_and_refuses_a_changed_one(
    repository: TinyRepository, tmp_path: Path
) -> None:
    key, public = write_key(tmp_path, SECP256R1())
    done, signature = published(repository, key)
    files = repository.path / "files"
    folder = tmp_path / "bundle"
    folder.mkdir()
    shutil.copy(files / done.manifest, folder / "manifest.json")
    for entry in parse_manifest((files / done.manifest).read_bytes()).files:
        shutil.copy(files / entry.sha256, folder / entry.name)
    command = [str(TOOL), "verify", "key", "--public_key", str(public)]
    command += ["--signature", str(signature), str(folder)]

    verified = subprocess.run(command, capture_output=True, text=True)
    (folder / "adapter.safetensors").write_bytes(b"changed")
    refused = subprocess.run(command, capture_output=True, text=True)

    assert verified.returncode == 0, verified.stderr
    assert refused.returncode != 0
