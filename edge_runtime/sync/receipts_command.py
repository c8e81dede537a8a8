"""The command ``pocketrec receipts``."""

from pathlib import Path
from typing import Annotated

import typer


def receipts(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `pocketrec sync` fills.", file_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what syncs of this device have sent.

    Every request is shown byte for byte, the newest last.

    Example: pocketrec receipts device
    """
    from datetime import UTC, datetime

    from edge_runtime.sync.receipts import read_receipts, readable_lines
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
            for line in readable_lines(request):
                console.print(f"    {line}")
    if not found:
        console.print("Nothing was sent.")
