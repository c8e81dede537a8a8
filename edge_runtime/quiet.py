"""Suppresses what native libraries write to stderr directly, where they have no option to turn it off."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STDERR: Final = 2
_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Redirect the process's stderr to the null device; it affects all threads, so wrap short calls only.

    Errors of the wrapped call are still raised as exceptions.
    """
    with _lock:
        try:
            saved = os.dup(_STDERR)
        except OSError:  # the process has no stderr
            yield
            return
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, _STDERR)
            os.close(null)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
