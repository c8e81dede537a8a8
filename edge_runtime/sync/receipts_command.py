"""The command ``pocketrec receipts``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

_HEX_BYTES: Final = 32


def receipts(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `pocketrec sync` fills.", file_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what syncs of this device have sent.

    Every request is shown byte for byte, the newest last.

    Example: pocketrec receipts device
    """
    from datetime import UTC, datetime

    from edge_runtime.sync.receipts import read_receipts
    from edge_runtime.terminal.console import Console
    from edge_runtime.terminal.outcome import print_result

    found = read_receipts(folder)
    if as_json:
        print_result({"receipts": found})
        return
    console = Console(soft_wrap=True)
    for receipt in found:
        n_bytes = sum(len(request) for request in receipt.requests)
        when = datetime.fromtimestamp(receipt.time, UTC)
        console.print(f"{when:%Y-%m-%d %H:%M} UTC, {receipt.server}: {n_bytes:,} bytes sent")
        for request in receipt.requests:
            for line in _lines(request):
                console.print(f"    {line}")
    if not found:
        console.print("Nothing was sent.")


def _lines(sent: str) -> Iterator[str]:
    """Yield the lines of what was sent at once; the body of an update, which is no text, in hexadecimal."""
    lines = sent.splitlines()
    if all(line.isascii() and line.isprintable() for line in lines):
        yield from lines
        return
    data = sent.encode("latin-1")
    for start in range(0, len(data), _HEX_BYTES):
        yield f"{start:06x}  {data[start : start + _HEX_BYTES].hex(' ', 4)}"
