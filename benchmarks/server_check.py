"""Measures how many update checks without a new release one server core handles.

Starts `pocketrec serve` on a small synthetic bundle and requests the manifest with its current ETag over keep-alive
connections for a few seconds. Rates are per CPU second of the server, because wall time depends on other load.

Example: python benchmarks/server_check.py --seconds 5
"""

import argparse
import json
import os
import platform
import selectors
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from edge_runtime import __version__
from tests.live_server import serving
from tests.tiny_bundle import make_tiny_bundle

PATH = "/v1/channels/laptop-x86_64/manifest.json"


@dataclass(frozen=True, slots=True)
class Figures:
    """Results of a run; ``checks_per_cpu_s`` is the capacity of one core of this machine."""

    checks: int
    seconds: float
    server_cpu_s: float
    checks_per_s: float
    checks_per_cpu_s: float
    p50_ms: float
    p99_ms: float
    bytes_each_way: tuple[int, int]


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="Duration, at most 60.")
    parser.add_argument("--connections", type=int, default=16, help="Concurrent connections, at most 256.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_tiny_bundle(Path(folder) / "laptop-x86_64")
        with serving(Path(folder)) as server:
            figures = measure(
                server.url, server.process.pid, min(arguments.seconds, 60), min(arguments.connections, 256)
            )
    if arguments.json:
        print(json.dumps(asdict(figures)))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load average               {os.getloadavg()[0]:.1f}")
    print(f"checks without change      {figures.checks:,} in {figures.seconds:.1f} s")
    print(f"per second of wall time    {figures.checks_per_s:,.0f}")
    print(f"per second of server CPU   {figures.checks_per_cpu_s:,.0f}")
    print(f"latency                    p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms")
    print(f"bytes                      {figures.bytes_each_way[0]} up, {figures.bytes_each_way[1]} down")


def measure(url: str, pid: int, seconds: float, n_connections: int) -> Figures:
    """Send requests for ``seconds`` over ``n_connections``, after one second of warm-up."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    request = _request(address, _etag(address))
    connections = [socket.create_connection(address) for _ in range(n_connections)]
    try:
        _send_requests(connections, request, 1.0)
        cpu_before, began = _cpu_s(pid), time.perf_counter()
        latencies, size = _send_requests(connections, request, seconds)
        elapsed, cpu_s = time.perf_counter() - began, _cpu_s(pid) - cpu_before
    finally:
        for connection in connections:
            connection.close()
    latencies.sort()
    return Figures(
        checks=len(latencies),
        seconds=elapsed,
        server_cpu_s=cpu_s,
        checks_per_s=len(latencies) / elapsed,
        checks_per_cpu_s=len(latencies) / cpu_s,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
        bytes_each_way=(len(request), size),
    )


def _send_requests(connections: list[socket.socket], request: bytes, seconds: float) -> tuple[list[float], int]:
    """Keep one request pending on each connection; return the latencies in seconds, and the bytes of a response."""
    latencies: list[float] = []
    sent_at: dict[socket.socket, float] = {}
    size = 0
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, data=connection)
            sent_at[connection] = time.perf_counter()
            connection.sendall(request)
        pending = len(connections)
        while pending:
            for key, _ in selector.select():
                connection = key.data
                response = connection.recv(65536)
                if not response.startswith(b"HTTP/1.1 304") or not response.endswith(b"\r\n\r\n"):
                    raise SystemExit(f"expected one complete 304 response, found {response[:200]!r}")
                size = len(response)
                now = time.perf_counter()
                latencies.append(now - sent_at[connection])
                if now < end:
                    sent_at[connection] = now
                    connection.sendall(request)
                else:
                    pending -= 1
    return latencies, size


def _etag(address: tuple[str, int]) -> str:
    with socket.create_connection(address) as connection:
        connection.sendall(f"HEAD {PATH} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: close\r\n\r\n".encode())
        head = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    return next(line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith("etag"))


def _request(address: tuple[str, int], etag: str) -> bytes:
    """Return the request of a device."""
    lines = (f"GET {PATH} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Accept-Encoding: identity")
    return "\r\n".join((*lines, f"User-Agent: pocketrec/{__version__}", f"If-None-Match: {etag}", "", "")).encode()


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds that all threads of a process have used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
