"""One writer to a folder. The system lets go of the lock when the process ends, however it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.errors import BusyError


@contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file ``path``, which stays behind empty of meaning.

    Args:
        path: of the lock file, made if missing.
        doing: what is done under the lock, for whoever is kept out.

    Raises:
        BusyError: another process, or another thread of this one, holds it; or it cannot be a lock.
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
                "Wait until it is done; if it hangs, stop it, the lock goes with it."
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        # Far behind the text, because a locked region cannot be read by others.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
