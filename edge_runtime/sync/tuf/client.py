"""The client workflow of The Update Framework (section 5 of its specification, version 1.0) as generators.

A generator yields :class:`Wanted` for each file that it needs; the caller sends the file, or None if there is no such
file, and gets the result as the generator's return value.
"""

from collections.abc import Callable, Generator
from typing import Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from edge_runtime.sync.tuf.metadata import (
    AnySigned,
    Delegation,
    Document,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
    parse,
    refusal,
)
from edge_runtime.sync.tuf.trusted import TrustedMetadata, check_floor, check_fresh

MAX_ROOTS: Final = 256
MAX_DELEGATIONS: Final = 32
MAX_ROOT_BYTES: Final = 512_000
MAX_TIMESTAMP_BYTES: Final = 16_384
MAX_SNAPSHOT_BYTES: Final = 2_000_000
MAX_TARGETS_BYTES: Final = 5_000_000
CLOCK_STEP_S: Final = 3600.0
"""The time bound is raised by at least this much, so that most checks without news have nothing to save."""


class Wanted(NamedTuple):
    """A file that is needed next.

    Attributes:
        name: its name in the repository's metadata folder, percent-encoded.
        max_bytes: the caller need not read more than this; a longer file is refused.
        trusted: what is verified so far. The caller saves it if the update ends here, for whatever reason.
    """

    name: str
    max_bytes: int
    trusted: TrustedMetadata


class Found(NamedTuple):
    """Result of a search: what is verified now, and the target, or None if no trusted role has it."""

    trusted: TrustedMetadata
    file: TargetFile | None


Result = TypeVar("Result")
Steps: TypeAlias = Generator[Wanted, bytes | None, Result]


def update(trusted: TrustedMetadata, now: Callable[[], float]) -> Steps[TrustedMetadata]:
    """Update the top-level metadata.

    Args:
        trusted: what was trusted before.
        now: the clock, in seconds since 1970. It is read once; a time before that of the trusted bounds counts as that.

    Raises:
        UpdateRefusedError: a file is missing, too long, malformed, not signed as it must be, or older than before.
        ExpiredMetadataError: a file has expired.
    """
    clock = now()
    trusted = yield from _newest_root(trusted)
    time = max(clock, trusted.floors.time)  # not before the roots, which may end the bound
    check_fresh(trusted.root.signed, "root", time)
    trusted, timestamp = yield from _newest_timestamp(trusted, time)
    trusted, snapshot = yield from _current_snapshot(trusted, timestamp.meta.snapshot, time)
    targets = trusted.root.signed.delegation("targets")
    trusted, _ = yield from _current_targets(trusted, snapshot, "targets", targets, time)
    # Nothing has expired at this time, so that raising the bound to it cannot rule out newer metadata.
    return trusted.raised(time) if time >= trusted.floors.time + CLOCK_STEP_S else trusted


def target(trusted: TrustedMetadata, path: str, now: Callable[[], float]) -> Steps[Found]:
    """Find what is signed of a target, in pre-order through the delegations (5.6.7).

    Args:
        trusted: the result of :func:`update`.
        path: path of the target.
        now: the clock, as for :func:`update`.

    Raises:
        ValueError: there has been no update.
        UpdateRefusedError: a delegated file on the way is missing, malformed or not signed as it must be.
        ExpiredMetadataError: it has expired.
    """
    if trusted.snapshot is None:
        raise ValueError("there is no snapshot yet: run `update` first")
    snapshot, time = trusted.snapshot.signed, max(now(), trusted.floors.time)
    to_visit = [("targets", trusted.root.signed.delegation("targets"))]
    visited: set[str] = set()
    while to_visit and len(visited) <= MAX_DELEGATIONS:
        role, delegation = to_visit.pop()
        if role in visited:
            continue
        visited.add(role)
        trusted, targets = yield from _current_targets(trusted, snapshot, role, delegation, time)
        if (entry := targets.targets.get(path)) is not None:
            return Found(trusted, TargetFile(path, entry.length, entry.hashes.sha256, entry.custom, role))
        children: list[tuple[str, Delegation]] = []
        for child in targets.delegated(path):
            children.append((child.name, Delegation(targets.keys, child)))
            if child.terminating:
                to_visit.clear()
                break
        to_visit += reversed(children)
    return Found(trusted, None)


def drive(
    steps: Steps[Result],
    fetch: Callable[[str, int], bytes | None],
    save: Callable[[TrustedMetadata], object],
) -> Result:
    """Run :func:`update` or :func:`target`, and save what was verified before a failure.

    Args:
        steps: the generator.
        fetch: returns a file by name, up to a number of bytes, or None if there is none.
        save: saves metadata; not called for the result.
    """
    verified: TrustedMetadata | None = None
    try:
        wanted = next(steps)
        while True:
            verified = wanted.trusted
            wanted = steps.send(fetch(wanted.name, wanted.max_bytes))
    except StopIteration as stop:
        result: Result = stop.value
        return result
    except BaseException:
        if verified is not None:
            save(verified)
        raise


def _newest_root(trusted: TrustedMetadata) -> Steps[TrustedMetadata]:
    """Follow the chain of roots, of which each is signed by its own keys and by those of the one before (5.3)."""
    for _ in range(MAX_ROOTS):
        version = trusted.root.signed.version + 1
        raw = yield Wanted(f"{version}.root.json", MAX_ROOT_BYTES, trusted)
        if raw is None:
            break
        root = parse(_bounded(raw, MAX_ROOT_BYTES, "root"), Root, "root")
        trusted.check(root, trusted.root.signed.delegation("root"), "root")
        trusted.check(root, root.signed.delegation("root"), "root")
        _check_version(root, version, "root")
        trusted = trusted.with_root(root)
    return trusted


