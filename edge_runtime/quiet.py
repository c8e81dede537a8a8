"""Keeps off the terminal what native libraries write to it past Python, where they have no setting for that."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STDERR: Final = 2
_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what is written to the standard error stream: by the whole process, so only around short calls.

    What goes wrong in such a call arrives as an exception.
    """
    with _lock:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # the process has no such stream
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
