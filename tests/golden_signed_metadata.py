"""The cases of `tests/golden/signed_metadata.json`: what the Python and the page's verifier accept, and why not.

After a deliberate change, regenerate them with ``python -m tests.golden_signed_metadata`` and review the diff.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey
from tuf.api.metadata import DelegatedRole, Metadata, MetaFile

from edge_runtime.errors import ExpiredMetadataError, UpdateRefusedError
from edge_runtime.sync.tuf import TrustedMetadata, drive, target, update
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, TODAY, Repository
from tests.golden_dislikes import dump

PATH = Path(__file__).parent / "golden" / "signed_metadata.json"

Json = dict[str, Any]

ABOUT = (
    "Signed metadata in the Python and the browser runtime. contents: files, as texts, or as base64 where they are not "
    "UTF-8. cases: the pinned root, and steps of an update, each with the time (seconds since 1970), the files on the "
    "server, a target to find, and the expected outcome: which files were asked for, whether the update was refused or "
    "the metadata expired, since when, the versions and the lower bounds that are trusted afterwards, and the target."
)
DAY = timedelta(days=1)


class Scenario:
    """A repository with keys that are the same each time, and a device that follows it."""

    def __init__(self, contents: Json) -> None:
        self._contents = contents
        self._n_keys = 0
        self.repository = Repository(self.new_signer)
        self.root = self.repository.files["1.root.json"]
        self.steps: list[Json] = []
        self.now = TODAY
        self._trusted: TrustedMetadata | None = None

    def new_signer(self) -> CryptoSigner:
        self._n_keys += 1
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % self._n_keys).digest()))

    def step(self, find: str | None = None) -> None:
        """Update the device, look for a target, and record what happens."""
        self.repository.requests.clear()
        trusted = self._trusted or TrustedMetadata.pinned(self.root)
        self.steps.append(
            {
                "now": self.now.timestamp(),
                "files": {name: self._key(raw) for name, raw in sorted(self.repository.files.items())},
                "find": find,
                "expected": self._outcome(trusted, find),
            }
        )

    def case(self, name: str) -> Json:
        return {"name": name, "root": self._key(self.root), "steps": self.steps}

    def _outcome(self, trusted: TrustedMetadata, find: str | None) -> Json:
        outcome: Json = {"refused": None, "stale_since": None, "found": None}
        self._trusted = trusted
        try:
            self._save(drive(update(trusted, self.now.timestamp), self.repository.fetch, self._save))
            if find is not None:
                found = drive(target(self._trusted, find, self.now.timestamp), self.repository.fetch, self._save)
                self._save(found.trusted)
                file = found.file
                outcome["found"] = file and {"length": file.length, "sha256": file.sha256, "role": file.role}
        except UpdateRefusedError as error:
            outcome["refused"] = type(error).__name__
            if isinstance(error, ExpiredMetadataError):
                outcome["stale_since"] = error.stale_since.timestamp()
        floors = self._trusted.floors
        return outcome | {
            "requests": list(self.repository.requests),
            "versions": {
                role: json.loads(raw)["signed"]["version"] for role, raw in sorted(self._trusted.files.items())
            },
            "floors": {"timestamp": floors.timestamp, "snapshot": floors.snapshot, "time": floors.time},
        }

    def _save(self, trusted: TrustedMetadata) -> None:
        self._trusted = trusted

    def _key(self, raw: bytes) -> str:
        key = hashlib.sha256(raw).hexdigest()[:12]
        try:
            self._contents[key] = raw.decode()
        except UnicodeDecodeError:
            self._contents[key] = {"base64": base64.b64encode(raw).decode()}
        return key


def nothing_new(scenario: Scenario) -> None:
    scenario.step()
    scenario.step()


def releases_follow_each_other(scenario: Scenario) -> None:
    scenario.step()
    for number in range(2):
        scenario.repository.states_digests = number == 1
        scenario.repository.publish(*PUBLISHING)
        scenario.now += DAY
        scenario.step()


def unknown_fields_and_odd_texts(scenario: Scenario) -> None:
    root = scenario.repository.root
    root.unrecognized_fields["custom"] = {"z": [1, -2, None, True, False, [], {}], "a": 'é"\\\n\u2028\U0001f600'}
    root.unrecognized_fields["\ufb00"] = "sorts before \U0001f600 by code point, and after it by UTF-16 unit"
    root.unrecognized_fields["\U0001f600"] = 9007199254740991
    scenario.repository.publish("root")
    scenario.step()


def spaces_and_escapes(scenario: Scenario) -> None:
    files = scenario.repository.files
    files["timestamp.json"] = json.dumps(json.loads(files["timestamp.json"]), indent=3).encode() + b" \n\t"
    files["1.targets.json"] = files["1.targets.json"].replace(b"targets", b"\\u0074argets")
    scenario.step()


def unsigned(role: str) -> Callable[[Scenario], None]:
    def act(scenario: Scenario) -> None:
        scenario.repository.signers[role].clear()
        scenario.repository.publish("root", *PUBLISHING)
        scenario.step()

    return act


def missing(role: str) -> Callable[[Scenario], None]:
    def act(scenario: Scenario) -> None:
        scenario.step()
        scenario.repository.publish(*PUBLISHING)
        del scenario.repository.files[scenario.repository.name_of(role)]
        scenario.step()

    return act


def expired(role: str) -> Callable[[Scenario], None]:
    def act(scenario: Scenario) -> None:
        scenario.step()
        scenario.repository.metadata[role].signed.expires = scenario.now
        scenario.repository.publish("root", *PUBLISHING)
        scenario.step()
        scenario.repository.metadata[role].signed.expires = scenario.now + 9 * DAY
        scenario.repository.publish("root", *PUBLISHING)
        scenario.now += 8 * DAY
        scenario.step()

    return act


def clock_goes_back(scenario: Scenario) -> None:
    scenario.repository.timestamp.expires = TODAY + 2 * DAY
    scenario.repository.publish("timestamp")
    scenario.now += 3 * DAY
    scenario.step()
    scenario.repository.timestamp.expires = TODAY + 5 * DAY
    scenario.repository.publish("timestamp")
    scenario.step()
    scenario.now = TODAY - 10_000 * DAY
    scenario.step()
    scenario.repository.timestamp.expires = TODAY + 1 * DAY
    scenario.repository.publish("timestamp")
    scenario.step()


def rolled_back(role: str) -> Callable[[Scenario], None]:
    def act(scenario: Scenario) -> None:
        scenario.repository.publish(*PUBLISHING)
        scenario.step()
        scenario.repository.republish(role, 1)
        scenario.repository.publish(*(other for other in ("snapshot", "timestamp") if other != role))
        scenario.step()

    return act


def recovered(*rotated: str, role: str) -> Callable[[Scenario], None]:
    """Raise the version of a role very far, replace keys, and start again from version 2."""

    def act(scenario: Scenario) -> None:
        scenario.repository.republish(role, 1_000_000)
        scenario.repository.publish(*(other for other in ("snapshot", "timestamp") if other != role))
        scenario.step()
        for other in rotated:
            scenario.repository.rotate(other)
        scenario.repository.publish("root")
        scenario.repository.republish(role, 2)
        scenario.repository.publish(*(other for other in ("snapshot", "timestamp") if other != role))
        scenario.step()

    return act


def time_recovered(rotated: str) -> Callable[[Scenario], None]:
    """Let a clock that is years ahead raise the time, replace keys, and set the clock right."""

    def act(scenario: Scenario) -> None:
        repository = scenario.repository
        for metadata in repository.metadata.values():
            metadata.signed.expires = TODAY + 4000 * DAY
        repository.publish("root", *PUBLISHING)
        scenario.now = TODAY + 3000 * DAY
        scenario.step()
        scenario.now = TODAY
        for metadata in repository.metadata.values():
            metadata.signed.expires = TODAY + 30 * DAY
        repository.publish("root", *PUBLISHING)
        scenario.step()
        repository.rotate(rotated)
        repository.publish("root", *PUBLISHING)
        scenario.step()

    return act


def file_no_longer_listed(scenario: Scenario) -> None:
    scenario.repository.delegate("adapter", "adapter/*")
    scenario.repository.publish("adapter", *PUBLISHING)
    scenario.step()
    del scenario.repository.snapshot.meta["adapter.json"]
    scenario.repository.publish("snapshot", "timestamp")
    scenario.step()


def mixed_and_matched(scenario: Scenario) -> None:
    scenario.repository.states_digests = True
    scenario.repository.publish(*PUBLISHING)
    old = scenario.repository.files["2.targets.json"]
    scenario.repository.publish(*PUBLISHING)
    scenario.repository.files["3.targets.json"] = old
    scenario.step()


def another_type(scenario: Scenario) -> None:
    repository = scenario.repository
    repository.set_keys("snapshot", [*repository.signers["snapshot"], *repository.signers["timestamp"]])
    repository.snapshot.meta = {"snapshot.json": MetaFile(1)}
    repository.publish("root", "snapshot")
    repository.files["timestamp.json"] = repository.files["2.snapshot.json"]
    scenario.step()


def root_chain(*steps: tuple[list[int], int, list[int]]) -> Callable[[Scenario], None]:
    """Publish roots, each with its keys, its threshold and the keys that sign it."""

    def act(scenario: Scenario) -> None:
        signers = [scenario.new_signer() for _ in range(6)]
        for version, (keys, threshold, signed_by) in enumerate(steps, 1):
            scenario.repository.set_keys("root", [signers[key] for key in keys], threshold)
            scenario.repository.signers["root"] = [signers[key] for key in signed_by]
            scenario.repository.republish("root", version)
        scenario.root = scenario.repository.files["1.root.json"]
        scenario.step()

    return act


def one_key_under_two_ids(scenario: Scenario) -> None:
    repository = scenario.repository
    public = repository.signers["timestamp"][0].public_key
    repository.root.add_key(SSlibKey("alias", public.keytype, public.scheme, public.keyval), "timestamp")
    repository.root.roles["timestamp"].threshold = 2
    repository.publish("root")

    def sign_twice(metadata: Metadata[Any]) -> None:
        metadata.signatures["alias"] = Signature("alias", metadata.signatures[public.keyid].signature)

    repository.change("timestamp", sign_twice)
    scenario.step()


def other_key_types(scenario: Scenario) -> None:
    known = scenario.repository.signers["timestamp"][0]
    other = SSlibKey("other", "ecdsa", "ecdsa-sha2-nistp256", {"public": known.public_key.keyval["public"]})
    scenario.repository.root.add_key(other, "timestamp")
    scenario.repository.publish("root", "timestamp")
    scenario.step()
    scenario.repository.root.revoke_key(known.public_key.keyid, "timestamp")
    scenario.repository.publish("root")
    scenario.repository.change(
        "timestamp",
        lambda metadata: metadata.signatures.update(
            other=Signature("other", metadata.signatures[known.public_key.keyid].signature)
        ),
    )
    scenario.step()


def delegated(scenario: Scenario) -> None:
    repository = scenario.repository
    repository.delegate("A", "*.doc", "b?y/*", "*d*x/*e")
    repository.delegate("B", "releases/*/*")
    repository.delegate("C", "releases/x/*", by="B", terminating=True)
    repository.delegate("D", "*/*/*", by="B")
    repository.delegate("../odd name?", "*")
    repository.add("bdy/file", b"by a question mark", "A")
    repository.add("b\U0001f600y/file", b"one character", "A")
    repository.add(".doc", b"nothing before the dot", "A")
    repository.add("releases/x/1", b"by C", "C")
    repository.add("releases/y/1", b"by D", "D")
    repository.add("releases/x/2", b"by D, whom nobody asks", "D")
    repository.add("plain", b"by the last one", "../odd name?")
    repository.publish("A", "B", "C", "D", "../odd name?", *PUBLISHING)
    paths = (
        "plain",
        "bdy/file",
        "bdx/file",
        "b\U0001f600y/file",
        "bd/y/file",
        "x.doc",
        ".doc",
        "releases/x/1",
        "releases/x/2",
        "releases/y/1",
        "releases/y/1/2",
        "no",
    )
    for path in paths:
        scenario.step(find=path)


def delegated_by_digest(scenario: Scenario) -> None:
    scenario.repository.delegate("A")
    delegations = scenario.repository.role().delegations
    if delegations is not None and delegations.roles is not None:
        keyids = delegations.roles["A"].keyids
        delegations.roles["A"] = DelegatedRole("A", keyids, 1, True, None, ["a0", "bbb"])
    scenario.repository.add("path", b"content", "A")
    scenario.repository.publish("A", *PUBLISHING)
    scenario.step(find="path")
    scenario.step(find="other")


def delegated_under_another_key(scenario: Scenario) -> None:
    scenario.repository.delegate("adapter", "adapter/*")
    scenario.repository.delegate("codebook", "codebook/*")
    scenario.repository.signers["codebook"] = scenario.repository.signers["adapter"]
    scenario.repository.add("codebook/laptop", b"forged", "codebook")
    scenario.repository.publish("adapter", "codebook", *PUBLISHING)
    scenario.step(find="codebook/laptop")


def delegated_key_replaced(scenario: Scenario) -> None:
    repository = scenario.repository
    repository.delegate("adapter", "adapter/*")
    repository.add("adapter/laptop", b"good", "adapter")
    repository.publish("adapter", *PUBLISHING)
    scenario.step(find="adapter/laptop")
    stolen = repository.signers["adapter"]
    repository.role().revoke_key(stolen[0].public_key.keyid, "adapter")
    repository.signers["adapter"] = [scenario.new_signer()]
    repository.delegate("adapter", "adapter/*")
    repository.publish(*PUBLISHING)
    scenario.step(find="adapter/laptop")
    repository.publish("adapter", "snapshot", "timestamp")
    scenario.step(find="adapter/laptop")


def too_many_delegations(scenario: Scenario) -> None:
    roles = [f"r{number:02}" for number in range(34)]
    for role in roles:
        scenario.repository.delegate(role)
    scenario.repository.publish(*roles, *PUBLISHING)
    scenario.step(find="path")


def changed(role: str, old: bytes, new: bytes) -> Callable[[Scenario], None]:
    """Replace bytes in a file."""

    def act(scenario: Scenario) -> None:
        name = scenario.repository.name_of(role)
        raw = scenario.repository.files[name]
        if old not in raw:
            raise ValueError(f"{role} has no {old!r}")
        scenario.repository.files[name] = raw.replace(old, new, 1)
        scenario.step()

    return act


def a_signature_in_capitals(scenario: Scenario) -> None:
    def change(metadata: Metadata[Any]) -> None:
        for signature in metadata.signatures.values():
            signature.signature = signature.signature.upper()

    scenario.repository.change("timestamp", change)
    scenario.step()


def a_signature_twice(scenario: Scenario) -> None:
    document = json.loads(scenario.repository.files["timestamp.json"])
    document["signatures"] *= 2
    scenario.repository.files["timestamp.json"] = json.dumps(document).encode()
    scenario.step()


def resigned(role: str, edit: Callable[[Json], None]) -> Callable[[Scenario], None]:
    """Change what a role says, and sign that."""

    def act(scenario: Scenario) -> None:
        repository = scenario.repository
        name = repository.name_of(role)
        document = json.loads(repository.files[name])
        edit(document["signed"])
        message = repository_form(document["signed"])
        for signature, signer in zip(document["signatures"], repository.signers[role], strict=True):
            signature["sig"] = signer.sign(message).signature
        repository.files[name] = json.dumps(document).encode()
        scenario.step()

    return act


def repository_form(signed: Json) -> bytes:
    """Return the canonical form of JSON, also of the floats that it does not allow."""
    return json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def put(value: object, *path: str) -> Callable[[Json], None]:
    def edit(document: Json) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = value

    return edit


def drop(*path: str) -> Callable[[Json], None]:
    def edit(document: Json) -> None:
        for name in path[:-1]:
            document = document[name]
        del document[path[-1]]

    return edit


HASHES = {"sha256": "0" * 64}
FILE = {"length": 1, "hashes": HASHES}
ROLE = {"name": "A", "keyids": [], "threshold": 1, "terminating": True, "paths": ["*"]}
BOTH: tuple[list[int], int, list[int]] = ([0, 1, 2], 2, [0, 1])
SCENARIOS: dict[str, Callable[[Scenario], None]] = {
    "nothing new": nothing_new,
    "releases follow each other": releases_follow_each_other,
    "unknown fields and odd texts are signed": unknown_fields_and_odd_texts,
    "spaces and escapes are not": spaces_and_escapes,
    **{f"{role} unsigned": unsigned(role) for role in ("root", *PUBLISHING)},
    **{f"{role} missing": missing(role) for role in PUBLISHING},
    **{f"{role} expired": expired(role) for role in ("root", *PUBLISHING)},
    "clock goes back": clock_goes_back,
    **{f"{role} rolled back": rolled_back(role) for role in PUBLISHING},
    "timestamp recovered": recovered("timestamp", role="timestamp"),
    "snapshot recovered": recovered("snapshot", "timestamp", role="snapshot"),
    "snapshot not recovered by timestamp keys": recovered("timestamp", role="snapshot"),
    "targets recovered": recovered("snapshot", role="targets"),
    "time recovered": time_recovered("timestamp"),
    "time not recovered by snapshot keys": time_recovered("snapshot"),
    "file no longer listed": file_no_longer_listed,
    "mixed and matched": mixed_and_matched,
    "another type": another_type,
    "root keys replaced": root_chain(
        BOTH, ([1, 2, 3], 2, [1, 2]), ([3, 4, 5], 2, [1, 2, 3, 4]), ([3, 4, 5], 2, [3, 5])
    ),
    "root without the old keys": root_chain(BOTH, ([3, 4, 5], 2, [3, 4])),
    "root without the new keys": root_chain(BOTH, ([3, 4, 5], 2, [0, 1])),
    "root below the old threshold": root_chain(BOTH, ([0, 1, 2], 1, [0])),
    "root below the new threshold": root_chain(BOTH, ([0, 1, 2], 3, [0, 1])),
    "one key under two ids": one_key_under_two_ids,
    "other key types": other_key_types,
    "delegated": delegated,
    "delegated by digest": delegated_by_digest,
    "delegated under another key": delegated_under_another_key,
    "delegated key replaced": delegated_key_replaced,
    "too many delegations": too_many_delegations,
    "a byte of the content changed": changed("timestamp", b'"version":1', b'"version":2'),
    "a byte that is not UTF-8": changed("timestamp", b"_type", b"_ty\xffe"),
    "a byte order mark": changed("timestamp", b'{"', b'\xef\xbb\xbf{"'),
    "a name twice": changed("timestamp", b'"signatures"', b'"signed":{},"signatures"'),
    "a fraction": changed("timestamp", b'"version":1', b'"version":1.0'),
    "an exponent": changed("timestamp", b'"version":1', b'"version":1e0'),
    "a large number": changed("timestamp", b'"version":1', b'"version":9007199254740993'),
    "not a number": changed("timestamp", b'"version":1', b'"version":NaN'),
    "deep nesting": changed("timestamp", b'"signatures"', b'"x":' + b"[" * 32 + b"]" * 32 + b',"signatures"'),
    "too long": changed("timestamp", b'{"', b" " * 16_384 + b'{"'),
    "a signature in capitals": a_signature_in_capitals,
    "a signature twice": a_signature_twice,
    "no type": resigned("targets", drop("_type")),
    "version zero": resigned("timestamp", put(0, "version")),
    "version true": resigned("timestamp", put(True, "version")),
    "a fraction that is signed": resigned("timestamp", put(1.5, "x")),
    "another specification": resigned("timestamp", put("2.0", "spec_version")),
    "a short specification": resigned("timestamp", put("1.0", "spec_version")),
    "no such date": resigned("timestamp", put("2026-02-30T00:00:00Z", "expires")),
    "a leap day": resigned("timestamp", put("2028-02-29T23:59:59Z", "expires")),
    "a date with a zone": resigned("timestamp", put("2026-03-30T00:00:00+00:00", "expires")),
    "a date without a time": resigned("timestamp", put("2026-03-30", "expires")),
    "the hour 24": resigned("timestamp", put("2026-03-30T24:00:00Z", "expires")),
    "the second 60": resigned("timestamp", put("2026-03-30T23:59:60Z", "expires")),
    "the year 0": resigned("timestamp", put("0000-01-01T00:00:00Z", "expires")),
    "a timestamp of two files": resigned("timestamp", put({"version": 1}, "meta", "root.json")),
    "a length of null": resigned("timestamp", put(None, "meta", "snapshot.json", "length")),
    "a length beyond the limit": resigned("timestamp", put(2_000_001, "meta", "snapshot.json", "length")),
    "another digest": resigned("timestamp", put({"md5": "0" * 32}, "meta", "snapshot.json", "hashes")),
    "one digest more": resigned("targets", put({**FILE, "hashes": {**HASHES, "md5": "0"}}, "targets", "a")),
    "a target without a length": resigned("targets", put({"hashes": HASHES}, "targets", "a")),
    "a target with more fields": resigned("targets", put({**FILE, "custom": {"a": 1}}, "targets", "a")),
    "targets that are a list": resigned("targets", put([], "targets")),
    "a target named like a prototype": resigned("targets", put(FILE, "targets", "__proto__")),
    "a file named like a prototype": resigned("snapshot", put({"version": 3}, "meta", "__proto__")),
    "a delegation": resigned("targets", put({"keys": {}, "roles": [ROLE]}, "delegations")),
    "a role twice": resigned("targets", put({"keys": {}, "roles": [ROLE, ROLE]}, "delegations")),
    "a delegation to root": resigned("targets", put({"keys": {}, "roles": [{**ROLE, "name": "root"}]}, "delegations")),
    "a delegation to nobody": resigned("targets", put({"keys": {}, "roles": [{**ROLE, "name": ""}]}, "delegations")),
    "paths and prefixes": resigned(
        "targets", put({"keys": {}, "roles": [{**ROLE, "path_hash_prefixes": []}]}, "delegations")
    ),
    "neither paths nor prefixes": resigned(
        "targets", put({"keys": {}, "roles": [{**ROLE, "paths": None}]}, "delegations")
    ),
    "a bracket in a pattern": resigned(
        "targets", put({"keys": {}, "roles": [{**ROLE, "paths": ["[a]"]}]}, "delegations")
    ),
    "succinct roles": resigned("targets", put({"keys": {}, "succinct_roles": {}}, "delegations")),
}


def make_all() -> Json:
    """Return the contents of the file."""
    contents: Json = {}
    cases = []
    for name, act in SCENARIOS.items():
        scenario = Scenario(contents)
        act(scenario)
        cases.append(scenario.case(name))
    return {"about": ABOUT, "contents": contents, "cases": cases}


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
