"""What this device has sent: every byte of every request of a sync, for its user to read.

One JSON object a line in ``receipts.jsonl`` of the device's folder; the oldest are dropped when it grows too long.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from edge_runtime.bundle.folder import open_file
from edge_runtime.device_folder import CURRENT
from edge_runtime.errors import BundleError, SyncError
from edge_runtime.files import write_atomically
from edge_runtime.sync.layout import RECEIPTS, require_file

MAX_BYTES: Final = 1 << 20
_HEX_BYTES: Final = 32


class Receipt(Struct, frozen=True):
    """What one sync sent.

    Attributes:
        time: when it ended, in seconds since 1970.
        server: the server's address.
        requests: the requests, byte for byte, as Latin-1 text.
    """

    time: int
    server: str
    requests: Annotated[list[str], msgspec.Meta(max_length=100_000)]


def keep_receipt(into: Path, server: str, sent: Sequence[bytes], time: float) -> None:
    """Append what a sync sent; nothing if it sent nothing.

    What cannot be written is a warning, because the sync is done by then, and may have failed for a better reason.
    """
    if not sent:
        return
    try:
        _append(into, server, sent, time)
    except (OSError, SyncError) as error:
        message = f"what this sync sent could not be written to {into / RECEIPTS}: {error}"
        warnings.warn(message, UserWarning, stacklevel=2)


def _append(into: Path, server: str, sent: Sequence[bytes], time: float) -> None:
    path = into / RECEIPTS
    require_file(path)
    line = msgspec.json.encode(Receipt(int(time), server, [data.decode("latin-1") for data in sent])) + b"\n"
    before = path.read_bytes() if path.exists() else b""
    if len(before) + len(line) > MAX_BYTES:
        half = before[-MAX_BYTES // 2 :]
        before = half[half.find(b"\n") + 1 :]
    into.mkdir(parents=True, exist_ok=True)
    write_atomically(path, before + line)


def read_receipts(into: Path) -> list[Receipt]:
    """Return the receipts of a device's folder, oldest first; lines that are damaged are left out.

    Raises:
        BundleError: it is no folder of a device.
    """
    try:
        with open_file(into / RECEIPTS) as stream:
            lines = stream.read(MAX_BYTES).splitlines()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not (into / CURRENT).exists():
            raise BundleError(
                f"{into}: found no {CURRENT}, expected the folder that `pocketrec sync` fills."
            ) from error
        return []
    receipts = []
    for line in lines:
        try:
            receipts.append(msgspec.json.decode(line, type=Receipt))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return receipts


def readable_lines(sent: str) -> Iterator[str]:
    """Yield the lines of what was sent at once; the body of an update, which is no text, in hexadecimal."""
    lines = sent.splitlines()
    if all(line.isascii() and line.isprintable() for line in lines):
        yield from lines
        return
    data = sent.encode("latin-1")
    for start in range(0, len(data), _HEX_BYTES):
        yield f"{start:06x}  {data[start : start + _HEX_BYTES].hex(' ', 4)}"
