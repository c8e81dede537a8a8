"""A new repository, its keys, and the files that put it into operation."""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner

from server.errors import RepositoryError, SigningError
from server.repository import key_file
from server.repository.create import create
from server.repository.deployment import cron_line, renewal_command
from server.repository.key_file import dump_key, load_key
from server.repository.keys import KeyRing
from server.repository.publish import publish
from server.repository.repository import open_repository
from server.repository.roles import DELEGATED, KEYS
from server.repository.rotate import rotate
from tests.tiny_repository import PASSPHRASE, TinyRepository

NGINX = os.environ.get("NGINX") or shutil.which("nginx")


def test_each_role_has_a_key_of_its_own(repository: TinyRepository) -> None:
    state = open_repository(repository.path)
    roles = ("root", "targets", "snapshot", "timestamp", *DELEGATED)
    keys = [key for role in roles for key in state.keys(role)]

    assert len({key.keyid for key in keys}) == len(keys) == len(KEYS)
    assert {(key.keytype, key.scheme) for key in keys} == {("ed25519", "ed25519")}
    assert state.root.signed.roles["root"].threshold == 2
    delegations = state.targets["targets"].signed.delegations
    assert delegations is not None
    assert delegations.roles is not None
    assert {name: (role.paths, role.terminating) for name, role in delegations.roles.items()} == {
        name: ([f"{name}/*"], True) for name in DELEGATED
    }


def test_keys_are_encrypted_and_for_their_owner_alone(repository: TinyRepository) -> None:
    files = sorted(repository.keys.iterdir())

    assert sorted(file.name.split(".")[0] for file in files) == sorted(KEYS)
    assert stat.S_IMODE(repository.keys.stat().st_mode) == 0o700
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        assert load_key(file.read_bytes(), PASSPHRASE.encode()) is not None
        assert load_key(file.read_bytes(), b"another one") is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_reads_a_key_file(tmp_path: Path) -> None:
    private = CryptoSigner.generate_ed25519()._private_key
    path = tmp_path / "key.pem"
    path.write_bytes(dump_key(private, b"correct horse"))

    plain = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:correct horse"], capture_output=True, check=True
    )
    parsed = subprocess.run(["openssl", "asn1parse", "-in", path], capture_output=True, check=True, text=True)

    assert plain.stdout == private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert f"INTEGER           :{key_file.ITERATIONS:06X}" in parsed.stdout


def test_a_key_that_is_not_encrypted_is_refused_with_the_command_that_encrypts_it(tmp_path: Path) -> None:
    plain = CryptoSigner.generate_ed25519().private_bytes

    with pytest.raises(SigningError, match=r"not encrypted\. Encrypt it: `openssl pkcs8 -topk8"):
        load_key(plain, b"correct horse")


def test_nothing_is_overwritten(repository: TinyRepository, tmp_path: Path) -> None:
    with pytest.raises(
        RepositoryError, match="releases: found a file or a full folder, expected a new folder for a rep"
    ):
        create(repository.path, tmp_path / "other-keys", {})
    with pytest.raises(RepositoryError, match="releases-keys: found a file or a full folder"):
        create(tmp_path / "other", repository.keys, {})
    assert not (tmp_path / "other").exists()


def test_keys_are_not_put_where_they_are_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)

    with pytest.raises(RepositoryError, match="the keys are inside the repository, which is served"):
        create(tmp_path / "r", tmp_path / "r" / "keys", {})


@pytest.mark.parametrize(
    ("passphrase", "message"),
    [("short", "found a passphrase of 5 characters, expected at least 8"), ("", "Set POCKET")],
)
def test_without_a_good_passphrase_nothing_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str, message: str
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", passphrase)

    with pytest.raises(SigningError, match=message):
        create(tmp_path / "r", tmp_path / "keys", {})
    assert list(tmp_path.iterdir()) == []


