"""Install the newest release of a server; the bundle in use changes atomically in the last step.

Order: ask for the newest bundle, assemble its slot and self-test it (:mod:`edge_runtime.sync.assembly`), switch,
clean up. If the process or the machine stops at any point, at most the bytes in flight are lost: the next sync resumes.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import structs

from edge_runtime.bundle.folder import read_manifest
from edge_runtime.device_folder import Pointer, slot_name
from edge_runtime.errors import (
    BundleError,
    EngineError,
    RefusedReleaseError,
    ServerUnreachableError,
    SyncError,
    UpdateRefusedError,
)
from edge_runtime.files import make_folder_durably
from edge_runtime.lock import locked
from edge_runtime.paths import AnyPath
from edge_runtime.sync.assembly import Assembly, Progress, SelfTest
from edge_runtime.sync.channel import Answer, Channel, Offer
from edge_runtime.sync.layout import LOCK, check_folder
from edge_runtime.sync.refusals import Refusals
from edge_runtime.sync.report import Status, SyncReport
from edge_runtime.sync.slots import Slots
from edge_runtime.sync.trust import checked_manifest

_DISK_FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)


def apply(
    into: AnyPath,
    *,
    channel: Channel,
    self_test: SelfTest,
    preview: bool = False,
    refusals: Refusals | None = None,
    progress: Progress | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> SyncReport:
    """Update the device folder ``into`` to the newest release that a channel offers; within :func:`writing`.

    Args:
        into: the device's folder.
        channel: the server and the target.
        self_test: called with the verified bundle before it is used; raises if no engine passes.
        preview: fetch and test the newest release, but do not switch to it; the next sync does without fetching again.
        refusals: the releases that failed their self-test on this device, if the caller wants to see them.
        progress: called as bytes arrive.
        free_bytes: returns the free disk space at a path.

    Raises:
        ServerUnreachableError: the server does not respond, or the response is incomplete.
        UpdateRefusedError: the offered release must not be used.
        SyncError: there is too little disk space, or something in the folder is in the way.
        BundleVersionError: the release needs a newer runtime.
        EngineError: no engine passes the self-test on the new release. The next sync does not try it again.
        OSError: the disk cannot be written.
    """
    slots = Slots(Path(into))
    slots.prepare()
    assembly = Assembly(
        slots, channel.source, self_test, refusals or Refusals(slots.path), progress or _nothing, free_bytes
    )
    return _Work(slots, channel, assembly).run(preview=preview)


def _nothing(have: int, total: int) -> None:
    """Show no progress."""


@contextmanager
def writing(into: Path) -> Iterator[None]:
    """Create the folder of a device if it is missing, and let no other sync write into it meanwhile.

    Raises:
        BusyError: another sync is running.
        SyncError: the folder holds something else, something else is in its place, or the disk is full.
    """
    check_folder(into)
    try:
        make_folder_durably(into)
        with locked(into / LOCK, "sync"):
            yield
    except OSError as error:
        if error.errno not in _DISK_FULL_ERRNOS:
            raise
        raise SyncError(
            f"{into}: {error.strerror}. The bundle in use is complete, and downloaded data is kept. Free some "
            "space and sync again."
        ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    """One sync and its inputs."""

    slots: Slots
    channel: Channel
    assembly: Assembly

    def run(self, *, preview: bool) -> SyncReport:
        installed = self.slots.pointer()
        intact = installed if installed is not None and self.slots.is_intact(installed.slot) else None
        held = intact if intact is not None and intact.target == self.channel.target else None
        answer = self.channel.newest(held, installed)
        if answer.offer is None and intact is not None:
            return self._keep(intact, answer, "up to date" if answer.waiting is None else "waiting")
        if answer.offer is None and installed is None:
            raise SyncError("the server responded 304 (not modified), but nothing is installed. Sync again.")
        return self._install_first(answer, installed, intact, preview=preview)

    def _keep(self, installed: Pointer, answer: Answer, status: Status) -> SyncReport:
        """Keep the bundle in use, and note until when that is confirmed."""
        if answer.fresh_until not in (None, installed.fresh_until):
            installed = structs.replace(installed, fresh_until=answer.fresh_until)
            self.slots.switch(installed)
        if status != "waiting":
            self.slots.clean_up()
        return self._report(status, installed, answer, newer_release=answer.waiting)

    def _install_first(
        self, answer: Answer, installed: Pointer | None, intact: Pointer | None, *, preview: bool
    ) -> SyncReport:
        """Install the first candidate that can be used."""
        failures: list[Exception] = []
        is_intact = intact is not None
        for offer in self._candidates(answer, installed, is_intact=is_intact, preview=preview):
            try:
                return self._install(answer, offer, installed, is_intact=is_intact, preview=preview and is_intact)
            except ServerUnreachableError:
                raise
            except RefusedReleaseError as error:
                failures.append(error)
                self.assembly.notes.append(str(error))
            except (BundleError, EngineError, SyncError) as error:
                failures.append(error)
                self.assembly.notes.append(f"release {offer.manifest.release} could not be used: {error}")
        if intact is not None and all(isinstance(error, RefusedReleaseError) for error in failures):
            return self._keep(intact, answer, "refused")
        raise next(
            (error for error in failures if not isinstance(error, RefusedReleaseError)),
            failures[0]
            if failures
            else SyncError("the bundle in use is damaged, and the server offers none. Sync again."),
        )

    def _candidates(
        self, answer: Answer, installed: Pointer | None, *, is_intact: bool, preview: bool
    ) -> Iterator[Offer]:
        """Yield the bundles to try: those on offer; for a damaged one in use, also itself, and any other at last.

        A device with a damaged bundle may serve nothing, so that it neither waits for its place in a rollout nor keeps
        its number if the server no longer has the files to repair it. A preview of something else comes after that.
        """
        is_damaged = installed is not None and not is_intact
        if answer.offer is not None and not (preview and is_damaged):
            yield from (answer.offer, *answer.fallbacks)
        if installed is None or is_intact:
            return
        own = self._own(installed)
        if own is not None:
            yield own
        other = self.channel.newest(None, None)
        if other.offer is not None:
            yield from (other.offer, *other.fallbacks)

    def _own(self, installed: Pointer) -> Offer | None:
        """Return the damaged bundle in use, to repair it; None if its manifest is damaged, too."""
        try:
            raw = read_manifest(self.slots.folder(installed.slot))
            offer = Offer(raw, checked_manifest(raw, target=installed.target))
        except (BundleError, UpdateRefusedError, OSError):
            return None
        return offer if offer.slot == installed.slot else None

    def _install(
        self, answer: Answer, offer: Offer, installed: Pointer | None, *, is_intact: bool, preview: bool
    ) -> SyncReport:
        slot, manifest = slot_name(offer.raw), offer.manifest
        is_same = installed is not None and installed.slot == slot
        reused_bytes = 0
        if is_same and is_intact:
            status: Status = "up to date"
        else:
            status = "repaired" if is_same else "installed"
            reused_bytes = self.assembly.complete(slot, offer)
        if preview and status == "installed" and installed is not None:
            return self._report(
                "previewed", installed, answer, slot=slot, newer_release=manifest.release, reused_bytes=reused_bytes
            )
        pointer = Pointer(
            slot=slot,
            previous=_previous(slot, installed, is_intact=is_intact),
            name=manifest.name,
            target=manifest.target,
            release=manifest.release,
            etag=offer.etag,
            fresh_until=answer.fresh_until or (installed.fresh_until if installed else None),
        )
        if pointer != installed:
            self.slots.switch(pointer)
        self.slots.clean_up()
        before = installed.release if installed and status == "installed" else None
        return self._report(status, pointer, answer, previous_release=before, reused_bytes=reused_bytes)

    def _report(
        self,
        status: Status,
        pointer: Pointer,
        answer: Answer,
        *,
        slot: str | None = None,
        previous_release: int | None = None,
        newer_release: int | None = None,
        reused_bytes: int = 0,
    ) -> SyncReport:
        source = self.channel.source
        return SyncReport(
            status=status,
            target=self.channel.target,
            name=pointer.name,
            release=pointer.release,
            previous_release=previous_release,
            newer_release=newer_release,
            refused_release=next(iter(self.assembly.refusals.met.values()), None),
            bundle=self.slots.folder(slot or pointer.slot),
            requests=source.requests,
            fetched_bytes=source.fetched_bytes,
            reused_bytes=reused_bytes,
            notes=(*answer.notes, *self.assembly.notes),
        )


def _previous(slot: str, installed: Pointer | None, *, is_intact: bool) -> str | None:
    """Return the slot to keep for going back: the one in use until now, if it is intact."""
    if installed is None:
        return None
    if installed.slot == slot:
        return installed.previous
    return installed.slot if is_intact else None
