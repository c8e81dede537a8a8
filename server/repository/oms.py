"""Signatures of bundles for other tools: those of OpenSSF model signing, format 1.0.

The tool `model_signing` verifies them; devices never parse one. A signature is a Sigstore bundle with a DSSE envelope
around an in-toto statement that lists the files. Written here because the tool takes the passphrase of a key as an
argument, and pulls in some thirty packages: https://github.com/ossf/model-signing-spec.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.manifest import MANIFEST_NAME
from server.errors import SigningError
from server.repository.key_file import warn_if_others_can_read
from server.repository.passphrase import Passphrase

FOLDER: Final = "model-signatures"
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_ADVICE: Final = (
    "Create one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc -out FILE`, "
    "under the passphrase of the other keys."
)


def load_model_key(path: Path, passphrase: Passphrase) -> EllipticCurvePrivateKey:
    """Return the private key in a file, encrypted or not.

    Raises:
        SigningError: it is no key on the curve P-256, or the passphrase does not open it.
    """
    warn_if_others_can_read(path)
    data = path.read_bytes()
    try:
        private = load_pem_private_key(data, passphrase.known() if b"ENCRYPTED" in data else None)
    except (TypeError, ValueError) as error:
        raise SigningError(f"{path}: no private key in PEM, or one of another passphrase. {_ADVICE}") from error
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise SigningError(f"{path}: found a key of another kind, expected one on the curve P-256. {_ADVICE}")
    return private


def model_signature(manifest: Manifest, manifest_sha256: str, private: EllipticCurvePrivateKey) -> bytes:
    """Return the signature of a bundle folder: of its manifest, and of every file that this names."""
    files = {entry.name: entry.sha256 for entry in manifest.files} | {MANIFEST_NAME: manifest_sha256}
    payload = msgspec.json.encode(_statement(manifest.name, dict(sorted(files.items()))))
    # The pre-authentication encoding of DSSE.
    signed = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)
    signature = private.sign(signed, ECDSA(SHA256()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(public).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return msgspec.json.encode(bundle)


def _statement(name: str, files: Mapping[str, str]) -> dict[str, object]:
    """Return the statement about files in alphabetical order: the digest of the subject is over their digests."""
    root = hashlib.sha256(b"".join(map(bytes.fromhex, files.values()))).hexdigest()
    resources = [{"name": file, "digest": sha256, "algorithm": "sha256"} for file, sha256 in files.items()]
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": serialization, "resources": resources},
    }
