"""What a sync has done."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["installed", "repaired", "up to date", "waiting", "refused", "previewed"]

Result = Literal["taken", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """Result of a sync.

    Attributes:
        status: ``installed``, ``repaired`` (damaged files of the installed release were replaced), ``up to date``,
            ``waiting`` (a newer release comes later to this device, in its place of a staged rollout), ``refused``
            (the newest release has failed its self-test here before, and is not tried again), or ``previewed`` (a newer
            release is complete and tested, but not in use yet).
        target: requested target.
        name: name of the bundle in use.
        release: release in use now.
        previous_release: release that it replaced, if any.
        newer_release: release that is waiting or previewed, if any.
        refused_release: newest release that has failed its self-test on this device, in this sync or before, if any.
        bundle: folder of the bundle in use, or of the previewed one.
        requests: number of requests sent.
        fetched_bytes: bytes of response bodies received.
        reused_bytes: bytes of files that were on the device already, or made from them by a delta.
        told: what the server was told now, with the consent of the user: ``taken`` or ``refused``, of a new release.
        notes: what an operator should know.
    """

    status: Status
    target: str
    name: str
    release: int
    previous_release: int | None = None
    newer_release: int | None = None
    refused_release: int | None = None
    bundle: Path
    requests: int
    fetched_bytes: int
    reused_bytes: int = 0
    told: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()


def told_sentence(result: Result) -> str:
    """Return what the server was told."""
    return f"Told the server that a device has {result} the new release: target, release and one bit, no identity."
