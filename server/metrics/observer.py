"""Counts answers while they are sent. It reads path, method, status and sizes, and nothing about who asked."""

from typing import Final

from litestar.enums import ScopeType
from litestar.types import Message, Scope

from server.metrics.instruments import BYTES, RECEIPTS, REQUESTS
from server.receipts.counts import Counts
from server.receipts.service import Receipts

_ROUTES: Final = ("metadata", "targets", "files", "channels", "receipts", "rounds", "operators")
_PAGES: Final = {"/healthz": "health", "/readyz": "health", "/metrics": "metrics", "/schema": "schema"}
TIMESTAMP_PATH: Final = "/v1/metadata/timestamp.json"
_RECEIPT_RESULTS: Final = {
    204: "counted", 400: "malformed", 404: "not_offered", 413: "too_large", 429: "limited"
}  # fmt: skip


def route_of(path: str) -> str:
    """Return the kind of route of a path: few kinds, whatever paths are asked for."""
    if path.startswith("/v1/"):
        kind = path[4:].split("/", 1)[0]
        return kind if kind in _ROUTES else "other"
    return _PAGES.get(path) or ("operators" if path == "/ops" or path.startswith("/ops/") else "page")


class Observer:
    """A hook for every message of an answer; without a database only Prometheus counts."""

    def __init__(self, counts: Counts | None, receipts: Receipts | None) -> None:
        self._counts, self._receipts = counts, receipts

    async def __call__(self, message: Message, scope: Scope) -> None:
        """Count the start of an answer, or a piece of its body."""
        if scope["type"] != ScopeType.HTTP:
            return
        path = scope["path"]
        route = route_of(path)
        if message["type"] == "http.response.start":
            self._count_start(path, route, scope["method"], message["status"])
        elif message["type"] == "http.response.body" and scope["method"] != "HEAD":
            self._count_bytes(route, len(message["body"]))

    def _count_start(self, path: str, route: str, method: str, status: int) -> None:
        REQUESTS.labels(route, str(status)).inc()
        if route == "receipts":
            RECEIPTS.labels(_RECEIPT_RESULTS.get(status, "other")).inc()
        if self._counts is None:
            return
        self._counts.count_traffic("requests")
        if path == TIMESTAMP_PATH:
            self._counts.count_traffic("checks")
        elif status >= 400 and not (status == 404 and path.endswith(".root.json")):  # that is how a check begins
            self._counts.count_traffic(f"status {status}")
        if route == "receipts":
            self._counts.count_traffic(f"receipts {_RECEIPT_RESULTS.get(status, 'other')}")
        if route == "files" and status == 200 and method == "GET" and self._receipts is not None:
            self._receipts.note_download(path.removeprefix("/v1/files/"))

    def _count_bytes(self, route: str, n_bytes: int) -> None:
        BYTES.labels(route).inc(n_bytes)
        if self._counts is not None:
            self._counts.count_traffic("bytes", n_bytes)