def _newest_timestamp(trusted: TrustedMetadata, time: float) -> Steps[tuple[TrustedMetadata, Timestamp]]:
    """Fetch the timestamp (5.4). One with the known version is ignored, whatever it says."""
    raw = yield Wanted("timestamp.json", MAX_TIMESTAMP_BYTES, trusted)
    here, floors = trusted.timestamp, trusted.floors
    if here is not None and raw == here.raw:
        check_floor(here.signed.version, floors.timestamp.get("timestamp.json", 0), "timestamp")
        check_fresh(here.signed, "timestamp", time)
        return trusted, here.signed  # as most checks end: nothing is parsed and verified again
    timestamp = parse(_present(raw, MAX_TIMESTAMP_BYTES, "timestamp"), Timestamp, "timestamp")
    trusted.check(timestamp, trusted.root.signed.delegation("timestamp"), "timestamp")
    signed = timestamp.signed
    check_floor(signed.version, floors.timestamp.get("timestamp.json", 0), "timestamp")
    if here is not None and here.signed.version == signed.version:
        check_fresh(here.signed, "timestamp", time)
        return trusted, here.signed
    for stated in (floors.timestamp, floors.snapshot):
        check_floor(signed.meta.snapshot.version, stated.get("snapshot.json", 0), "snapshot")
    check_fresh(signed, "timestamp", time)
    return trusted.with_timestamp(timestamp), signed


def _current_snapshot(
    trusted: TrustedMetadata, stated: MetaFile, time: float
) -> Steps[tuple[TrustedMetadata, Snapshot]]:
    """Fetch the snapshot that the timestamp states, unless it is here (5.5)."""
    here = trusted.snapshot
    if here is not None and _is_stated(here, stated):
        check_fresh(here.signed, "snapshot", time)
        return trusted, here.signed
    max_bytes = _max_bytes(stated, MAX_SNAPSHOT_BYTES, "snapshot")
    raw = yield Wanted(f"{stated.version}.snapshot.json", max_bytes, trusted)
    snapshot = parse(_stated(raw, stated, max_bytes, "snapshot"), Snapshot, "snapshot")
    trusted.check(snapshot, trusted.root.signed.delegation("snapshot"), "snapshot")
    _check_version(snapshot, stated.version, "snapshot")
    for name, floor in trusted.floors.snapshot.items():
        if name == "snapshot.json":
            continue
        if (file := snapshot.signed.meta.get(name)) is None:
            raise refusal(f"its snapshot file {stated.version} no longer lists {name}")
        check_floor(file.version, floor, name.removesuffix(".json"))
    check_fresh(snapshot.signed, "snapshot", time)
    return trusted.with_snapshot(snapshot), snapshot.signed


def _current_targets(
    trusted: TrustedMetadata, snapshot: Snapshot, role: str, delegation: Delegation, time: float
) -> Steps[tuple[TrustedMetadata, Targets]]:
    """Fetch the file of a role with targets that the snapshot states, unless it is here (5.6)."""
    stated = snapshot.meta.get(f"{role}.json")
    if stated is None:
        raise refusal(f"its snapshot file does not list {role}.json")
    here = trusted.targets_of(role)
    if here is not None and _is_stated(here, stated) and trusted.is_signed(here, delegation, role):
        check_fresh(here.signed, role, time)
        return trusted, here.signed
    max_bytes = _max_bytes(stated, MAX_TARGETS_BYTES, role)
    raw = yield Wanted(f"{stated.version}.{quote(role, safe='')}.json", max_bytes, trusted)
    targets = parse(_stated(raw, stated, max_bytes, role), Targets, role)
    trusted.check(targets, delegation, role)
    _check_version(targets, stated.version, role)
    check_fresh(targets.signed, role, time)
    return trusted.with_targets(role, targets), targets.signed


def _is_stated(document: Document[AnySigned], stated: MetaFile) -> bool:
    return document.signed.version == stated.version and stated.matches(document.raw)


def _max_bytes(stated: MetaFile, limit: int, name: str) -> int:
    if stated.length is not None and stated.length > limit:
        raise refusal(f"its {name} file has {stated.length} bytes, expected at most {limit}")
    return limit if stated.length is None else stated.length


def _bounded(raw: bytes, max_bytes: int, name: str) -> bytes:
    if len(raw) > max_bytes:
        raise refusal(f"its file {name} has more than {max_bytes} bytes")
    return raw


def _present(raw: bytes | None, max_bytes: int, name: str) -> bytes:
    if raw is None:
        raise refusal(f"it has no file {name}")
    return _bounded(raw, max_bytes, name)


def _stated(raw: bytes | None, stated: MetaFile, max_bytes: int, name: str) -> bytes:
    """Return a file if it is the one that another file states, before anything parses it."""
    present = _present(raw, max_bytes, f"{name} {stated.version}")
    if not stated.matches(present):
        raise refusal(f"its {name} file {stated.version} has another length or digest than its other files say")
    return present


def _check_version(document: Document[AnySigned], version: int, name: str) -> None:
    if document.signed.version != version:
        raise refusal(f"its {name} file {version} says that it is version {document.signed.version}")
