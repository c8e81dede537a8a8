"""A transport to a repository in a folder whose responses a test changes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.errors import ServerUnreachableError
from tests.edge_runtime.sync.fake_server import FakeResponse, whole

Change = Callable[[str, bytes], FakeResponse | None]
"""Takes the path below ``/v1/`` and the right body; returns the response, or None for the right one."""


class FaultyTransport:
    """Answers from a folder.

    Args:
        folder: the repository.
        change: changes responses to files that are there.
        bytes_left: the network breaks for good after this many bytes of bodies.

    Attributes:
        served: path below ``/v1/`` and right length of every answer.
    """

    def __init__(
        self, folder: Path, change: Change = lambda path, body: None, *, bytes_left: int | None = None
    ) -> None:
        self._folder, self._change, self._bytes_left = folder, change, bytes_left
        self.served: list[tuple[str, int]] = []

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[FakeResponse]:
        if self._bytes_left == 0:
            raise ServerUnreachableError("the fake network is down")
        name = path.removeprefix("/v1/")
        file = self._folder / name
        if not file.is_file():
            yield FakeResponse(404)
            return
        body = file.read_bytes()
        self.served.append((name, len(body)))
        response = self._change(name, body) or whole(body)
        if self._bytes_left is not None:
            response.broken_after = self._bytes_left
            self._bytes_left = max(self._bytes_left - len(body), 0)
        yield response
