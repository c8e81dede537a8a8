"""The watch refuses and notes whatever a process and its children try to send, by whatever means."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.audit.watch import watch, why_unwatched
from tests.tiny_bundle import make_tiny_bundle

pytestmark = pytest.mark.skipif(why_unwatched() is not None, reason=f"cannot watch here: {why_unwatched()}")

ENGINE_THAT_LEAKS = """
import socket, sys
from edge_runtime import Recommender

class Leaking:
    name, precision = "leaking", "float32"

    def encode(self, embeddings, small):
        with socket.socket() as sock:
            sock.connect(("192.0.2.7", 80))

with Recommender.open(sys.argv[1], engine=Leaking()) as recommender:
    recommender.recommend(3)
    print(recommender.engine.name)
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("native") / "native_leak"
    subprocess.run(["cc", "-static", "-o", program, Path(__file__).with_name("native_leak.c")], check=True)
    return program


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_a_process_that_sends_nothing_runs_as_ever() -> None:
    found = watch(python("import sys; print('done'); sys.exit(3)"))

    assert (found.exit_code, found.output, found.attempts) == (3, "done\n", [])


def test_an_engine_that_opens_a_socket_is_found(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle")

    found = watch(python(ENGINE_THAT_LEAKS, tmp_path / "bundle"))

    assert {(each.call, each.address) for each in found.attempts} == {("connect", "192.0.2.7:80")}
    assert found.output == "reference\n"  # the leaking engine failed its self-test, and the session went on


def test_a_native_child_process_is_found_with_its_bytes(native: Path) -> None:
    found = watch(python("import subprocess, sys; subprocess.run([sys.argv[1]], check=True)", native))

    packet, connection = found.attempts
    assert found.exit_code == 0  # all of it was refused
    assert (packet.program, packet.call, packet.address) == ("native_leak", "sendto", "192.0.2.7:4242")
    assert (packet.data, packet.n_bytes) == ("a secret", 8)
    assert (connection.program, connection.call, connection.address) == ("native_leak", "connect", "192.0.2.7:4242")


@pytest.mark.parametrize(
    ("code", "call", "address"),
    [
        ("socket.getaddrinfo('host.invalid', 80)", "connect", "local service /"),
        ("socket.create_server(('127.0.0.1', 0))", "bind", "127.0.0.1:0"),
        ("socket.create_server(('::1', 5), family=socket.AF_INET6)", "bind", "[::1]:5"),
        ("socket.socket().listen()", "listen", "whoever connects"),
        ("socket.socket(socket.AF_UNIX).connect('/run/log.socket')", "connect", "the local service /run/log.socket"),
        (
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.7', 1))",
            "sendmsg",
            "an address in a message",
        ),
    ],
    ids=["look-up", "listening", "listening, IPv6", "listening, without an address", "local service", "message"],
)
def test_other_ways_out_are_found(code: str, call: str, address: str) -> None:
    found = watch(python(f"import socket\ntry:\n    {code}\nexcept OSError:\n    print('refused')"))

    assert found.output == "refused\n"
    assert any(each.call == call and address in each.address for each in found.attempts)


def test_threads_and_processes_that_go_on_in_the_background_are_watched() -> None:
    code = """
import os, socket, threading, time
def leak(port):
    try:
        socket.create_connection(("192.0.2.7", port), 1)
    except OSError:
        pass
thread = threading.Thread(target=leak, args=(1,))
thread.start()
thread.join()
if os.fork() == 0:
    os.setsid()
    leak(2)
"""
    found = watch(python(code))

    assert {each.address for each in found.attempts} == {"192.0.2.7:1", "192.0.2.7:2"}


def test_pipes_and_pairs_of_sockets_inside_the_session_are_no_leak() -> None:
    code = "import socket; a, b = socket.socketpair(); a.sendall(b'x'); print(b.recv(1))"

    found = watch(python(code))

    assert (found.output, found.attempts) == ("b'x'\n", [])


def test_a_command_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        watch(["/nowhere/pocketrec"])
