"""Key files, encrypted with a passphrase, and signers that are elsewhere, such as in a vault.

A folder of keys has one file ``<name>.<first 16 digits of the key id>.pem`` for each key (PKCS 8, encrypted), and
``signers.json``, which maps ids of keys that are elsewhere to URIs of securesystemslib.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Meta
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey, VaultSigner

from edge_runtime.files import sync_folder, write_atomically, write_durably
from server.errors import SigningError
from server.objects import Place
from server.repository.key_file import dump_key, load_key, warn_if_others_can_read
from server.repository.passphrase import PASSPHRASE, Passphrase

MAX_KEY_BYTES: Final = 1 << 14
SIGNERS_NAME: Final = "signers.json"
_ID_DIGITS: Final = 16

_Uris = dict[Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")], str]


class KeyRing:
    """The keys of a command: it opens only those that sign something.

    Args:
        folders: where key files may be; new ones are written into the first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self.passphrase = Passphrase()
        self._opened: dict[str, Signer] = {}

    def create(self, name: str, uri: str | None = None) -> Key:
        """Create a key and write its file, or take the key of a signer that is elsewhere; return the public key.

        Raises:
            SigningError: the passphrase is too short, or the signer cannot be used.
        """
        folder = self.folders[0]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if uri is not None:
            key = _key_at(uri)
            uris = _read_uris(folder) | {key.keyid: uri}
            write_atomically(folder / SIGNERS_NAME, msgspec.json.format(msgspec.json.encode(uris), indent=1) + b"\n")
            return key
        passphrase = self.passphrase.new()
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        path = folder / f"{name}.{signer.public_key.keyid[:_ID_DIGITS]}.pem"
        write_durably(path, dump_key(private, passphrase), "xb", permissions=0o600)
        sync_folder(folder)  # before anything names the key: it must not be lost by a power cut
        self._opened[signer.public_key.keyid] = signer
        return signer.public_key

    def holds(self, key: Key) -> bool:
        """Return whether the folders have this key, without opening it."""
        return key.keyid in self._opened or self._file(key) is not None or self._uri(key) is not None

    def signers(self, role: str, keys: Iterable[Key], threshold: int) -> list[Signer]:
        """Open as many keys of a role as it takes.

        Raises:
            SigningError: there are fewer than that, or one cannot be opened.
        """
        keys = list(keys)
        held = [key for key in keys if self.holds(key)]
        if len(held) < threshold:
            names = ", ".join(f"*.{key.keyid[:_ID_DIGITS]}.pem" for key in keys)
            places = ", ".join(map(str, self.folders))
            needed = "the key" if len(keys) == threshold else f"{threshold} of the {len(keys)} keys"
            raise SigningError(
                f"{role}: found {len(held)} of its keys in {places}, expected {needed} {names}. "
                "Plug in the medium that has it, and name its folder with --keys, which can be repeated."
            )
        return [self.signer(key) for key in held[:threshold]]

    def signer(self, key: Key) -> Signer:
        """Open one key that the folders have.

        Raises:
            SigningError: it cannot be opened, or is another key.
        """
        if key.keyid not in self._opened:
            path, uri = self._file(key), self._uri(key)
            if path is not None:
                self._opened[key.keyid] = self._open(path, key)
            elif uri is not None:
                self._opened[key.keyid] = _signer_at(uri, key)
            else:
                raise SigningError(f"found no key {key.keyid[:_ID_DIGITS]}, expected it in {self.folders}.")
        return self._opened[key.keyid]

    def _file(self, key: Key) -> Path | None:
        found = (path for folder in self.folders for path in sorted(folder.glob(f"*.{key.keyid[:_ID_DIGITS]}.pem")))
        return next((path for path in found if path.is_file()), None)

    def _uri(self, key: Key) -> str | None:
        found = (_read_uris(folder).get(key.keyid) for folder in self.folders)
        return next((uri for uri in found if uri is not None), None)

    def _open(self, path: Path, key: Key) -> Signer:
        warn_if_others_can_read(path)
        with path.open("rb") as stream:
            data = stream.read(MAX_KEY_BYTES)
        private = load_key(data, self.passphrase.known())
        if private is None:
            other = self.passphrase.other(path.name)
            private = None if other is None else load_key(data, other)
        if private is None:
            raise SigningError(
                f"{path}: the passphrase does not open it, or it is no private key in PKCS 8. "
                f"Check {PASSPHRASE}, or unset it and run the command in a terminal, which asks for each file."
            )
        try:
            return CryptoSigner(private, _ed25519(key))
        except ValueError as error:
            raise SigningError(f"{path}: found another key than the name says. Restore the file.") from error


def default_folder(repository: Place) -> Path:
    """Return where the keys of a repository are if no folder is named: beside it, because it is served to anyone.

    Those of one in object storage are in the folder of the process.
    """
    if isinstance(repository, str):
        return Path.cwd() / f"{PurePosixPath(urlsplit(repository).path).name or urlsplit(repository).netloc}-keys"
    return repository.resolve().with_name(repository.resolve().name + "-keys")


def _read_uris(folder: Path) -> dict[str, str]:
    path = folder / SIGNERS_NAME
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Uris)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SigningError(f"{path}: {error}. Expected one JSON object: key id to URI.") from error


def _key_at(uri: str) -> Key:
    """Return the public key of a signer that is elsewhere.

    Raises:
        SigningError: its kind has no Ed25519 keys, or it does not answer.
    """
    scheme = urlsplit(uri).scheme
    try:
        if scheme == CryptoSigner.SCHEME:
            private = load_pem_private_key(Path(urlsplit(uri).path).read_bytes(), None)
            return _ed25519(CryptoSigner(private).public_key)
        if scheme == VaultSigner.SCHEME:
            return _ed25519(VaultSigner.import_(uri.removeprefix(f"{scheme}:"))[1])
    except (OSError, TypeError, ValueError, ImportError) as error:
        raise SigningError(f"{uri}: {error}") from error
    raise SigningError(
        f"{uri}: found the scheme {scheme!r}, expected {VaultSigner.SCHEME!r} (HashiCorp Vault's transit engine) or "
        f"{CryptoSigner.SCHEME!r} (a file that another system protects): releases are signed with Ed25519 only."
    )


def _signer_at(uri: str, key: Key) -> Signer:
    try:
        return Signer.from_priv_key_uri(uri, key)
    except Exception as error:  # those of many libraries, each with its own
        raise SigningError(f"{uri}: {type(error).__name__}: {error}") from error


def _ed25519(key: Key) -> SSlibKey:
    if not isinstance(key, SSlibKey) or key.keytype != "ed25519":
        raise SigningError(f"found a key of the type {key.keytype!r}, expected 'ed25519'.")
    return key
