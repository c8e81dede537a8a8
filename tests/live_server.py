"""Runs `pocketrec serve` and `pocketrec sync` as real processes."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POCKETREC = (sys.executable, "-m", "edge_runtime")
READY_S = 30.0


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A running server; ``url`` is its address."""

    process: subprocess.Popen[str]
    url: str

    def wait_for_release(self, target: str, release: int) -> None:
        """Wait until the server offers a release."""
        end = time.monotonic() + READY_S
        while self._offered_release(target) != release:
            if time.monotonic() > end:
                raise AssertionError(f"the server does not offer release {release}")
            time.sleep(0.05)

    def _offered_release(self, target: str) -> int | None:
        with urllib.request.urlopen(f"{self.url}/v1/channels", timeout=READY_S) as answer:
            offers = json.load(answer)
        return next((offer["release"] for offer in offers if offer["target"] == target), None)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code and the output after the address."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=READY_S)
        return self.process.returncode, output


@contextmanager
def serving(root: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[LiveServer]:
    """Run `pocketrec serve ROOT --port 0 OPTIONS` until the block ends, or until the server is stopped inside."""
    port = () if "--port" in options else ("--port", "0")
    with started(*POCKETREC, "serve", str(root), *port, *options, environment=environment) as server:
        yield server


@contextmanager
def started(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[LiveServer]:
    """Run a server command for the duration of the block; the block may stop it earlier."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield LiveServer(process, _address(process))
        finally:
            process.kill()


def start_sync(url: str, into: Path, *options: str, insecure: bool = True) -> subprocess.Popen[str]:
    """Start `pocketrec sync URL --into INTO OPTIONS`; by default it accepts releases that are not signed."""
    command = (*POCKETREC, "sync", url, "--into", str(into), *(["--insecure"] if insecure else []), *options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_sync(url: str, into: Path, *options: str, insecure: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `pocketrec sync` and wait until it ends."""
    with start_sync(url, into, *options, insecure=insecure) as process:
        output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _address(process: subprocess.Popen[str]) -> str:
    """Wait for the line with the address; kill the server if it does not appear in time."""
    lines: list[str] = []
    timeout = threading.Timer(READY_S, process.kill)
    timeout.start()
    try:
        for line in process.stdout or ():
            lines.append(line)
            if match := re.search(r"Listening on (http://\S+)", line):
                return match[1]
    finally:
        timeout.cancel()
    raise AssertionError(f"the server did not start: {''.join(lines)}")
