"""Metadata is read strictly, in one way only, and only after its length was checked."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical

from edge_runtime.bundle.parsing import JsonError
from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf.canonical import MAX_INTEGER, Json, canonical_json, read_json
from edge_runtime.sync.tuf.metadata import Root, Snapshot, Targets, Timestamp, parse
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, Repository

KINDS: dict[str, Any] = {"root": Root, "timestamp": Timestamp, "snapshot": Snapshot, "targets": Targets}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_the_canonical_form_is_that_of_securesystemslib(value: object) -> None:
    assert canonical_json(cast(Json, value)) == (encode_canonical(cast(Any, value)) or "").encode()
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1.0",
        b"1e3",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b"01",
        b"+1",
        b"[1,]",
        b"[1] x",
        b"",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\n"',
        '{"a":1}'.encode("utf-16"),
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
    ],
)
def test_what_parsers_disagree_on_is_refused(text: bytes) -> None:
    with pytest.raises(JsonError):
        read_json(text)


def test_the_largest_integers_and_the_deepest_nesting_are_read() -> None:
    assert read_json(f"[{MAX_INTEGER},-{MAX_INTEGER}]".encode()) == [MAX_INTEGER, -MAX_INTEGER]
    assert read_json(b"[" * 32 + b"]" * 32)


def test_a_lone_surrogate_has_no_canonical_form() -> None:
    with pytest.raises(JsonError, match="lone surrogate"):
        canonical_json(read_json(rb'"\ud800"'))


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that deletes a field."""

    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        del document[path[-1]]

    return change


def put(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that sets a field."""

    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = value

    return change


MALFORMED = {
    "no signatures": ("targets", drop("signatures")),
    "no content": ("targets", drop("signed")),
    "content that is a list": ("targets", put([], "signed")),
    "no type": ("targets", drop("signed", "_type")),
    "another type": ("targets", put("snapshot", "signed", "_type")),
    "version zero": ("targets", put(0, "signed", "version")),
    "a version that is true": ("targets", put(True, "signed", "version")),
    "a version in quotes": ("targets", put("1", "signed", "version")),
    "another major version of the specification": ("targets", put("2.0.0", "signed", "spec_version")),
    "a version of the specification with a letter": ("targets", put("1.0.x", "signed", "spec_version")),
    "a date without a time": ("targets", put("2026-03-31", "signed", "expires")),
    "a date in another zone": ("targets", put("2026-03-31T00:00:00+00:00", "signed", "expires")),
    "a date that does not exist": ("targets", put("2026-02-30T00:00:00Z", "signed", "expires")),
    "a date with a line break": ("targets", put("2026-03-31T00:00:00Z\n", "signed", "expires")),
    "a date with one-digit months": ("targets", put("2026-3-31T00:00:00Z", "signed", "expires")),
    "no targets": ("targets", drop("signed", "targets")),
    "targets that are a list": ("targets", put([], "signed", "targets")),
    "a negative length": ("targets", put({"length": -1, "hashes": {"sha256": "0" * 64}}, "signed", "targets", "a")),
    "no digest": ("targets", put({"length": 1}, "signed", "targets", "a")),
    "a short digest": ("targets", put({"length": 1, "hashes": {"sha256": "0"}}, "signed", "targets", "a")),
    "a digest in capitals": ("targets", put({"length": 1, "hashes": {"sha256": "A" * 64}}, "signed", "targets", "a")),
    "a digest of another kind": (
        "targets",
        put({"length": 1, "hashes": {"sha256": "0" * 64, "md5": "0"}}, "signed", "targets", "a"),
    ),
    "a delegation without a name": (
        "targets",
        put(
            {"keys": {}, "roles": [{"name": "", "keyids": [], "threshold": 1, "terminating": True, "paths": []}]},
            "signed",
            "delegations",
        ),
    ),
    "a delegation to root": (
        "targets",
        put(
            {"keys": {}, "roles": [{"name": "root", "keyids": [], "threshold": 1, "terminating": True, "paths": []}]},
            "signed",
            "delegations",
        ),
    ),
    "a delegation without paths": (
        "targets",
        put(
            {"keys": {}, "roles": [{"name": "A", "keyids": [], "threshold": 1, "terminating": True}]},
            "signed",
            "delegations",
        ),
    ),
    "a role twice": (
        "targets",
        put(
            {"keys": {}, "roles": 2 * [{"name": "A", "keyids": [], "threshold": 1, "terminating": True, "paths": []}]},
            "signed",
            "delegations",
        ),
    ),
    "succinct roles": (
        "targets",
        put(
            {"keys": {}, "succinct_roles": {"keyids": [], "threshold": 1, "bit_length": 4, "name_prefix": "bin"}},
            "signed",
            "delegations",
        ),
    ),
    "no consistent snapshots": ("root", put(False, "signed", "consistent_snapshot")),
    "consistent snapshots not mentioned": ("root", drop("signed", "consistent_snapshot")),
    "no role for snapshots": ("root", drop("signed", "roles", "snapshot")),
    "an unknown top-level role": ("root", put({"keyids": [], "threshold": 1}, "signed", "roles", "mirrors")),
    "a threshold of zero": ("root", put(0, "signed", "roles", "targets", "threshold")),
    "a key id twice": ("root", put(["a", "a"], "signed", "roles", "targets", "keyids")),
    "no keys": ("root", drop("signed", "keys")),
    "no snapshot": ("timestamp", put({}, "signed", "meta")),
    "more than the snapshot": ("timestamp", put({"version": 1}, "signed", "meta", "root.json")),
    "a file without a version": ("snapshot", put({}, "signed", "meta", "targets.json")),
}


@pytest.mark.parametrize(("role", "change"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_metadata_is_refused(role: str, change: Callable[[dict[str, Any]], None]) -> None:
    repository = Repository()
    raw = repository.files[repository.name_of(role)]
    assert parse(raw, KINDS[role], role).raw == raw
    document = json.loads(raw)
    change(document)

    with pytest.raises(UpdateRefusedError, match=f"its {role} file is not valid metadata"):
        parse(json.dumps(document).encode(), KINDS[role], role)


@given(data=st.data())
def test_no_change_of_a_byte_is_accepted_as_other_content(data: st.DataObject) -> None:
    repository = Repository()
    repository.add("path", b"content")
    repository.publish(*PUBLISHING)
    raw = repository.files["2.targets.json"]
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]

    try:
        document = parse(changed, Targets, "targets")
    except UpdateRefusedError:
        return
    original = parse(raw, Targets, "targets")
    is_same = (document.message, document.signatures) == (original.message, original.signatures)
    assert not is_same or document.signed == original.signed


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_the_one_error(raw: bytes) -> None:
    with pytest.raises(UpdateRefusedError):
        parse(raw, Timestamp, "timestamp")
