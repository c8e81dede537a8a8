"""Holds rollouts back: opens the next ring, or halts. Only the key of ``rollout`` signs it."""

from dataclasses import dataclass
from datetime import datetime

from edge_runtime.bundle.release import (
    RolloutDocument,
    dump_document,
    rollout_path,
    scheduled_share,
)
from server.errors import RepositoryError
from server.objects import Place
from server.repository.draft import Draft
from server.repository.keys import KeyRing
from server.repository.offer import Offer, offer_of
from server.repository.repository import changing
from server.repository.roles import ROLLOUT


@dataclass(frozen=True, slots=True)
class Opened:
    """How much of a rollout is open.

    Attributes:
        target: the target.
        release: the release that is rolled out.
        share: the share of the devices that the rollout document permits.
        scheduled: the share that the schedule has opened.
        open: the share that may install the release now: the smaller of both, 0 if it is halted.
        halted: whether it is halted.
    """

    target: str
    release: int
    share: float
    scheduled: float
    open: float
    halted: bool


def promote(
    path: Place,
    keys: KeyRing,
    *,
    target: str | None = None,
    share: float | None = None,
    halt: bool = False,
    now: datetime | None = None,
) -> list[Opened]:
    """Open the next ring of a rollout that is held back, hold it back at a share, or halt it.

    Args:
        path: the repository.
        keys: the keys.
        target: the target; None for all whose release has a rollout.
        share: the share of the devices; None for the next ring.
        halt: let no further device take the release.
        now: the time that counts.

    Raises:
        RepositoryError: there is no release, or nothing holds it back.
        SigningError: a key is missing.
    """
    with changing(path) as repository:
        draft = Draft(repository, keys, now)
        draft.change(ROLLOUT)
        offers = [offer_of(repository, name) for name in ([target] if target else repository.released_targets())]
        if not offers:
            raise RepositoryError(f"{path}: found no release yet, expected one to roll out.")
        in_rings = [offer for offer in offers if offer.final.document.wave is not None]
        opened = []
        for offer in in_rings or offers:
            document = _next(offer, share, halt=halt, now=draft.now)
            draft.put(ROLLOUT, rollout_path(offer.target), dump_document(document))
            opened.append(_opened(offer, document, draft.now))
        draft.commit()
    return opened


def _next(offer: Offer, share: float | None, *, halt: bool, now: datetime) -> RolloutDocument:
    held, release = offer.rollout, offer.final.document
    if release.wave is None:
        raise RepositoryError(
            f"{offer.target}: release {release.release} has no rollout: it is for all devices at once, and cannot be "
            "held back. Undo it with `pocketrec release rollback`; publish with --wave to be able to halt."
        )
    if halt:
        share = held.share if held else scheduled_share(release.wave, now.timestamp())
    elif share is None:
        share = _next_ring(offer, now)
    return RolloutDocument(target=offer.target, manifest=offer.final.sha256, share=share, halted=halt)


def _next_ring(offer: Offer, now: datetime) -> float:
    """Return the share that a rollout goes on with: where it was halted, else its next ring.

    Raises:
        RepositoryError: nothing holds it back.
    """
    held, wave = offer.rollout, offer.final.document.wave
    if held is not None and held.halted:
        return held.share
    if held is None or held.share >= 1.0:
        share = scheduled_share(wave, now.timestamp())
        raise RepositoryError(
            f"{offer.target}: nothing holds release {offer.final.document.release} back; its schedule has opened "
            f"{share:.0%} of the devices, and goes on by itself. Hold it with --share X, stop it with --halt, or "
            "open it to all devices at once by publishing the same bundles again, without --wave."
        )
    rings = (*(wave.rings if wave else ()), 1.0)
    return next(ring for ring in rings if ring > held.share)


def _opened(offer: Offer, document: RolloutDocument, now: datetime) -> Opened:
    release, at = offer.final.document, now.timestamp()
    return Opened(
        target=offer.target,
        release=release.release,
        share=document.share,
        scheduled=scheduled_share(release.wave, at),
        open=offer.open_share(document, at),
        halted=document.halted,
    )
