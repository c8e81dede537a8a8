"""Compares what passed to the network with the receipts of a device's folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_runtime.audit.recorder import Stream

# A handshake of TLS sends at most some kilobytes, and each record some bytes more than it holds.
_HANDSHAKE_BYTES: Final = 4096
_RECORD_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a sync sent.

    Attributes:
        requests: what the receipts have, byte for byte, as Latin-1 text.
        n_plain_bytes: bytes that were seen in plain text.
        n_encrypted_bytes: bytes that were seen encrypted.
        unexplained: what was seen, and no receipt has.
    """

    requests: tuple[str, ...]
    n_plain_bytes: int
    n_encrypted_bytes: int
    unexplained: tuple[str, ...]


def compare(streams: Sequence[Stream], requests: Sequence[str]) -> Traffic:
    """Find each byte that was seen among those of the receipts; each receipt explains its bytes once.

    Encrypted bytes cannot be compared one by one: there must be no more than the receipts and the protocol explain.

    Args:
        streams: what the recorder saw.
        requests: of the receipts, byte for byte, as Latin-1 text.
    """
    left = [request.encode("latin-1") for request in requests]
    unexplained = [rest.decode("latin-1") for stream in streams if (rest := _unexplained(bytes(stream.plain), left))]
    encrypted = [stream.n_encrypted for stream in streams if stream.n_encrypted]
    if encrypted:
        room = sum(len(request) + _RECORD_BYTES for request in left) + len(encrypted) * _HANDSHAKE_BYTES
        if (excess := sum(encrypted) - room) > 0:
            unexplained.append(f"({excess} encrypted bytes more than the receipts explain)")
    n_plain = sum(len(stream.plain) for stream in streams)
    return Traffic(tuple(requests), n_plain, sum(encrypted), tuple(unexplained))


def _unexplained(seen: bytes, left: list[bytes]) -> bytes:
    """Return the rest of a stream that starts with no receipt; takes those that explain it from ``left``."""
    while seen:
        # A connection may break in the middle of a request.
        fits = [request for request in left if request and (seen.startswith(request) or request.startswith(seen))]
        if not fits:
            return seen
        longest = max(fits, key=len)
        left.remove(longest)
        seen = seen[len(longest) :]
    return b""
