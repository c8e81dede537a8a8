"""``pocketrec audit`` finds nothing in a plain session, all of a sync in its receipts, and every planted leak."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edge_runtime import child
from edge_runtime.audit import report
from edge_runtime.audit.commands import audit as command
from edge_runtime.audit.report import SESSION, audit
from edge_runtime.audit.watch import why_unwatched
from export.gguf import make_language_model as make_gguf
from tests.live_server import serving
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_language_model import make_language_model
from tests.tiny_repository import PASSPHRASE, make_repository

pytestmark = pytest.mark.skipif(why_unwatched() is not None, reason=f"cannot watch here: {why_unwatched()}")

LEAK = "import socket\ntry:\n    socket.create_connection(('192.0.2.7', 80), 1)\nexcept OSError:\n    pass\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_tiny_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def before_each(code: str) -> Callable[..., list[str]]:
    """Return a command that runs some code before the module."""

    def words(module: str, *arguments: object) -> list[str]:
        run = f"{code}\nimport runpy, sys\nrunpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
        return [sys.executable, "-c", run, *map(str, arguments)]

    return words


def test_a_plain_session_sends_nothing(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(bundle, linger=0.0)

    shown = capsys.readouterr().out
    assert "Watched by the kernel" in shown
    assert "Session with reference: 30 events, 10 items listed" in shown
    assert shown.endswith("Sent by the session: nothing.\n")


def test_json_says_what_was_watched(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(bundle, linger=0.0, as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["by_kernel"], found["attempts"], found["python"]) == (True, True, [], [])


def test_a_leak_of_the_session_is_found_and_named(bundle: Path) -> None:
    found = audit(bundle, linger_s=0.0, command=before_each(LEAK))

    assert [(each.call, each.address) for each in found.attempts] == [("connect", "192.0.2.7:80")]
    assert found.leaks == 1
    assert found.sessions  # it went on


def test_a_leak_ends_with_exit_code_1(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "audit", partial(audit, command=before_each(LEAK)))

    with pytest.raises(SystemExit, match="1"):
        command(bundle, linger=0.0, as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert found["error"]["type"] == "AuditError"
    assert found["attempts"][0]["address"] == "192.0.2.7:80"


def test_without_the_kernel_what_python_sends_is_refused_and_named(bundle: Path, tmp_path: Path) -> None:
    from edge_runtime.audit.watch import watch

    code = f"import sys\nsys.argv = ['x', {str(bundle)!r}, {str(tmp_path / 'h.sqlite')!r}, '0', '--refuse']\n"
    late = "import edge_runtime.recommender as r, socket\nr.Recommender.has_interactions\n"
    hooked = (
        "from edge_runtime.audit.session import PythonWatch\nseen = PythonWatch(refuses=True)\n"
        "try:\n    socket.create_connection(('192.0.2.7', 80), 1)\nexcept OSError as error:\n    print(error)\n"
        "print(seen.seen)"
    )

    done = watch([sys.executable, "-c", code + late + hooked], by_kernel=False)

    assert "may not use the network" in done.output
    assert "('socket.getaddrinfo', '192.0.2.7')" in done.output


@pytest.mark.slow
def test_the_language_model_process_is_watched_too(tmp_path: Path) -> None:
    from edge_runtime.audit.watch import watch

    make_gguf(make_language_model(tmp_path / "model"), tmp_path / "reasons.gguf", "Q4_K_M")
    code = (
        "import sys\nfrom pathlib import Path\nfrom edge_runtime.language_model.client import LlamaWriter\n"
        "writer = LlamaWriter(Path(sys.argv[1]), context=512, timeout_s=60.0)\n"
        "print(writer.write('x', ('It is blue.', 'It is red.'), 0))\nwriter.close()"
    )

    found = watch([sys.executable, "-c", code, str(tmp_path / "reasons.gguf")])

    assert found.output.startswith("It is ")
    assert found.attempts == []


def test_all_that_a_sync_sends_is_in_its_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    releases = make_repository(tmp_path)
    releases.publish()
    root = releases.path / "metadata" / "1.root.json"
    with serving(releases.path) as server:
        command(tmp_path / "device", sync=server.url, root=root, linger=0.0, as_json=True)

    traffic = json.loads(capsys.readouterr().out)["traffic"]
    assert traffic["unexplained"] == []
    assert traffic["n_plain_bytes"] == sum(map(len, traffic["requests"])) > 0
    assert traffic["requests"][0].startswith(f"GET {server.url}/")


def test_a_leak_beside_a_sync_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    releases = make_repository(tmp_path)
    releases.publish()
    root = releases.path / "metadata" / "1.root.json"
    hidden = (
        "import socket, sys\nfrom urllib.parse import urlsplit\nproxy = sys.argv[sys.argv.index('--proxy') + 1]\n"
        "sock = socket.create_connection(('127.0.0.1', urlsplit(proxy).port))\n"
        "sock.sendall(b'GET http://127.0.0.1:9/history HTTP/1.1\\r\\n\\r\\n')\nsock.close()\n"
    )
    leaking, plain = before_each(hidden + LEAK), child.command

    def words(module: str, *arguments: str | Path) -> list[str]:
        return plain(module, *arguments) if module == SESSION else leaking(module, *arguments)

    with serving(releases.path) as server:
        found = audit(tmp_path / "device", sync=server.url, options=["--root", str(root)], linger_s=0.0, command=words)

    assert [each.address for each in found.attempts] == ["192.0.2.7:80"]
    assert found.traffic is not None
    assert found.traffic.unexplained == ("GET http://127.0.0.1:9/history HTTP/1.1\r\n\r\n",)
    assert found.leaks == 2
