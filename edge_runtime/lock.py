"""An exclusive lock on a folder for one writer. The operating system releases it when the process ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.errors import BusyError


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the file is kept afterwards.

    Args:
        path: the lock file, created if missing.
        doing: name of the operation, for the error message of other processes.

    Raises:
        BusyError: another process or thread holds the lock, or ``path`` is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise BusyError(f"{path}: found a folder, a pipe or a device, expected a plain lock file. Remove it.")
    with path.open("a+") as stream:
        try:
            _take(stream.fileno())
        except OSError as error:
            stream.seek(0)
            holder = stream.read(20).strip()
            raise BusyError(
                f"{path.parent}: another {doing}{f' (process {holder})' if holder.isdigit() else ''} is writing there. "
                "Wait until it is done; if it hangs, stop that process, which releases the lock."
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        # Far behind the process id, because other processes cannot read a locked region.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
