"""`pocketrec serve` as a process: start, signals, ports, invalid arguments."""

import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_runtime.bundle import open_folder
from tests.live_server import POCKETREC, serving
from tests.slow_proxy import slow_proxy
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundles")
    make_tiny_bundle(root / "laptop-x86_64", extra={"big.bin": ("other", bytes(8_000_000))})
    return root


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*POCKETREC, "serve", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_printed_address_works_and_a_signal_stops_the_server_cleanly(root: Path, number: int) -> None:
    with serving(root) as server:
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=10) as answer:
            assert answer.status == 200

        code, output = server.stop(number)

    assert code == 0
    assert "Traceback" not in output


def test_a_second_ctrl_c_stops_a_waiting_server_without_a_traceback(root: Path) -> None:
    with serving(root) as server, socket.create_connection(address(server.url)) as reader:
        digest = open_folder(root / "laptop-x86_64").manifest.file("big.bin").sha256
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall(f"GET /v1/files/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reader.recv(100)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # two signals at once may arrive as one

        code, output = server.stop(signal.SIGINT)

    assert code == 0
    assert "Traceback" not in output


def test_a_signal_lets_a_download_finish(root: Path) -> None:
    with serving(root) as server, slow_proxy(server.url, bytes_s=8_000_000) as proxy:
        digest = open_folder(root / "laptop-x86_64").manifest.file("big.bin").sha256
        with urllib.request.urlopen(f"{proxy.url}/v1/files/{digest}", timeout=10) as answer:
            answer.read(1)
            server.process.send_signal(signal.SIGTERM)
            rest = answer.read()

        assert len(rest) == 7_999_999
        assert server.process.wait(timeout=10) == 0


def test_a_signal_aborts_an_endless_download(root: Path) -> None:
    with serving(root) as server, socket.create_connection(address(server.url)) as reader:
        digest = open_folder(root / "laptop-x86_64").manifest.file("big.bin").sha256
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall(f"GET /v1/files/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reader.recv(100)

        code, output = server.stop()

    assert code == 0
    assert "Cancel 1 running task" in output
    assert "Traceback" not in output


def test_a_port_in_use_is_reported_in_one_line(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = serve(str(root), "--port", str(port))

    assert result.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_of_another_machine_is_reported_in_one_line(root: Path) -> None:
    result = serve(str(root), "--host", "192.0.2.1", "--port", "0")

    assert result.returncode == 1
    assert "cannot listen on 192.0.2.1" in result.stderr


@pytest.mark.parametrize("host", ["shop..example", "a" * 70, "no such host"])
def test_an_invalid_host_name_is_reported_in_one_line(root: Path, host: str) -> None:
    result = serve(str(root), "--host", host, "--port", "0")

    assert result.returncode == 1
    assert f"--host {host}" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_folder_is_served_with_advice_and_filled_later(tmp_path: Path) -> None:
    with serving(tmp_path) as server, urllib.request.urlopen(f"{server.url}/v1/channels", timeout=10) as answer:
        assert answer.read() == b"[]"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("missing",), "does not exist"),
        (("{root}/laptop-x86_64",), "serve the folder that holds it"),
        (("{root}", "--port", "70000"), "65535"),
        (("{root}", "--web", "{root}"), "found no index.html"),
    ],
)
def test_invalid_arguments_exit_with_code_2(root: Path, arguments: tuple[str, ...], advice: str) -> None:
    result = serve(*(argument.format(root=root) for argument in arguments))

    assert result.returncode == 2
    assert advice in " ".join(result.stderr.split())


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0
