"""Files by digest, opened when they are asked for; the least recently used are closed."""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from server.blob import Body

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]

# Files that are open at once.
_MOST_OPEN: Final = 256
# Files that are being opened at once.
_MOST_THREADS: Final = 4


class OpenFiles(Mapping[str, Body]):
    """Files that are open, of any kind of storage."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Body] = OrderedDict()
        self._opening: dict[str, Future[Body | None]] = {}
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="opening")
        self._lock = Lock()

    @abstractmethod
    def _opened(self, sha256: str) -> Body | None:
        """Open a file, in a thread; None if there is none, or if it is damaged."""

    @abstractmethod
    def read(self, sha256: str, max_bytes: int) -> bytes:
        """Return the content of a small file.

        Raises:
            BundleError: it is missing, too large or damaged.
        """

    def held(self, sha256: str) -> Body | None:
        """Return a file that is open already; None if it is not, or has changed."""
        with self._lock:
            if (body := self._open.get(sha256)) is None or not body.is_intact():
                return None
            self._open.move_to_end(sha256)
            return body

    def opening(self, sha256: str) -> Future[Body | None]:
        """Open a file in a thread, once for all that ask for it meanwhile; None if that fails."""
        with self._lock:
            future = self._opening.get(sha256)
            if future is None:
                future = self._opening[sha256] = self._threads.submit(self._kept, sha256)
            return future

    def __getitem__(self, sha256: str) -> Body:
        """Return a file, after waiting for it to be opened.

        Raises:
            KeyError: there is none with this digest, or its content is damaged.
        """
        body = self.held(sha256) or self.opening(sha256).result()
        if body is None:
            raise KeyError(sha256)
        return body

    def __len__(self) -> int:
        """Return the number of files."""
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Close all files."""
        with self._lock:
            self._open.clear()

    def _kept(self, sha256: str) -> Body | None:
        body = None
        try:
            msgspec.convert(sha256, Sha256)  # the name is used as a path only if it is a digest
            body = self._opened(sha256)
        except msgspec.ValidationError:
            return None
        finally:
            with self._lock:
                if body is not None:
                    self._open[sha256] = body
                while len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)
                del self._opening[sha256]
        return body
