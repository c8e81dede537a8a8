"""Tries a Parquet file in a child process before this process reads it.

Some damaged files abort the process that reads them: Polars allocates what a damaged length asks for, and a failed
allocation ends the process without an exception.
"""

import hashlib
import io
import subprocess
import sys

from edge_runtime import child

_safe: set[bytes] = set()


def is_safe(data: bytes) -> bool:
    """Return whether Polars reads the file, or raises an exception; False if the reading process ends otherwise.

    A child process takes about 0.3 s; it runs once per content.
    """
    digest = hashlib.sha256(data).digest()
    if digest not in _safe:
        result = subprocess.run(  # noqa: S603 - this very module, run by this very interpreter
            child.command("train.data.parquet_check"),
            cwd=child.FOLDER,
            env=child.environment(),
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode:
            return False
        _safe.add(digest)
    return True


def _try_to_read(data: bytes) -> None:
    import polars as pl

    try:
        pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        return  # the parent gets the same exception and reports it


if __name__ == "__main__":
    _try_to_read(sys.stdin.buffer.read())
