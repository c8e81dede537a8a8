"""The device's verifier and python-tuf's client see the same repositories, and come to the same verdicts.

Where they differ, the device refuses what python-tuf accepts, for a reason that is listed in ``STRICTER``.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata
from tuf.ngclient import FetcherInterface, Updater

from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf import TrustedMetadata, drive, target, update
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, TODAY, Repository

ROLES = ("root", "timestamp", "snapshot", "targets")
PATH = "adapter/laptop"
STRICTER = {
    "but this device has seen version": "bounds outlive lost files and new timestamp keys",
    "no longer lists": "bounds outlive lost files and new timestamp keys",
    "is signed by": "hex digits of signatures are lower case",
}


class FromRepository(FetcherInterface):
    """Gives python-tuf's client the files of a repository."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        raw = self.repository.fetch(url.rpartition("/")[2], 0)
        if raw is None:
            raise DownloadHTTPError("missing", 404)
        yield raw


class Both(RuleBasedStateMachine):
    """A repository that is published, attacked and repaired, and two clients that follow it."""

    @initialize()
    def start(self) -> None:
        self.repository = Repository()
        self.repository.delegate("adapter", "adapter/*", terminating=True)
        self.repository.add(PATH, b"content", "adapter")
        self.repository.publish("adapter", *PUBLISHING)
        self.now = TODAY
        self.folder = Path(tempfile.mkdtemp())
        self.trusted = TrustedMetadata.pinned(self.repository.files["1.root.json"])
        self.earlier = [self.repository.copy()]
        self.history: list[tuple[int, dict[str, int]]] = []
        self._follow()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule(roles=st.sets(st.sampled_from(["adapter", "targets"])), states_digests=st.booleans())
    def publish(self, roles: set[str], states_digests: bool) -> None:
        self.repository.states_digests = states_digests
        self.repository.publish(*sorted(roles), "snapshot", "timestamp")
        self.earlier.append(self.repository.copy())

    @rule(role=st.sampled_from(["timestamp", "snapshot", "adapter", "targets"]))
    def publish_one(self, role: str) -> None:
        self.repository.publish(role)

    @rule(roles=st.sets(st.sampled_from(ROLES)), n_keys=st.integers(1, 3), data=st.data())
    def rotate(self, roles: set[str], n_keys: int, data: st.DataObject) -> None:
        """Replace keys, and sign with the old ones and the new ones."""
        before = self.repository.signers["root"]
        for role in sorted(roles):
            self.repository.rotate(role, n_keys, data.draw(st.integers(1, n_keys)))
        after = self.repository.signers["root"]
        if data.draw(st.integers(0, 4)):
            self.repository.signers["root"] = [*after, *(signer for signer in before if signer not in after)]
        self.repository.publish("root")
        self.repository.signers["root"] = after

    @rule(role=st.sampled_from(ROLES))
    def add_a_key(self, role: str) -> None:
        signer = CryptoSigner.generate_ed25519()
        self.repository.root.add_key(signer.public_key, role)
        self.repository.signers[role].append(signer)
        self.repository.publish("root")

    @rule(role=st.sampled_from(["timestamp", "snapshot", "targets"]))
    def sign_with_another_key(self, role: str) -> None:
        signers = self.repository.signers[role]
        self.repository.signers[role] = [CryptoSigner.generate_ed25519()]
        self.repository.publish(role)
        self.repository.signers[role] = signers

    @rule(role=st.sampled_from([*ROLES, "adapter"]), days=st.integers(-3, 30))
    def change_expiry(self, role: str, days: int) -> None:
        self.repository.metadata[role].signed.expires = self.now + timedelta(days=days)

    @rule(days=st.integers(1, 10))
    def let_time_pass(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(role=st.sampled_from(["timestamp", "snapshot", "targets", "adapter"]), by=st.integers(-3, 3))
    def republish(self, role: str, by: int) -> None:
        """Publish a role with an earlier or a much later version."""
        version = max(1, self.repository.metadata[role].signed.version + by)
        if self.repository.metadata[role].signed.version != version:
            self.repository.republish(role, version)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Serve files of an earlier state."""
        old = data.draw(st.sampled_from(self.earlier))
        names = data.draw(st.sets(st.sampled_from(sorted(old.files))))
        self.repository.files.update({name: old.files[name] for name in names})

    @precondition(lambda self: self.repository.files)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        names = st.sampled_from(sorted(self.repository.files))
        self.repository.files[data.draw(names)] = self.repository.files[data.draw(names)]

    @precondition(lambda self: self.repository.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        del self.repository.files[data.draw(st.sampled_from(sorted(self.repository.files)))]

    @precondition(lambda self: self.repository.files)
    @rule(data=st.data())
    def corrupt(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.repository.files)))
        raw = bytearray(self.repository.files[name])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        self.repository.files[name] = bytes(raw)

    @rule()
    def repair(self) -> None:
        """Sign everything anew with the keys of the newest root that was published."""
        for role in (*ROLES, "adapter"):
            self.repository.metadata[role].signed.expires = self.now + timedelta(days=20)
        self.repository.publish("root", "adapter", *PUBLISHING)

    @rule(roles=st.sets(st.sampled_from(["timestamp", "snapshot", "targets", "adapter"]), min_size=1))
    def lose_files(self, roles: set[str]) -> None:
        kept = {role: raw for role, raw in self.trusted.files.items() if role not in roles}
        self.trusted = TrustedMetadata.restored(kept, self.trusted.floors)
        self._follow()

    @precondition(lambda self: self.repository.files)
    @rule(is_searching=st.booleans())
    def compare(self, is_searching: bool) -> None:
        ours, reason = self._ours(is_searching)
        theirs = self._theirs(is_searching)
        if ours == theirs:
            if self._has_other_content():  # a version was signed twice
                self._follow()
            return
        assert ours is None or self._has_other_content(), f"accepted what python-tuf refuses: {ours}, {theirs}"
        assert ours is not None or any(re.search(pattern, reason) for pattern in STRICTER), (reason, theirs)
        self._follow()

    @invariant()
    def versions_decrease_under_a_new_root_only(self) -> None:
        versions = {role: Metadata.from_bytes(raw).signed.version for role, raw in self.trusted.files.items()}
        root = versions.pop("root")
        for old_root, old in self.history:
            assert root >= old_root
            if root == old_root:
                assert all(versions.get(role, version) >= version for role, version in old.items())
        self.history = [(root, old) for old_root, old in self.history if old_root == root] + [(root, versions)]

    def _ours(self, is_searching: bool) -> tuple[object, str]:
        """Return what the device finds, or None, and why it refuses."""
        self.trusted = TrustedMetadata.restored(self.trusted.files, self.trusted.floors)
        found: object = True
        try:
            self._save(drive(update(self.trusted, self.now.timestamp), self.repository.fetch, self._save))
            if is_searching:
                steps = target(self.trusted, PATH, self.now.timestamp)
                result = drive(steps, self.repository.fetch, self._save)
                self._save(result.trusted)
                found = result.file and (result.file.length, result.file.sha256)
        except UpdateRefusedError as error:
            return None, str(error)
        return (found, self._versions(self.trusted.files)), ""

    def _theirs(self, is_searching: bool) -> object:
        updater = Updater(str(self.folder), "http://x/", fetcher=FromRepository(self.repository), bootstrap=None)
        cast(Any, updater)._trusted_set.reference_time = self.now
        found: object = True
        try:
            updater.refresh()
            if is_searching:
                file = updater.get_targetinfo(PATH)
                found = file and (file.length, file.hashes["sha256"])
        except (RepositoryError, DownloadError):
            return None
        return found, self._versions({role: (self.folder / f"{role}.json").read_bytes() for role in ROLES})

    def _save(self, trusted: TrustedMetadata) -> None:
        self.trusted = trusted

    def _versions(self, files: dict[str, bytes]) -> dict[str, int]:
        return {role: Metadata.from_bytes(files[role]).signed.version for role in ROLES}

    def _has_other_content(self) -> bool:
        """Return whether both trust different files of one version, which python-tuf does not notice."""
        for role, raw in self.trusted.files.items():
            path = self.folder / f"{role}.json"
            if path.exists() and path.read_bytes() != raw:
                theirs = Metadata.from_bytes(path.read_bytes())
                if theirs.signed.version == Metadata.from_bytes(raw).signed.version:
                    return True
        return False

    def _follow(self) -> None:
        """Give python-tuf's client the files that the device has."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        for role, raw in self.trusted.files.items():
            (self.folder / f"{role}.json").write_bytes(raw)


TestBoth = Both.TestCase
TestBoth.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
