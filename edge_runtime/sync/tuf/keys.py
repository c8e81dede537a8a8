"""Signature schemes of metadata keys. A device knows Ed25519 and nothing else."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Verify: TypeAlias = Callable[[str, str, bytes], bool]
"""Whether a public key, as in the metadata, made a signature, in hex, of a message."""
Schemes: TypeAlias = Mapping[tuple[str, str], Verify]
"""The check of each known pair of key type and scheme. A key of another pair counts for nothing."""

_PUBLIC: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")


def verify_ed25519(public: str, signature: str, message: bytes) -> bool:
    """Return whether an Ed25519 signature is valid (RFC 8032). Lower-case hex only, so that a key has one spelling."""
    if not _PUBLIC.fullmatch(public) or not _SIGNATURE.fullmatch(signature):
        return False
    from cryptography.exceptions import InvalidSignature  # only a device that syncs loads it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


ED25519: Final[Schemes] = MappingProxyType({("ed25519", "ed25519"): verify_ed25519})
