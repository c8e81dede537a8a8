"""Accepts receipts of the releases on offer. It never sees who sent one."""

import logging
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from sqlalchemy.exc import SQLAlchemyError

from server.receipts.counts import Counts
from server.receipts.limit import TokenBucket
from server.releases.service import Releases

log = logging.getLogger(__name__)

RECEIPTS_A_SECOND: Final = 500.0
BURST: Final = 5000.0
MAX_RECEIPT_BYTES: Final = 1024


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device may say about a release: its target, the sha256 of its final manifest, and one bit."""

    target: Annotated[str, Meta(min_length=1, max_length=64, examples=["laptop-x86_64"])]
    manifest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]
    refused: bool


class Verdict(StrEnum):
    """What became of a receipt."""

    COUNTED = "counted"
    LIMITED = "limited"
    NOT_OFFERED = "not_offered"


class Receipts:
    """Counts receipts and downloads of the releases on offer."""

    def __init__(self, releases: Releases, counts: Counts, bucket: TokenBucket | None = None) -> None:
        self._releases, self._counts = releases, counts
        self._bucket = bucket or TokenBucket(RECEIPTS_A_SECOND, BURST)
        self._is_failing = False

    def accept(self, receipt: Receipt) -> Verdict:
        """Count a receipt, unless there are too many or nothing on offer has this manifest."""
        if not self._bucket.take():
            return Verdict.LIMITED
        release = self._releases.view.channels.get(receipt.target)
        if release is None or release.sha256 != receipt.manifest:
            return Verdict.NOT_OFFERED
        self._counts.count_release(receipt.target, receipt.manifest, "refused" if receipt.refused else "taken")
        return Verdict.COUNTED

    def note_download(self, sha256: str) -> None:
        """Count a download of a file, if it is the final manifest of a release on offer."""
        for target, release in self._releases.view.channels.items():
            if release.sha256 == sha256:
                self._counts.count_release(target, sha256, "fetched")

    async def flush(self) -> None:
        """Write the counters; a database that does not answer is logged once, and asked again later."""
        try:
            await self._counts.flush()
        except (SQLAlchemyError, OSError) as error:
            if not self._is_failing:
                log.error("cannot write the counters, and will try again: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False