def test_a_key_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(key_file, "ITERATIONS", 1000)
    elsewhere = tmp_path / "protected.pem"
    elsewhere.write_bytes(CryptoSigner.generate_ed25519().private_bytes)
    uri = f"file2:{elsewhere}"

    create(tmp_path / "r", tmp_path / "keys", {"targets": uri})

    assert list(json.loads((tmp_path / "keys" / "signers.json").read_bytes()).values()) == [uri]
    assert not list((tmp_path / "keys").glob("targets.*"))
    made = TinyRepository(tmp_path / "r", tmp_path / "keys", tmp_path / "bundles")
    made.bundle()
    assert publish(made.path, made.bundles, KeyRing([made.keys]))
    assert rotate(made.path, "targets", KeyRing([made.keys])).new


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gcpkms:projects/x", "found the scheme 'gcpkms', expected 'hv'"),
        ("file2:/nowhere/key.pem", "/nowhere/key.pem"),
        ("nonsense", "found the scheme ''"),
    ],
)
def test_a_signer_that_cannot_be_used_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, message: str
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(key_file, "ITERATIONS", 1000)

    with pytest.raises(SigningError, match=message):
        create(tmp_path / "r", tmp_path / "keys", {"targets": uri})
    assert list(tmp_path.iterdir()) == []


def test_nginx_serves_what_has_a_digest_for_ever_and_the_timestamp_for_a_minute(repository: TinyRepository) -> None:
    text = (repository.path / "deploy" / "nginx.conf").read_text()

    assert text.count("{") == text.count("}")
    assert text.count("immutable") == 3
    assert text.count("max-age=60") == 1
    assert text.count("add_header Access-Control-Allow-Origin * always;") == 4
    for folder in ("metadata", "targets", "files"):
        assert f'location /v1/{folder}/ {{\n        alias "{repository.path}/{folder}/";' in text


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_finds_no_fault_in_its_file(repository: TinyRepository, tmp_path: Path) -> None:
    text = (repository.path / "deploy" / "nginx.conf").read_text()
    plain = text.replace("443 ssl", "8080").replace("ssl_certificate", "# ssl_certificate")
    places = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {places} access_log off;\n{plain} }}"
    (tmp_path / "main.conf").write_text(main)

    done = subprocess.run([str(NGINX), "-t", "-c", tmp_path / "main.conf"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_the_timer_runs_this_pocketrec_as_the_owner_of_the_repository(repository: TinyRepository) -> None:
    lines = (repository.path / "deploy" / "pocketrec-timestamp.service").read_text().splitlines()
    service = dict(line.split("=", 1) for line in lines if "=" in line)
    command = shlex.split(service["ExecStart"])

    assert service["User"] == repository.path.owner()
    assert Path(command[0]).is_absolute()
    assert command[-6:] == ["release", "expire", str(repository.path), "timestamp", "--keys", str(repository.keys)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert cron_line(repository.path, repository.keys).endswith(f"; {service['ExecStart']}")


def test_without_a_script_the_timer_runs_the_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    command = renewal_command(Path("/r"), Path("/k"))

    assert command.startswith(f"{tmp_path}/python -P ")
    assert command.endswith(" edge_runtime release expire /r timestamp --keys /k")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_in_the_timer(repository: TinyRepository) -> None:
    calendar = (repository.path / "deploy" / "pocketrec-timestamp.timer").read_text().split("OnCalendar=")[1]

    done = subprocess.run(["systemd-analyze", "calendar", calendar.splitlines()[0]], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    service = (repository.path / "deploy" / "pocketrec-timestamp.service").read_text()
    assert f" release expire {repository.path} timestamp --keys {repository.keys}" in service


def test_a_key_that_other_users_can_read_is_a_warning_that_says_what_to_do(
    repository: TinyRepository, caplog: pytest.LogCaptureFixture
) -> None:
    repository.publish(0)
    assert not caplog.messages

    key = next(repository.keys.glob("timestamp.*.pem"))
    key.chmod(0o644)
    repository.publish(1)

    assert [message for message in caplog.messages if "(mode 0644), expected mode 0600" in message]
    assert f"`chmod 600 {key}`" in caplog.text
