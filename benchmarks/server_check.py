"""Measures how many update checks without a new release one server core handles.

Starts `pocketrec serve` on a small repository of signed releases and does what devices do over keep-alive connections
for a few seconds: a check asks for the next root, which does not exist, and for the timestamp. Rates are per CPU second
of the server, because wall time depends on other load. The limit is 5,000 checks a CPU second.

Example: python -m benchmarks.server_check --seconds 5
"""

import argparse
import json
import os
import platform
import re
import selectors
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_runtime import __version__
from tests.edge_runtime.sync.signed_shop import SignedShop
from tests.live_server import serving

NEXT_ROOT, TIMESTAMP = "/v1/metadata/3.root.json", "/v1/metadata/timestamp.json"
MIN_CHECKS = 5000


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
    """Read the arguments and run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="Duration, at most 60.")
    parser.add_argument("--connections", type=int, default=16, help="Concurrent connections, at most 256.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    sys.exit(run(arguments.seconds, arguments.connections, as_json=arguments.json))


def run(seconds: float, n_connections: int, *, as_json: bool) -> int:
    """Start a server, measure it and print the results; return 1 if the limit does not hold, else 0."""
    with tempfile.TemporaryDirectory() as folder:
        shop = SignedShop(Path(folder) / "shop")
        shop.release(1)
        shop.renew()
        with serving(shop.folder) as server:
            figures = measure(server.url, server.process.pid, min(seconds, 60), min(n_connections, 256))
    is_missed = figures.checks_per_cpu_s < MIN_CHECKS
    if as_json:
        print(json.dumps(asdict(figures)))
        return int(is_missed)
    print(f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load average               {os.getloadavg()[0]:.1f}")
    print(f"checks without change      {figures.checks:,} in {figures.seconds:.1f} s")
    print(f"per second of wall time    {figures.checks_per_s:,.0f}")
    print(f"per second of server CPU   {figures.checks_per_cpu_s:,.0f}")
    print(f"latency                    p50 {figures.p50_ms:.2f} ms, p99 {figures.p99_ms:.2f} ms")
    print(f"bytes                      {figures.bytes_each_way[0]} up, {figures.bytes_each_way[1]} down")
    if is_missed:
        print(f"Missed: at least {MIN_CHECKS:,} checks per second of server CPU")
    return int(is_missed)


def measure(url: str, pid: int, seconds: float, n_connections: int) -> Figures:
    """Check for ``seconds`` over ``n_connections``, after one second of warm-up."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    requests = (_request(address, NEXT_ROOT), _request(address, TIMESTAMP))
    connections = [socket.create_connection(address) for _ in range(n_connections)]
    try:
        _check(connections, requests, 1.0)
        cpu_before, began = _cpu_s(pid), time.perf_counter()
        latencies, size = _check(connections, requests, seconds)
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
        bytes_each_way=(sum(map(len, requests)), size),
    )


def _check(connections: list[socket.socket], requests: tuple[bytes, bytes], seconds: float) -> tuple[list[float], int]:
    """Keep one request pending on each connection; return the latencies of checks in seconds, and a check's bytes."""
    latencies: list[float] = []
    started: dict[socket.socket, float] = {}
    asked: dict[socket.socket, int] = dict.fromkeys(connections, 0)
    received = dict.fromkeys(connections, b"")
    sizes = [0, 0]
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, data=connection)
            started[connection] = time.perf_counter()
            connection.sendall(requests[0])
        pending = len(connections)
        while pending:
            for key, _ in selector.select():
                connection = key.data
                which = asked[connection]
                received[connection] += connection.recv(65536)
                response = received[connection]
                if not _is_complete(response):
                    continue
                received[connection] = b""
                if not response.startswith((b"HTTP/1.1 404", b"HTTP/1.1 200")[which]):
                    raise SystemExit(f"expected another response, found {response[:200]!r}")
                sizes[which] = len(response)
                now = time.perf_counter()
                if which:
                    latencies.append(now - started[connection])
                    started[connection] = now
                if which and now >= end:
                    pending -= 1
                    continue
                asked[connection] = 1 - which
                connection.sendall(requests[1 - which])
    return latencies, sum(sizes)


def _is_complete(response: bytes) -> bool:
    """Return whether all bytes are here that the head announces."""
    head, blank, body = response.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: ([0-9]+)", head, re.IGNORECASE)
    return bool(blank) and length is not None and len(body) >= int(length[1])


def _request(address: tuple[str, int], path: str) -> bytes:
    """Return a request of a device."""
    lines = (f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Accept-Encoding: identity")
    return "\r\n".join((*lines, f"User-Agent: pocketrec/{__version__}", "", "")).encode()


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds that all threads of a process have used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
