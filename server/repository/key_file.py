"""Private keys as files: PKCS 8 in PEM, encrypted with a passphrase (RFC 5958, RFC 8018).

It is the format of OpenSSL and of the library, which reads it; but the library writes it with 2,048 iterations of
PBKDF2 and cannot be told otherwise, so a passphrase could be guessed some hundred times faster than one of a history
file (ADR 0038).
"""

import base64
import hashlib
import logging
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from server.errors import SigningError

log = logging.getLogger(__name__)

ITERATIONS: Final = 600_000

_SEQUENCE, _INTEGER, _OCTETS, _IDENTIFIER, _NULL = 0x30, 0x02, 0x04, 0x06, 0x05
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("2a864886f70d0209")
_AES256_CBC: Final = bytes.fromhex("60864801650304012a")
_BLOCK_BYTES: Final = 16


def dump_key(private: Ed25519PrivateKey, passphrase: bytes) -> bytes:
    """Return the file of a private key."""
    salt, start = os.urandom(16), os.urandom(_BLOCK_BYTES)
    key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, ITERATIONS, 32)
    padder, encryptor = PKCS7(8 * _BLOCK_BYTES).padder(), Cipher(AES(key), CBC(start)).encryptor()
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    hashing = _der(_SEQUENCE, _der(_IDENTIFIER, _HMAC_SHA256), _der(_NULL))
    rounds = _der(_INTEGER, ITERATIONS.to_bytes(ITERATIONS.bit_length() // 8 + 1, "big"))
    derivation = _der(_SEQUENCE, _der(_OCTETS, salt), rounds, hashing)
    parameters = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _der(_IDENTIFIER, _PBKDF2), derivation),
        _der(_SEQUENCE, _der(_IDENTIFIER, _AES256_CBC), _der(_OCTETS, start)),
    )
    algorithm = _der(_SEQUENCE, _der(_IDENTIFIER, _PBES2), parameters)
    text = base64.encodebytes(_der(_SEQUENCE, algorithm, _der(_OCTETS, sealed))).replace(b"\n", b"")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, b"-----END ENCRYPTED PRIVATE KEY-----", b""])


def load_key(data: bytes, passphrase: bytes) -> Ed25519PrivateKey | None:
    """Return a private key, or None if the passphrase does not open it.

    Raises:
        SigningError: the file is not encrypted.
    """
    try:
        private = load_pem_private_key(data, passphrase)
    except TypeError as error:  # what the library raises if there is nothing to decrypt
        raise SigningError(
            "found a private key that is not encrypted. Encrypt it: "
            "`openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in OLD.pem -out NEW.pem`."
        ) from error
    except ValueError:
        return None
    return private if isinstance(private, Ed25519PrivateKey) else None


def warn_if_others_can_read(path: Path) -> None:
    """Log a warning if a private key is open to other users of this machine. Windows has no such mode."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name != "nt" and mode & 0o077:
        log.warning(
            "%s: found a private key that other users can read or replace (mode %04o), expected mode 0600: they could "
            "copy it and guess its passphrase. `chmod 600 %s`",
            path,
            mode,
            shlex.quote(str(path)),
        )


def _der(tag: int, *contents: bytes) -> bytes:
    """Return an element of DER."""
    content = b"".join(contents)
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content
