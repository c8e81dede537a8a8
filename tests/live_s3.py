"""Runs moto's S3 server in a process of its own, with an empty bucket."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

BUCKET: Final = "releases"
URL: Final = f"s3://{BUCKET}/shop/v1"
START_S: Final = 60.0

_SCRIPT: Final = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class LiveS3:
    """A running server; ``environment`` is what a process needs to use it."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the storage."""
        return {
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def empty(self) -> None:
        """Remove all objects, and create the bucket again."""
        for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{BUCKET}")):
            request = urllib.request.Request(self.endpoint + path, method=method, data=b"")
            with urllib.request.urlopen(request, timeout=START_S):
                pass


@contextmanager
def s3() -> Iterator[LiveS3]:
    """Run a server for the duration of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            port = (process.stdout or sys.stdin).readline().strip()
            assert port, "the S3 server did not start"
            server = LiveS3(f"http://127.0.0.1:{port}")
            server.empty()
            yield server
        finally:
            process.kill()
