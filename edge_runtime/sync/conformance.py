"""The client protocol of the public TUF conformance suite, on the device's verifier.

The suite runs this command against repositories of its own (https://github.com/theupdateframework/tuf-conformance):

    python -m edge_runtime.sync.conformance --metadata-dir DIR init ROOT
    python -m edge_runtime.sync.conformance --metadata-dir DIR --metadata-url URL refresh
    python -m edge_runtime.sync.conformance --metadata-dir DIR --metadata-url URL --target-name PATH \
        --target-base-url URL --target-dir DIR download

Most of the suite's repositories are signed with ECDSA keys and some with RSA keys, so this command verifies them too.
Devices do not: their keys are Ed25519, and they never load this module.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from edge_runtime.errors import PocketRecError, UpdateRefusedError
from edge_runtime.files import write_atomically
from edge_runtime.sync.download import check_status
from edge_runtime.sync.session import Session
from edge_runtime.sync.transport import HttpTransport
from edge_runtime.sync.tuf import MetadataStore, TargetFile, TrustedMetadata, drive, target, update
from edge_runtime.sync.tuf.keys import ED25519, Schemes

TIMEOUT_S: Final = 60.0
SESSION_S: Final = 300.0
SESSION_BYTES: Final = 64 << 20
_STORE: Final = "store.sqlite"
_NOT_FOUND: Final = (403, 404)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of the protocol; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        with MetadataStore(options.metadata_dir / _STORE, schemes=SCHEMES) as store:
            options.run(options, store)
    except PocketRecError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _init(options: argparse.Namespace, store: MetadataStore) -> None:
    """Trust a root file as it is. Like every command, leave the trusted files where the suite looks for them."""
    trusted = TrustedMetadata.pinned(options.root.read_bytes(), schemes=SCHEMES)
    store.commit(trusted)
    _publish(options.metadata_dir, trusted)


def _refresh(options: argparse.Namespace, store: MetadataStore) -> TrustedMetadata:
    trusted = store.load()
    if trusted is None:
        raise UpdateRefusedError(f"{options.metadata_dir}: there is no trusted root. Run `init ROOT` first.")
    fetch = _fetcher(options.metadata_url)
    save = _saver(options, store)
    trusted = drive(update(trusted, time.time), fetch, save)
    save(trusted)
    return trusted


def _download(options: argparse.Namespace, store: MetadataStore) -> None:
    trusted = _refresh(options, store)
    fetch = _fetcher(options.metadata_url)
    save = _saver(options, store)
    trusted, file = drive(target(trusted, options.target_name, time.time), fetch, save)
    save(trusted)
    if file is None:
        raise UpdateRefusedError(f"no role that this device trusts has a target {options.target_name!r}.")
    path: Path = options.target_dir / quote(file.path, safe="")
    if path.exists() and _is(path.read_bytes(), file):
        return
    content = _fetcher(options.target_base_url)(quote(file.name), file.length)
    if content is None or not _is(content, file):
        raise UpdateRefusedError(f"the server's file for {file.path!r} is not the signed one.")
    write_atomically(path, content)


def _saver(options: argparse.Namespace, store: MetadataStore) -> Callable[[TrustedMetadata], None]:
    def save(trusted: TrustedMetadata) -> None:
        store.commit(trusted)
        _publish(options.metadata_dir, trusted)

    return save


def _publish(folder: Path, trusted: TrustedMetadata) -> None:
    """Write the trusted files under their plain names, and remove those of roles that are no longer trusted."""
    names = {f"{quote(role, safe='')}.json": content for role, content in trusted.files.items()}
    for name, content in names.items():
        write_atomically(folder / name, content)
    for path in folder.glob("*.json"):
        if path.name not in names:
            path.unlink()


def _fetcher(url: str) -> Callable[[str, int], bytes | None]:
    """Return a function that fetches a file below ``url`` of up to a number of bytes, or None if there is none."""
    session = Session(HttpTransport(url), seconds=SESSION_S, n_bytes=SESSION_BYTES)

    def fetch(name: str, max_bytes: int) -> bytes | None:
        end = session.end_after(TIMEOUT_S)
        with session.get(f"/{name}", {}, end) as response:
            if response.status in _NOT_FOUND:
                return None
            check_status(response.status, name, allowed=(200,))
            return session.body(response, max_bytes)

    return fetch


def _is(content: bytes, file: TargetFile) -> bool:
    return len(content) == file.length and hashlib.sha256(content).hexdigest() == file.sha256


def _verify_ecdsa(public: str, signature: str, message: bytes) -> bool:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    def check() -> None:
        key = load_pem_public_key(public.encode())
        if not isinstance(key, EllipticCurvePublicKey):
            raise ValueError("not an elliptic curve")
        key.verify(bytes.fromhex(signature), message, ECDSA(hashes.SHA256()))

    return _succeeds(check)


def _verify_rsa_pss(public: str, signature: str, message: bytes) -> bool:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    def check() -> None:
        key = load_pem_public_key(public.encode())
        if not isinstance(key, RSAPublicKey):
            raise ValueError("not RSA")
        padding = PSS(MGF1(hashes.SHA256()), PSS.AUTO)
        key.verify(bytes.fromhex(signature), message, padding, hashes.SHA256())

    return _succeeds(check)


def _succeeds(check: Callable[[], None]) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        check()
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


SCHEMES: Final[Schemes] = MappingProxyType(
    {
        **ED25519,
        ("ecdsa", "ecdsa-sha2-nistp256"): _verify_ecdsa,
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"): _verify_ecdsa,
        ("rsa", "rsassa-pss-sha256"): _verify_rsa_pss,
    }
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge_runtime.sync.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--metadata-dir", type=Path, required=True, help="folder of the trusted metadata")
    parser.add_argument("--metadata-url", default="", help="address of the repository's metadata folder")
    parser.add_argument("--target-name", default="", help="path of the target to download")
    parser.add_argument("--target-base-url", default="", help="address of the repository's targets folder")
    parser.add_argument("--target-dir", type=Path, default=Path(), help="folder of downloaded targets")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="trust a root file as it is")
    init.add_argument("root", type=Path, metavar="ROOT")
    init.set_defaults(run=_init)
    commands.add_parser("refresh", help="update the top-level metadata").set_defaults(run=_refresh)
    commands.add_parser("download", help="update, and download a target").set_defaults(run=_download)
    return parser


if __name__ == "__main__":
    sys.exit(main())
