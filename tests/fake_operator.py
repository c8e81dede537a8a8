"""A server that collects updates of rounds in memory, with the answers that a test chooses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class FakeOperator:
    """The server.

    Attributes:
        url: its address.
        port: its port.
        got: path, content type and body of each upload.
        answers: statuses of the next answers; then 202 for a new body and 200 for one that it has; 0 hangs up.
    """

    url: str
    port: int
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def status_for(self, path: str, kind: str, body: bytes) -> int:
        """Note an upload, and return the status of the answer."""
        is_new = body not in {before for _, _, before in self.got}
        self.got.append((path, kind, body))
        if self.answers:
            return self.answers.pop(0)
        return 202 if is_new else 200

    def bodies(self, round_id: str) -> set[bytes]:
        """Return the different uploads of a round."""
        return {body for path, _, body in self.got if path == f"/v1/rounds/{round_id}/updates"}


@contextmanager
def collecting(port: int = 0) -> Iterator[FakeOperator]:
    """Run a server for the duration of the block, on a free port by default."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = operator.status_for(self.path, self.headers["Content-Type"], body)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    operator = FakeOperator(f"http://127.0.0.1:{server.server_port}", server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield operator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
