"""The command that the public TUF conformance suite runs, over HTTP and in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote

import pytest
from securesystemslib.signer import CryptoSigner

from edge_runtime.sync.conformance import main
from tests.edge_runtime.sync.tuf.repository import IN_A_MONTH, PUBLISHING, Repository


@dataclass
class Suite:
    """The suite's view of a client: a repository on a server, and two folders."""

    repository: Repository
    folder: Path
    url: str = ""
    downloads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "metadata").mkdir()
        (self.folder / "targets").mkdir()

    def run(self, *command: str) -> int:
        options = ["--metadata-dir", str(self.folder / "metadata"), "--metadata-url", f"{self.url}/metadata/"]
        return main([*options, *command])

    def init(self) -> int:
        root = self.folder / "root.json"
        root.write_bytes(self.repository.files["1.root.json"])
        return main(["--metadata-dir", str(self.folder / "metadata"), "init", str(root)])

    def download(self, name: str) -> int:
        options = ["--target-name", name, "--target-base-url", f"{self.url}/targets/"]
        return self.run(*options, "--target-dir", str(self.folder / "targets"), "download")

    def trusted(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "metadata").glob("*.json")}

    def targets(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "targets").iterdir())]


@pytest.fixture
def suite(repository: Repository, tmp_path: Path) -> Iterator[Suite]:
    for role in repository.metadata:  # the command has no clock of its own
        repository.metadata[role].signed.expires = IN_A_MONTH.replace(year=2096)
    repository.republish("root", 1)
    for role in PUBLISHING:
        repository.republish(role, 1)
    suite = Suite(repository, tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, test, kind, path = self.path.split("/", 3)
            assert unquote(test) == "a test[?]"
            if kind == "metadata":
                content = repository.fetch(path, 0)
            else:
                suite.downloads.append(path)
                content = repository.targets.get(unquote(path))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        suite.url = f"http://127.0.0.1:{server.server_port}/{quote('a test[?]', '')}"
        yield suite
        server.shutdown()


def test_init_keeps_the_root_and_asks_for_nothing(suite: Suite) -> None:
    assert suite.init() == 0
    assert suite.trusted() == {"root.json": suite.repository.files["1.root.json"]}
    assert suite.repository.requests == []


def test_refresh_keeps_the_files_under_their_plain_names(suite: Suite) -> None:
    suite.init()

    assert suite.run("refresh") == 0
    files = suite.repository.files
    assert suite.trusted() == {
        "root.json": files["1.root.json"],
        "timestamp.json": files["timestamp.json"],
        "snapshot.json": files["1.snapshot.json"],
        "targets.json": files["1.targets.json"],
    }


def test_refresh_fails_before_init_or_after_one_of_a_forged_root(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suite.run("refresh") == 1
    assert "no trusted root" in capsys.readouterr().err

    suite.repository.files["1.root.json"] = suite.repository.files["1.root.json"].replace(b"2096", b"2097")
    assert suite.init() == 1
    assert suite.run("refresh") == 1
    assert suite.repository.requests == []


def test_what_was_verified_before_a_failure_is_kept(suite: Suite) -> None:
    suite.init()
    suite.run("refresh")
    suite.repository.publish("snapshot", "timestamp")
    del suite.repository.files["2.snapshot.json"]

    assert suite.run("refresh") == 1
    assert suite.trusted()["timestamp.json"] == suite.repository.files["timestamp.json"]
    assert suite.trusted()["snapshot.json"] == suite.repository.files["1.snapshot.json"]


def test_files_of_replaced_keys_disappear(suite: Suite) -> None:
    suite.init()
    suite.run("refresh")
    suite.repository.rotate("timestamp")
    suite.repository.publish("root")

    assert suite.run("refresh") == 1
    assert suite.trusted().keys() == {"root.json", "targets.json"}


@pytest.mark.parametrize("path", ["target.txt", "path/to/a/target.txt", "a file with spaces?.txt"])
def test_download_verifies_a_target_and_fetches_it_once(suite: Suite, path: str) -> None:
    suite.repository.add(path, b"content")
    suite.repository.publish(*PUBLISHING)
    suite.init()

    assert suite.download(path) == 0
    assert suite.download(path) == 0
    assert suite.targets() == [b"content"]
    assert len(suite.downloads) == 1


def test_a_target_that_the_server_replaced_is_not_kept(suite: Suite) -> None:
    suite.repository.add("one", b"first")
    suite.repository.add("two", b"second")
    suite.repository.publish(*PUBLISHING)
    suite.init()
    suite.download("one")
    for name in suite.repository.targets:
        suite.repository.targets[name] = b"wrong!"

    suite.download("one")
    assert suite.download("two") == 1
    assert suite.targets() == [b"first"]


def test_a_changed_target_replaces_the_old_one(suite: Suite) -> None:
    suite.init()
    for number in range(3):
        suite.repository.add("one", b"%d" % number)
        suite.repository.publish(*PUBLISHING)
        assert suite.download("one") == 0
        assert suite.targets() == [b"%d" % number]


def test_a_target_that_nobody_signed_is_an_error_after_the_refresh(suite: Suite) -> None:
    suite.init()

    assert suite.download("nothing") == 1
    assert suite.repository.requests == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]


@pytest.mark.parametrize("role", ["?", "#", "/delegatedrole", "../delegatedrole"])
def test_role_names_leave_neither_the_url_nor_the_folder(suite: Suite, role: str) -> None:
    suite.repository.delegate(role, expires=IN_A_MONTH.replace(year=2096))
    suite.repository.publish(role, *PUBLISHING)
    suite.init()

    assert suite.download("missing") == 1
    assert suite.repository.requests[-1] == f"1.{quote(role, '')}.json"
    assert len(suite.trusted()) == 5


@pytest.mark.parametrize(
    "make",
    [
        CryptoSigner.generate_ed25519,
        CryptoSigner.generate_ecdsa,
        lambda: CryptoSigner.generate_rsa(scheme="rsassa-pss-sha256"),
    ],
    ids=["ed25519", "ecdsa", "rsa"],
)
def test_the_suites_other_key_types_are_verified(suite: Suite, make: type[CryptoSigner]) -> None:
    signer = make()  # type: ignore[call-arg]
    suite.repository.set_keys("timestamp", [signer])
    suite.repository.publish("root", "timestamp")
    suite.init()
    assert suite.run("refresh") == 0

    suite.repository.publish("timestamp")
    signatures = {"ed25519": "0" * 128, "ecdsa": "3045", "rsa": "0" * 512}
    bad = signatures[signer.public_key.keytype]
    suite.repository.change(
        "timestamp", lambda metadata: setattr(metadata.signatures[signer.public_key.keyid], "signature", bad)
    )
    assert suite.run("refresh") == 1


def test_the_command_is_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_runtime.sync.conformance"]

    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--metadata-url URL refresh" in shown

    failed = subprocess.run([*command, "--metadata-dir", str(tmp_path), "refresh"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "no trusted root" in failed.stderr


def test_the_verifier_loads_neither_python_tuf_nor_cryptography_until_it_checks_a_key() -> None:
    code = (
        "import edge_runtime.sync.tuf, sys; "
        "print([name for name in ('tuf', 'securesystemslib', 'cryptography') if name in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
