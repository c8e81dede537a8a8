"""A history as a file, for the user's own other device: JSON, or the same encrypted with a passphrase (ADR 0038).

The encrypted file is 40 bytes of header, whose number of iterations is big-endian, and AES-256-GCM of the JSON with its
tag of 16 bytes:

    pockhist | 1 | iterations | salt   | nonce
    8 bytes  | 1 | 4 bytes    | 15     | 12

The key is PBKDF2-HMAC-SHA256 of the passphrase, as UTF-8 in the normal form NFC; the header is authenticated. Both
algorithms are in WebCrypto, so the page reads and writes the file without a library.
"""

import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_runtime.arguments import check_string, check_type
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.errors import StateError
from edge_runtime.state.history import Event

MAX_FILE_BYTES: Final = 64 << 20
MAX_EVENTS: Final = 500_000
ITERATIONS: Final = 600_000
"""Of PBKDF2, as OWASP's Password Storage Cheat Sheet recommends for HMAC-SHA256."""
MIN_ITERATIONS: Final = 100_000
MAX_ITERATIONS: Final = 10_000_000
MIN_PASSPHRASE: Final = 8

_MAGIC: Final = b"pockhist\x01"
_SALT, _NONCE, _TAG = 15, 12, 16
_HEADER: Final = len(_MAGIC) + 4 + _SALT + _NONCE


class StoredEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of the file; ``time`` is in milliseconds since 1970."""

    item_id: Annotated[str, Meta(min_length=1, max_length=256)]
    event: Annotated[str, Meta(pattern=r"\A[a-z_]{1,32}\Z")]
    time: Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class _Preface(Struct, frozen=True):
    format: Literal["pocketrec-history"]
    version: int


class _File(Struct, frozen=True):
    format: Literal["pocketrec-history"]
    version: Literal[1]
    events: Annotated[list[StoredEvent], Meta(max_length=MAX_EVENTS)]


def dump_history(events: Sequence[Event], passphrase: str | None = None) -> bytes:
    """Return the file of some events, oldest first.

    Args:
        events: at most :data:`MAX_EVENTS`.
        passphrase: encrypts the file; None leaves it readable.

    Raises:
        TypeError: the passphrase is no string.
        ValueError: the passphrase has fewer than eight characters, or there are too many events.
    """
    _check_passphrase(passphrase)
    if len(events) > MAX_EVENTS:
        raise ValueError(f"the history has {len(events):,} events, a file at most {MAX_EVENTS:,}")
    stored = [StoredEvent(event.item_id, event.event, event.time) for event in events]
    data = msgspec.json.encode(_File("pocketrec-history", 1, stored))
    return data if passphrase is None else _sealed(data, passphrase)


def read_history(data: bytes, passphrase: str | None = None) -> list[StoredEvent]:
    """Return the events of a file, oldest first.

    Args:
        data: the whole file.
        passphrase: for an encrypted file.

    Raises:
        TypeError: the file is not given as bytes, or the passphrase is no string.
        StateError: the file is too large, damaged, of another program, or encrypted with another passphrase.
    """
    check_type("data", data, bytes, "the contents of a history file as bytes", "what export_history() returned")
    _check_passphrase(passphrase)
    if len(data) > MAX_FILE_BYTES:
        raise StateError(f"the history file has {len(data):,} bytes, expected at most {MAX_FILE_BYTES:,}.")
    if is_encrypted(data):
        if passphrase is None:
            raise StateError("the history file is encrypted. Give the passphrase that it was written with.")
        data = _opened(data, passphrase)
    try:
        return parse_json(data, _File).events
    except JsonError as error:
        if (version := _version(data)) > 1:
            raise StateError(
                f"the history file has version {version}, expected 1. Update pocketrec to read it."
            ) from error
        raise StateError(f"this is not a history file: {error}. Expected one of `pocketrec history export`.") from error


def _version(data: bytes) -> int:
    """Return the version that a file says it has; 0 if it is no history file at all."""
    try:
        return parse_json(data, _Preface).version
    except JsonError:
        return 0


def is_encrypted(data: bytes) -> bool:
    """Return whether a history file is encrypted."""
    return data.startswith(_MAGIC)


def _check_passphrase(passphrase: str | None) -> None:
    if passphrase is not None:
        check_string("passphrase", passphrase, f"at least {MIN_PASSPHRASE} characters, or None")


def _sealed(data: bytes, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(passphrase) < MIN_PASSPHRASE:
        raise ValueError(f"the passphrase must have at least {MIN_PASSPHRASE} characters, got {len(passphrase)}.")
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    header = _MAGIC + ITERATIONS.to_bytes(4, "big") + salt + nonce
    body: bytes = AESGCM(_key(passphrase, salt, ITERATIONS)).encrypt(nonce, data, header)
    return header + body


def _opened(data: bytes, passphrase: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header, body = data[:_HEADER], data[_HEADER:]
    iterations = int.from_bytes(header[len(_MAGIC) : len(_MAGIC) + 4], "big")
    if len(body) < _TAG or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise StateError("the history file is cut short or was changed. Write it again.")
    salt, nonce = header[-_SALT - _NONCE : -_NONCE], header[-_NONCE:]
    try:
        opened: bytes = AESGCM(_key(passphrase, salt, iterations)).decrypt(nonce, body, header)
    except InvalidTag as error:
        raise StateError(
            "the history file cannot be decrypted: the passphrase is another one, or the file was changed."
        ) from error
    return opened


def _key(passphrase: str, salt: bytes, iterations: int) -> bytes:
    text = unicodedata.normalize("NFC", passphrase).encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt, iterations)
